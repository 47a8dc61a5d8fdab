"""What a person can do about each refusal of Azure's: the ends of the messages in `errors`.

To reword a way out, or to add one for another code, change a table here; nothing else is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# The roles that a 403 asks for, as `az role assignment create --role` takes them.
BLOB_READER = "Storage Blob Data Reader"
BLOB_CONTRIBUTOR = "Storage Blob Data Contributor"
_ON_WORKSPACE = "a role such as 'AzureML Data Scientist' on the workspace"

# By status of HTTP and Azure's own code. {role} is what the request needs.
_OF_CODES: Mapping[tuple[int, str], str] = {
    (403, "AuthenticationFailed"): (  # of the blob storage
        "what signs the request has expired: run it again, and check this machine's clock"
    ),
    (403, "KeyBasedAuthenticationNotPermitted"): (
        "the storage account takes no keys: let the datastores sign in by identity"
        " (systemDatastoresAuthMode)"
    ),
}
# By status, whatever the code.
_OF_STATUSES: Mapping[int, str] = {
    401: "sign in again with `az login`",
    403: "who is signed in needs {role}",
    409: "something else is changing it: look at it and try again",
    429: "Azure limits how often it is asked: try again in a minute",
}
_OF_SERVERS = "this is Azure's own trouble: try again in a while"  # 500 and above
# Where no answer came, by words of what was said instead; the first that fits.
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
# Of a token that another tenant gave than the one that the subscription trusts.
_TENANT = re.compile(r"must match the tenant '?https://[^/]+/([0-9a-fA-F-]{36})")
_IF_UNREACHABLE_ELSE = "check the network and try again"


def way_out(status: int, code: str, role: str | None, said: str = "") -> str | None:
    """What to do about a refusal; None where Azure's own words have to do.

    `role` is the one on the storage that the request needs; None for one on the workspace. `said`
    is Azure's message.
    """
    if status == 401 and (tenant := _TENANT.search(said)):
        return f"sign in to the subscription's tenant with `az login --tenant {tenant[1]}`"
    text = _OF_CODES.get((status, code)) or _OF_STATUSES.get(status)
    if text is None:
        return _OF_SERVERS if status >= 500 else None
    return text.format(role=f"the role {role!r}" if role else _ON_WORKSPACE)


def way_out_if_unreachable(said: str) -> str:
    """What to do where no answer came, and `said` is what the network's packages say of it."""
    lower = said.lower()
    for words, text in _IF_UNREACHABLE.items():
        if any(word in lower for word in words):
            return text
    return _IF_UNREACHABLE_ELSE
