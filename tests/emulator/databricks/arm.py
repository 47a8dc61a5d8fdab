"""What Resource Manager knows of Databricks: workspaces and access connectors."""

from __future__ import annotations

import random
import re
from typing import Any

from tests.emulator import addresses
from tests.emulator.cloud import Cloud
from tests.emulator.databricks.store import forget
from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Refusal
from tests.emulator.routes import Call
from tests.emulator.state import Resource

WORKSPACE = "Microsoft.Databricks/workspaces"
_SKUS = ("premium", "standard", "trial")
_MODES = ("Hybrid", "Serverless")
_NAME = re.compile(r"[A-Za-z0-9_-]{3,64}")
_FIXED = ("managedResourceGroupId", "computeMode")  # what can't change once it is there


def find_workspace(cloud: Cloud, number: str) -> Resource | None:
    """Find a workspace by the number in its host's name; one that is being deleted is gone."""
    place = cloud.state.setting(_setting(number))
    found = cloud.state.get(place) if place else None
    if found is None or found.properties["provisioningState"] == "Deleting":
        return None
    return found if found.properties["workspaceId"] == number else None


def _setting(number: str) -> str:
    return f"databricks workspace {number}"


def _prepare_workspace(change: Change) -> None:
    properties, old = change.properties, change.old.properties if change.old else {}
    if not _NAME.fullmatch(change.id.name):
        raise _invalid(f"The workspace name '{change.id.name}' is invalid.")
    sku = (change.body.get("sku") or {}).get("name")
    if sku not in _SKUS:
        raise _invalid(f"The sku '{sku}' is not one of {', '.join(_SKUS)}.")
    if not change.body.get("location"):
        raise Refusal(400, "LocationRequired", "The location property is required.")
    mode = properties.setdefault("computeMode", old.get("computeMode", "Hybrid"))
    if mode not in _MODES:
        raise _invalid(f"The compute mode '{mode}' is not one of {', '.join(_MODES)}.")
    group = properties.get("managedResourceGroupId")
    if mode == "Hybrid" and not group:
        raise _invalid("The property 'managedResourceGroupId' is required for Hybrid workspaces.")
    if mode == "Serverless" and group:
        raise _invalid("A Serverless workspace takes no 'managedResourceGroupId'.")
    if group and str(group).lower() == change.id.group_name.lower():
        raise _invalid("The managed resource group can't be the workspace's own.")
    for name in _FIXED:
        if old and old.get(name) != properties.get(name):
            raise _invalid(f"The property '{name}' of a workspace can't be changed.")
    _give_address(change, properties, old)


def _give_address(change: Change, properties: dict[str, Any], old: dict[str, Any]) -> None:
    number = old.get("workspaceId") or str(random.SystemRandom().randrange(10**15, 10**16))
    properties.update(
        workspaceId=number,
        workspaceUrl=addresses.databricks(int(number)),
        createdDateTime=old.get("createdDateTime") or change.body["systemData"]["createdAt"],
        createdBy={
            "oid": change.call.principal.object_id,
            "applicationId": change.call.principal.client,
        },
    )
    change.cloud.state.set_setting(_setting(number), change.id.id)


def _forget_workspace(cloud: Cloud, call: Call, workspace: Resource) -> None:
    forget(cloud.state, workspace.properties["workspaceId"])


def _prepare_connector(change: Change) -> None:
    if not change.body.get("location"):
        raise Refusal(400, "LocationRequired", "The location property is required.")
    old = change.old.properties if change.old else {}
    change.properties.setdefault("referedBy", old.get("referedBy", []))  # spelled so by Azure


def _invalid(message: str) -> Refusal:
    return Refusal(400, "InvalidRequestContent", message)


KINDS: tuple[Kind, ...] = (
    Kind(
        WORKSPACE,
        prepare=_prepare_workspace,
        before_delete=_forget_workspace,
        long_running=True,
        etag=False,
    ),
    Kind("Microsoft.Databricks/accessConnectors", prepare=_prepare_connector, etag=False),
)
