"""Workspaces, and the datastores they are born with."""

from __future__ import annotations

import re
import uuid

from tests.emulator import addresses
from tests.emulator.authorization import STORAGE_ACCOUNT
from tests.emulator.cloud import Cloud
from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Refusal, Response, answer
from tests.emulator.ml.datastores import put_default_datastores
from tests.emulator.ml.networks import prepare_network, view_workspace
from tests.emulator.ml.references import WORKSPACE
from tests.emulator.ml.refusals import invalid, require_unchanged
from tests.emulator.ml.workspace_identity import require_services
from tests.emulator.routes import Call
from tests.emulator.state import Resource

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")
_NEEDS = {
    "storageAccount": STORAGE_ACCOUNT,
    "keyVault": "Microsoft.KeyVault/vaults",
}
_MAY_HAVE = {
    "applicationInsights": "Microsoft.Insights/components",
    "containerRegistry": "Microsoft.ContainerRegistry/registries",
}


def _prepare(change: Change) -> None:
    if not _NAME.fullmatch(change.id.name):
        raise invalid(
            f"'{change.id.name}' is no name of a workspace: 3 to 33 letters, digits, - _."
        )
    if change.old is None and change.cloud.state.setting(_kept(change.id.id)):
        raise Refusal(
            400,
            "BadRequest",
            "Soft-deleted workspace exists. Please purge or recover it. https://aka.ms/wsoftdelete",
        )
    if not change.body.get("location"):
        raise invalid("'location' is required.", "location")
    if not (change.body.get("identity") or {}).get("type"):
        raise invalid("'identity' is required for a workspace.", "identity")
    properties, old = change.properties, change.old
    require_unchanged(old, properties, *_NEEDS, "hbiWorkspace")
    for name, resource_type in {**_NEEDS, **_MAY_HAVE}.items():
        _require_resource(change, name, resource_type, required=name in _NEEDS)
    _require_plain_storage(change)
    known = old.properties if old else {}
    location = change.body["location"]
    api = addresses.workspace_api(location)
    properties.update(
        workspaceId=known.get("workspaceId") or str(uuid.uuid4()),
        tenantId=change.cloud.application.tenant,
        discoveryUrl=f"{api}/discovery",
        mlFlowTrackingUri=f"azureml{api.removeprefix('https')}/mlflow/v1.0{change.id.id}",
        storageHnsEnabled=False,
        privateLinkCount=0,
    )
    properties.setdefault("friendlyName", change.id.name)
    properties.setdefault("hbiWorkspace", False)
    properties.setdefault("publicNetworkAccess", "Enabled")
    properties.setdefault("systemDatastoresAuthMode", "accessKey")
    change.body.setdefault("kind", "Default")
    change.body.setdefault("sku", {"name": "Basic", "tier": "Basic"})
    require_services(change)
    change.created.append(lambda: put_default_datastores(change))
    prepare_network(change)


def _keep(cloud: Cloud, call: Call, workspace: Resource) -> None:
    """Keep the name of a deleted workspace in its group, so that it can be recovered."""
    if call.request.query.get("forceToPurge", "").lower() == "true":
        return
    cloud.state.set_setting(_kept(workspace.key), "deleted")


def _kept(workspace_id: str) -> str:
    return f"workspace {workspace_id.lower()}"


def _require_resource(change: Change, name: str, resource_type: str, *, required: bool) -> None:
    given = change.properties.get(name)
    if not given:
        if required:
            raise invalid(f"'properties.{name}' is required.", f"properties.{name}")
        return
    found = change.cloud.state.get(str(given))
    if found is None or found.type != resource_type.lower():
        raise invalid(f"'properties.{name}' is '{given}', which does not exist.", name)


def _require_plain_storage(change: Change) -> None:
    account = change.cloud.state.get(str(change.properties["storageAccount"]))
    if account is None:
        return
    if account.properties.get("isHnsEnabled"):
        raise invalid(
            "The storage account of a workspace can have no hierarchical namespace.",
            "properties.storageAccount",
        )
    if str((account.body.get("sku") or {}).get("name")).startswith("Premium"):
        raise invalid(
            "The storage account of a workspace can be no premium one.",
            "properties.storageAccount",
        )


def _list_keys(cloud: Cloud, call: Call, workspace: Resource) -> Response:
    account = cloud.state.get(workspace.properties["storageAccount"])
    insights = cloud.state.get(str(workspace.properties.get("applicationInsights")))
    return answer(
        200,
        {
            "userStorageKey": account.secrets["key"] if account else None,
            "userStorageResourceId": workspace.properties["storageAccount"],
            "appInsightsInstrumentationKey": (
                insights.properties["InstrumentationKey"] if insights else None
            ),
        },
    )


KIND = Kind(
    WORKSPACE,
    model="Workspace",
    patch_model="WorkspaceUpdateParameters",
    prepare=_prepare,
    before_delete=_keep,
    view=view_workspace,
    long_running=True,
    etag=True,
    actions={"listkeys": _list_keys},
    also=("allowRoleAssignmentOnRG", "ipAllowlist", "networkAcls", "softDeleteRetentionInDays"),
)
