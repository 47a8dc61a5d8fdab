"""Connections of a workspace: their secrets lie in its key vault, and are shown to few."""

from __future__ import annotations

from tests.emulator import authorization
from tests.emulator.cloud import Cloud
from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Response, answer
from tests.emulator.ml.references import WORKSPACE
from tests.emulator.routes import Call
from tests.emulator.state import Resource

_TYPE = f"{WORKSPACE}/connections"


def _prepare(change: Change) -> None:
    """Keep the secrets in the workspace's vault, as the workspace's identity."""
    state, workspace = change.cloud.state, change.parent()
    vault = state.get(workspace.properties["keyVault"])
    identity = authorization.identity_of(state, workspace)
    action = authorization.WRITE_SECRETS
    if vault is not None:
        authorization.require_in_vault(state, identity, action, vault, change.id.name)
    change.secrets["credentials"] = change.properties.pop("credentials", {})


def _list_secrets(cloud: Cloud, call: Call, connection: Resource) -> Response:
    shown = {**connection.properties, "credentials": connection.secrets["credentials"]}
    return answer(200, {**connection.body, "properties": shown})


KIND = Kind(
    _TYPE,
    model="WorkspaceConnectionPropertiesV2BasicResource",
    prepare=_prepare,
    provisioned=False,
    etag=False,
    actions={"listsecrets": _list_secrets},
)
