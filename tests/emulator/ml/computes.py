"""Computes of a workspace; of clusters (AmlCompute) the rules are known."""

from __future__ import annotations

import re

from tests.emulator.cloud import Cloud
from tests.emulator.kinds import Change, Kind
from tests.emulator.ml.quota import let_it_lack_cores
from tests.emulator.ml.references import WORKSPACE
from tests.emulator.ml.refusals import conflict, invalid, require_unchanged
from tests.emulator.ml.workspace_identity import require_made_by_workspace
from tests.emulator.resources import system_data
from tests.emulator.routes import Call
from tests.emulator.state import Resource

_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{1,30})[A-Za-z0-9]")

_ACTIONS = ("Delete", "Detach")


def _prepare(change: Change) -> None:
    require_made_by_workspace(change, "computes/write")
    if not _NAME.fullmatch(change.id.name):
        raise invalid(
            f"'{change.id.name}' is no name of a compute: 3 to 32 letters, digits and hyphens,"
            " beginning with a letter and not ending with a hyphen."
        )
    properties = change.properties
    if not properties:
        raise invalid("'properties' is required.", "properties")
    old = change.old
    require_unchanged(old, properties, "computeType", "disableLocalAuth")
    now = system_data(change.call)["createdAt"]
    properties.update(
        createdOn=old.properties.get("createdOn", now) if old else now,
        modifiedOn=now,
        isAttachedCompute=False,
        provisioningErrors=None,
    )
    properties.setdefault("computeLocation", change.parent().body["location"])
    if properties["computeType"] == "AmlCompute":
        _prepare_cluster(change)


def _prepare_cluster(change: Change) -> None:
    cluster = dict(change.properties.get("properties") or {})
    before = (change.old.properties.get("properties") or {}) if change.old else {}
    for name in ("vmSize", "vmPriority", "osType", "subnet", "enableNodePublicIp"):
        if name in before and name in cluster and cluster[name] != before[name]:
            raise invalid(f"The cluster's '{name}' cannot be changed.", f"properties.{name}")
        if name in before:
            cluster.setdefault(name, before[name])
    if not cluster.get("vmSize"):
        raise invalid("'properties.properties.vmSize' is required.", "vmSize")
    let_it_lack_cores(change, cluster["vmSize"])
    scale = cluster.get("scaleSettings") or before.get("scaleSettings")
    if not scale:
        raise invalid("'properties.properties.scaleSettings' is required.", "scaleSettings")
    scale.setdefault("minNodeCount", 0)
    if scale["minNodeCount"] > scale["maxNodeCount"]:
        raise invalid("'minNodeCount' is greater than 'maxNodeCount'.", "scaleSettings")
    scale.setdefault("nodeIdleTimeBeforeScaleDown", "PT120S")
    cluster["scaleSettings"] = scale
    cluster.setdefault("vmPriority", "Dedicated")
    cluster.setdefault("osType", "Linux")
    cluster.setdefault("enableNodePublicIp", True)
    cluster.setdefault("remoteLoginPortPublicAccess", "NotSpecified")
    cluster.update(
        allocationState="Steady",
        currentNodeCount=scale["minNodeCount"],
        targetNodeCount=scale["minNodeCount"],
    )
    change.properties["properties"] = cluster


def _before_delete(cloud: Cloud, call: Call, compute: Resource) -> None:
    action = call.request.query.get("underlyingResourceAction")
    if action not in _ACTIONS:
        raise invalid(
            f"The query parameter 'underlyingResourceAction' is required: {' or '.join(_ACTIONS)}.",
            "underlyingResourceAction",
        )
    workspace = compute.key.rpartition("/computes/")[0]
    for deployment in cloud.state.of_type(f"{WORKSPACE}/batchEndpoints/deployments", workspace):
        if str(deployment.properties.get("compute")).lower() == compute.key:
            raise conflict(
                f"The compute '{compute.body['name']}' is used by the deployment"
                f" '{deployment.body['id']}'."
            )


KIND = Kind(
    f"{WORKSPACE}/computes",
    model="ComputeResource",
    patch_model="ClusterUpdateParameters",
    prepare=_prepare,
    before_delete=_before_delete,
    long_running=True,
    paged=True,
    etag=False,
)
