"""Finds the secrets that a deployment's variables refer to: Azure reads them as the endpoint.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-online-endpoint-with-secret-injection
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from runner.errors import WrongUsage

_REFERENCE = re.compile(
    r"\s*\$\{\{\s*(?:azureml://connections/(?P<connection>[^/\s}]+)|keyvault:(?:https://)?"
    r"(?P<vault>[\w-]+)).*\}\}\s*",
    re.DOTALL,
)


def is_reference(value: str) -> bool:
    """Return whether the value of a variable is a reference to a secret."""
    return _REFERENCE.fullmatch(value) is not None


def connections_of(variables: Mapping[str, str]) -> frozenset[str]:
    """Return the connections of the workspace whose secrets are referred to."""
    return _named(variables, "connection")


def vaults_of(variables: Mapping[str, str]) -> frozenset[str]:
    """Return the names of the key vaults whose secrets are referred to."""
    return _named(variables, "vault")


def without_references(
    variables: Mapping[str, str], given: Mapping[str, str], whose: str
) -> dict[str, str]:
    """Return the variables without those that refer to a secret, which have to be `given`.

    `whose` names their owner in messages. Raises WrongUsage for a secret that is not given.
    """
    referring = {name for name, value in variables.items() if is_reference(value)}
    if missing := sorted(referring - given.keys()):
        raise WrongUsage(
            f"{whose}: {', '.join(missing)} {'is a secret' if len(missing) == 1 else 'are secrets'}"
            f" that Azure alone reads ({variables[missing[0]].strip()}): to run it here, set it"
            f" first, with `export {missing[0]}=...`"
        )
    return {name: value for name, value in variables.items() if name not in referring}


def _named(variables: Mapping[str, str], kind: str) -> frozenset[str]:
    found = (_REFERENCE.fullmatch(value) for value in variables.values())
    return frozenset(match[kind] for match in found if match and match[kind])
