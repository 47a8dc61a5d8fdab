"""People and pipelines that sign in, and are held to the roles that they were given.

A cloud lets everybody who signs in do everything, but for those whom it `holds` to their roles.
"""

from __future__ import annotations

from tests.emulator import authorization
from tests.emulator.authorization import Identity
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Refusal, Request
from tests.emulator.tokens import Principal

_ML = "Microsoft.MachineLearningServices/workspaces"
INVOKE_BATCH = f"{_ML}/batchEndpoints/jobs/write"
INVOKE_ONLINE = f"{_ML}/onlineEndpoints/score/action"
READ_RUNS = f"{_ML}/experiments/runs/read"

_BLOB_ACTIONS = {
    "GET": authorization.READ_BLOBS,
    "HEAD": authorization.READ_BLOBS,
    "DELETE": authorization.DELETE_BLOBS,
}
_SUBSCRIPTION_PARTS = 3  # of a path that goes no further


def require_on_resources(cloud: Cloud, request: Request, principal: Principal) -> None:
    """Refuse a request to Resource Manager that the principal has no role for."""
    path = request.path.rstrip("/")
    if path.count("/") < _SUBSCRIPTION_PARTS or "/locations/" in path.lower():
        return  # whose subscriptions there are, and how far an operation is
    action, scope = authorization.action_of(request)
    authorization.require(cloud.state, _held(cloud, principal), action, scope)


def require_in_workspace(cloud: Cloud, principal: Principal, action: str, scope: str) -> None:
    """Refuse what the principal has no role for, as a workspace's data plane does."""
    authorization.require_in_workspace(cloud.state, _held(cloud, principal), action, scope)


def require_to_score(cloud: Cloud, principal: Principal, endpoint: str) -> None:
    """Refuse whoever has no role to ask an online endpoint; Azure answers 401, and not 403."""
    identity = _held(cloud, principal)
    if authorization.lacks(cloud.state, identity, INVOKE_ONLINE, endpoint):
        raise Refusal(401, "Unauthorized", f"No permission for {INVOKE_ONLINE}.")


def lacks_blobs(cloud: Cloud, request: Request, principal: Principal, account: str) -> bool:
    """Return whether the principal has no role for a request to the blobs of an account."""
    found = authorization.account_named(cloud.state, account)
    action = _BLOB_ACTIONS.get(request.method, authorization.WRITE_BLOBS)
    identity = _held(cloud, principal)
    return found is not None and authorization.lacks(
        cloud.state, identity, action, found.key, data=True
    )


def _held(cloud: Cloud, principal: Principal) -> Identity | None:
    if principal.object_id not in cloud.held:
        return None
    return Identity(principal.object_id, principal.client, principal.tenant)
