"""Finds variables that hold a secret in clear, as far as a name and a value tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from runner.declarations.secret_references import is_reference

# The references with which Azure reads the secret as the endpoint's identity.
# Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-online-endpoint-with-secret-injection
WAY_OUT: Final = (
    "write ${{azureml://connections/<connection>/credentials/<name>}} or"
    " ${{keyvault:https://<vault>.vault.azure.net/secrets/<name>/<version>}} instead, which Azure"
    " reads as the endpoint's identity"
)
# Whatever the variable is called, this opens something.
_VALUE = re.compile(
    r"(AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd)\s*=\s*[^;\s]"
    r"|[?&]sig=[^&\s]"  # a SAS
    r"|\w://[^/\s:@]+:[^/\s@]+@"  # an address with a password
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\."  # a JSON web token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b(sk|pk|rk)[-_](\w+[-_])*\w{20}|\bgh[pousr]_\w{30}|\bgithub_pat_\w{20}|\bhf_\w{30}"
    r"|\bdapi[0-9a-f]{32}|\bAKIA[0-9A-Z]{16}|\bxox[abpr]-\w{10}"
    r"|\b\w{3}[78]Q~[\w.~-]{31,34}"  # the secret of an application in Entra
    r"|[A-Za-z0-9+/]{86}==",  # the key of a storage account
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
# The endings of a secret's name. A bare KEY is also what columns and rows have.
_NOUN = re.compile(r"credentials?|passphrase|passw(or)?d|pat|pwd|sas|secret|token")
_KEY_OF = re.compile(
    r"access|account|admin|api|auth|client|encryption|function|master|openai|primary|private|secret"
    r"|shared|signing|storage"
)
# Settings that are no secret, whatever they are called: switches, numbers, and paths.
_PLAIN = re.compile(r"\s*(true|false|none|null|[\d.]+|\.{0,2}/[\w./-]*|<.*>)?\s*", re.IGNORECASE)
_SHORTEST = 8  # characters


def in_clear(variables: Mapping[str, str]) -> list[str]:
    """Return the names of variables that seem to hold a key, a password or a token."""
    return sorted(name for name, value in variables.items() if _looks_secret(name, value))


def _looks_secret(name: str, value: str) -> bool:
    if is_reference(value):
        return False
    if _VALUE.search(value):
        return True
    if _PLAIN.fullmatch(value) or len(value.strip()) < _SHORTEST:
        return False
    return _names_secret([word.lower() for word in _WORD.findall(name)])


def _names_secret(words: list[str]) -> bool:
    if not words:
        return False
    if "".join(words).endswith(("apikey", "connectionstring", "connstr")):
        return True
    if words[-1] == "key":
        return bool(_KEY_OF.fullmatch(words[-2])) if len(words) > 1 else False
    return bool(_NOUN.fullmatch(words[-1]))
