"""The calls that a workspace makes itself, with the identity that it was given.

Azure's own words for a role that such an identity lacks are not recorded; said is what Resource
Manager answers to the request that it makes.
"""

from __future__ import annotations

from tests.emulator import authorization
from tests.emulator.kinds import Change
from tests.emulator.ml.references import WORKSPACE

_SERVICES = {
    "storageAccount": "Microsoft.Storage/storageAccounts/write",
    "keyVault": "Microsoft.KeyVault/vaults/write",
    "applicationInsights": "Microsoft.Insights/components/write",
    "containerRegistry": "Microsoft.ContainerRegistry/registries/write",
}
_APPROVE = f"{WORKSPACE}/privateEndpointConnectionsApproval/action"


def require_services(change: Change) -> None:
    """Refuse a workspace whose identity may not set up the services that it names.

    With a managed network it also approves the connections to itself, before it is there.
    """
    state = change.cloud.state
    identity = authorization.identity_of(state, change.body)
    for name, action in _SERVICES.items():
        if service := change.properties.get(name):
            authorization.require(state, identity, action, str(service))
    if change.old is None and change.properties.get("provisionNetworkNow"):
        authorization.require(state, identity, _APPROVE, change.id.id)


def require_made_by_workspace(change: Change, action: str) -> None:
    """Refuse what a workspace makes for whoever asks, where its identity may not."""
    state = change.cloud.state
    workspace = "/".join(change.id.id.split("/")[:9])
    identity = authorization.identity_of(state, state.get(workspace))
    authorization.require(state, identity, f"{WORKSPACE}/{action}", workspace)
