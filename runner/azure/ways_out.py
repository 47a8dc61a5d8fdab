"""Tables of what a person can do about each refusal of Azure, for the ends of error messages.

To reword a way out, or to add one for another code, change a table; nothing else is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# The roles that a 403 asks for, as `az role assignment create --role` takes them.
BLOB_READER = "Storage Blob Data Reader"
BLOB_CONTRIBUTOR = "Storage Blob Data Contributor"
_ON_WORKSPACE = "a role such as 'AzureML Data Scientist' on the workspace"

# By status of HTTP and Azure's own code.
_OF_CODES: Mapping[tuple[int, str], str] = {
    (403, "AuthenticationFailed"): (  # of the blob storage
        "what signs the request has expired: run it again, and check this machine's clock"
    ),
    (403, "KeyBasedAuthenticationNotPermitted"): (
        "the storage account takes no keys: let the datastores sign in by identity"
        " (systemDatastoresAuthMode)"
    ),
    # https://learn.microsoft.com/troubleshoot/azure/azure-storage/blobs/authentication/storage-troubleshoot-403-errors
    (403, "AuthorizationFailure"): (  # AuthorizationPermissionMismatch is the one of a missing role
        "its network rules keep this machine out, whatever the role: run it inside the account's"
        " network, or `az storage account network-rule add --account-name {account} --ip-address"
        " ADDRESS` with the address that this machine has outside"
    ),
}
# By words of Azure's code and message, whatever the status; the first that matches counts. The
# text can use the groups of its pattern.
_OF_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), text)
    for pattern, text in (
        # The token is of another tenant than the one that the subscription trusts.
        (
            r"must match the tenant '?https://[^/]+/(?P<tenant>[0-9a-f-]{36})",
            "sign in to the subscription's tenant with `az login --tenant {tenant}`",
        ),
        # https://github.com/Azure/azure-cli-extensions/issues/6294
        # https://github.com/MicrosoftDocs/azure-docs/issues/90426
        (
            "designated private link|private link configuration",
            "the workspace is behind a private link, and no role opens it from here: run it inside"
            " its network (over a VPN, or on a machine there)",
        ),
        # https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
        (
            r"Client address: (?P<address>[\d.a-f:]+).*?Vault: (?P<vault>[\w-]+)",
            "the key vault's firewall keeps this address out, whatever the role: run it inside its"
            " network, or `az keyvault network-rule add --name {vault} --ip-address {address}`",
        ),
        (
            "ForbiddenByFirewall|ForbiddenByConnection|not a trusted service",
            "the key vault's firewall keeps this machine out, whatever the role: run it inside its"
            " network, or `az keyvault network-rule add --name VAULT --ip-address ADDRESS`",
        ),
        (
            "ForbiddenByRbac|Caller is not authorized to perform action on resource",
            "the caller needs a role such as 'Key Vault Secrets User' on the key vault",
        ),
        # https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access
        (
            r"client with IP '?(?P<address>[\d.a-f:]+)'? is not allowed access",
            "the container registry's firewall keeps this address out, whatever the role: run it"
            " inside its network, or `az acr network-rule add --name REGISTRY --ip-address"
            " {address}`",
        ),
    )
)
# By status, whatever the code. {role} is what the request needs.
_OF_STATUSES: Mapping[int, str] = {
    401: "sign in again with `az login`",
    403: "who is signed in needs {role}",
    409: "something else is changing it: look at it and try again",
    429: "Azure limits how often it is asked: try again in a minute",
}
_OF_SERVERS = "this is Azure's own trouble: try again in a while"  # 500 and above
# Where no answer came, by words of the network's error; the first that matches counts.
_IF_UNREACHABLE: Mapping[tuple[str, ...], str] = {
    ("proxy",): "check HTTPS_PROXY and NO_PROXY",
    ("certificate", "ssl"): (
        "where a proxy signs for itself, name its certificates in REQUESTS_CA_BUNDLE"
    ),
    ("resolve", "getaddrinfo", "name or service"): (
        "check the network, and a workspace behind a private link from inside its network"
    ),
    ("timed out", "timeout"): "try again, or raise RUNNER_TIMEOUT (seconds)",
}
_IF_UNREACHABLE_ELSE = "check the network and try again"


def way_out(status: int, code: str, role: str | None, said: str = "", host: str = "") -> str | None:
    """Return what to do about a refusal; None where Azure's own words must be enough.

    `role` is the role on the storage that the request needs; None stands for one on the workspace.
    `said` is Azure's message, and `host` answered.
    """
    if text := _OF_CODES.get((status, code)):
        return text.format(account=host.partition(".")[0] or "ACCOUNT")
    if text := way_out_of_words(f"{code} {said}"):
        return text
    if text := _OF_STATUSES.get(status):
        return text.format(role=f"the role {role!r}" if role else _ON_WORKSPACE)
    return _OF_SERVERS if status >= 500 else None


def way_out_of_words(said: str) -> str | None:
    """Return what to do about the words of a service, in its answer or in the error of a job."""
    for pattern, text in _OF_WORDS:
        if found := pattern.search(said):
            return text.format(**found.groupdict())
    return None


def way_out_if_unreachable(said: str) -> str:
    """Return what to do where no answer came; `said` is the error of the network's packages."""
    lower = said.lower()
    found = (
        text for words, text in _IF_UNREACHABLE.items() if any(word in lower for word in words)
    )
    return next(found, _IF_UNREACHABLE_ELSE)
