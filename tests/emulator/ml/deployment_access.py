"""The access of an online deployment to its image, its model and its secrets.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.declarations.secret_references import connections_of, vaults_of
from tests.emulator import authorization
from tests.emulator.authorization import Identity
from tests.emulator.kinds import Change
from tests.emulator.messages import Refusal
from tests.emulator.ml import images
from tests.emulator.ml.references import workspace_of
from tests.emulator.state import Resource, State

_STARTUP = (
    "Startup task failed due to authorization error. Please see troubleshooting guide, available"
    " here: https://aka.ms/oe-tsg#error-badargument"
)
_VAULT = "Microsoft.KeyVault/vaults"
_LIST_SECRETS = "Microsoft.MachineLearningServices/workspaces/connections/listsecrets/action"


def let_it_lack_access(change: Change) -> bool:
    """Let the change fail where the deployment would lack a role; gives whether it does."""
    error = _error(change)
    if error is None:
        return False
    change.created.append(lambda: change.cloud.operations.plan(change.id.id, error=error))
    return True


def _error(change: Change) -> tuple[str, str] | None:
    state = change.cloud.state
    workspace = state.get(workspace_of(change.id))
    if workspace is None:
        return None
    if reason := images.build_fails(change, workspace):
        return images.FAILED, reason
    identity = authorization.identity_of(state, change.parent())
    if identity is None:
        return None
    registry = workspace.properties.get("containerRegistry")
    storage = str(workspace.properties["storageAccount"])
    if registry and authorization.lacks(state, identity, authorization.PULL_IMAGES, registry):
        return "BadArgument", f"{_STARTUP} (AcrPull on {registry})"
    needed = [authorization.READ_BLOBS]
    if change.properties.get("dataCollector"):
        needed.append(authorization.WRITE_BLOBS)
    for action in needed:
        if authorization.lacks(state, identity, action, storage, data=True):
            return "BadArgument", f"{_STARTUP} ({action} on {storage})"
    variables = change.properties.get("environmentVariables") or {}
    if reason := _missing_secret(state, identity, workspace, variables):
        return "SecretsInjectionError", reason
    return None


def _missing_secret(
    state: State, identity: Identity, workspace: Resource, variables: Mapping[str, str]
) -> str | None:
    """Say why one of the secrets that variables refer to can't be read; None where all can."""
    action = authorization.READ_SECRETS
    try:
        for name in sorted(connections_of(variables)):
            connection = f"{workspace.body['id']}/connections/{name}"
            authorization.require(state, identity, _LIST_SECRETS, connection)
        for vault in state.of_type(_VAULT):
            if vault.body["name"] in vaults_of(variables):
                authorization.require_in_vault(state, identity, action, vault, "")
    except Refusal as refusal:
        return str(refusal.error["message"])
    return None
