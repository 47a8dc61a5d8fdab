"""Managed online endpoints and their deployments."""

from __future__ import annotations

import secrets
import time
from typing import Any

from tests.emulator.batch.invocation import seconds_of
from tests.emulator.cloud import Cloud
from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Refusal, Response, answer
from tests.emulator.ml.containers import let_it_crash
from tests.emulator.ml.deployment_access import let_it_lack_access
from tests.emulator.ml.endpoints import (
    ONLINE,
    add_last_operation,
    address,
    check_deployment,
    check_endpoint,
    deployment_names,
    require_kept,
)
from tests.emulator.ml.quota import require_cores_for_deployment
from tests.emulator.ml.refusals import (
    conflict,
    invalid,
    refused_by_inference,
    require_unchanged,
)
from tests.emulator.ml.workspace_identity import require_made_by_workspace
from tests.emulator.routes import Call
from tests.emulator.state import Resource
from tests.emulator.tokens import SECONDS_VALID

_MOST_MIRRORED = 50  # percent
_MOST_DEPLOYMENTS = 20  # of an endpoint
_MOST_SECONDS = 180  # of a request
_KEYS = ("primaryKey", "secondaryKey")


def _prepare_endpoint(change: Change) -> None:
    require_kept(change)
    check_endpoint(change)
    properties = change.properties
    deployments = deployment_names(change.cloud, change.id.id)
    for name in ("traffic", "mirrorTraffic"):
        properties.setdefault(name, {})
        for deployment, percent in properties[name].items():
            if deployment.lower() not in deployments:
                raise invalid(
                    f"The {name} of the endpoint '{change.id.name}' names the deployment"
                    f" '{deployment}', which does not exist.",
                    f"properties.{name}",
                )
            if not 0 <= percent <= 100:
                raise invalid(f"The {name} of '{deployment}' is {percent}: 0 to 100 it can be.")
    total = sum(properties["traffic"].values())
    if total not in (0, 100):
        raise invalid(
            f"The traffic of the endpoint '{change.id.name}' sums to {total}; it must sum to 0 or"
            " 100.",
            "properties.traffic",
        )
    _check_mirror(properties)
    properties.setdefault("publicNetworkAccess", "Enabled")
    properties.update(
        scoringUri=address(change, "/score"), swaggerUri=address(change, "/swagger.json")
    )
    for key in _KEYS:
        change.secrets.setdefault(key, secrets.token_urlsafe(32))
    add_last_operation(change)


def _check_mirror(properties: dict[str, Any]) -> None:
    mirrored = {name: share for name, share in properties["mirrorTraffic"].items() if share}
    if len(mirrored) > 1:
        raise invalid("Traffic is mirrored to one deployment at most.", "properties.mirrorTraffic")
    for name, share in mirrored.items():
        if share > _MOST_MIRRORED:
            raise invalid(
                f"The mirrorTraffic of '{name}' is {share}: {_MOST_MIRRORED} percent it can be.",
                "properties.mirrorTraffic",
            )
        if properties["traffic"].get(name):
            raise invalid(
                f"The deployment '{name}' gets live traffic, so none can be mirrored to it.",
                "properties.mirrorTraffic",
            )


def _require_recoverable(change: Change) -> None:
    """Refuse to change a deployment that never got ready."""
    old = change.old
    if old is None:
        return
    if old.properties.get("provisioningState") == "Succeeded":
        change.secrets["was ready"] = True
    elif not change.secrets.get("was ready"):
        raise refused_by_inference(
            f"Specified deployment [{change.id.name}] failed during initial provisioning and is in"
            " an unrecoverable state. Delete and re-create."
        )


def _prepare_deployment(change: Change) -> None:
    require_made_by_workspace(change, "onlineEndpoints/deployments/write")
    _require_recoverable(change)
    properties = change.properties
    if not properties.get("model") and not properties.get("environmentId"):
        raise invalid("'properties.model' is required.", "properties.model")
    model = check_deployment(change)
    require_unchanged(change.old, properties, "endpointComputeType", "instanceType")
    if properties["endpointComputeType"] == "Managed" and not properties.get("instanceType"):
        raise invalid("'properties.instanceType' is required.", "properties.instanceType")
    scale = (properties.get("scaleSettings") or {}).get("scaleType")
    if properties["endpointComputeType"] == "Managed" and scale not in (None, "Default"):
        raise refused_by_inference(
            f"ScaleType {scale} is not supported for Managed deployments.", "scaleSettings"
        )
    change.body.setdefault("sku", {"name": "Default", "capacity": 1})
    if (change.body["sku"].get("capacity") or 0) < 1:
        raise invalid("'sku.capacity', the number of instances, must be 1 or more.", "sku")
    require_cores_for_deployment(change)
    if change.old is None and len(deployment_names(change.cloud, change.id.parent)) >= (
        _MOST_DEPLOYMENTS
    ):
        raise invalid(f"An endpoint has {_MOST_DEPLOYMENTS} deployments at most.")
    properties.setdefault("appInsightsEnabled", False)
    properties.setdefault("egressPublicNetworkAccess", "Enabled")
    properties.setdefault("scaleSettings", {"scaleType": "Default"})
    properties["requestSettings"] = {
        "maxConcurrentRequestsPerInstance": 1,
        "maxQueueWait": "PT0.5S",
        "requestTimeout": "PT5S",
    } | (properties.get("requestSettings") or {})
    if seconds_of(properties["requestSettings"]["requestTimeout"]) > _MOST_SECONDS:
        raise invalid(
            f"'requestSettings.requestTimeout' can be {_MOST_SECONDS} seconds at most.",
            "properties.requestSettings.requestTimeout",
        )
    for probe in ("livenessProbe", "readinessProbe"):
        properties[probe] = {
            "failureThreshold": 30,
            "initialDelay": "PT10S",
            "period": "PT10S",
            "successThreshold": 1,
            "timeout": "PT2S",
        } | (properties.get(probe) or {})
    add_last_operation(change)
    if not let_it_lack_access(change):
        let_it_crash(change, model)


def _before_deployment_delete(cloud: Cloud, call: Call, deployment: Resource) -> None:
    endpoint = cloud.state.get(deployment.key.rpartition("/deployments/")[0])
    name = deployment.body["name"]
    for kind in ("traffic", "mirrorTraffic"):
        shares = (endpoint.properties.get(kind) or {}) if endpoint else {}
        if any(share and named.lower() == name.lower() for named, share in shares.items()):
            raise conflict(
                f"The deployment '{name}' has {kind} and cannot be deleted. Give its share to other"
                " deployments first."
            )


def _list_keys(cloud: Cloud, call: Call, endpoint: Resource) -> Response:
    _require_mode(endpoint, "Key")
    return answer(200, {key: endpoint.secrets[key] for key in _KEYS})


def _regenerate_keys(cloud: Cloud, call: Call, endpoint: Resource) -> Response:
    _require_mode(endpoint, "Key")
    sent = call.request.json() or {}
    key = {"primary": "primaryKey", "secondary": "secondaryKey"}.get(
        str(sent.get("keyType")).lower()
    )
    if key is None:
        raise invalid("'keyType' can be 'Primary' or 'Secondary'.", "keyType")
    changed = {**endpoint.secrets, key: secrets.token_urlsafe(32)}
    parent = endpoint.key.rpartition("/onlineendpoints/")[0]
    cloud.state.put(parent, endpoint.type, endpoint.body, changed)
    return answer(200)


def _token(cloud: Cloud, call: Call, endpoint: Resource) -> Response:
    _require_mode(endpoint, "AMLToken")
    now = int(time.time())
    return answer(
        200,
        {
            "accessToken": cloud.tokens.issue(token_audience(endpoint)),
            "expiryTimeUtc": now + SECONDS_VALID,
            "refreshAfterTimeUtc": now + SECONDS_VALID // 2,
            "tokenType": "Bearer",
        },
    )


def token_audience(endpoint: Resource) -> str:
    """Give the audience of the tokens that an endpoint in the mode AMLToken asks for."""
    return str(endpoint.properties["scoringUri"]).removesuffix("/score")


def _require_mode(endpoint: Resource, mode: str) -> None:
    if endpoint.properties["authMode"] != mode:
        raise Refusal(
            400,
            "UserError",
            f"The endpoint '{endpoint.body['name']}' has the authentication mode"
            f" '{endpoint.properties['authMode']}', not '{mode}'.",
        )


def _logs(cloud: Cloud, call: Call, deployment: Resource) -> Response:
    return answer(200, {"content": deployment.secrets.get("log", "")})


KINDS: tuple[Kind, ...] = (
    Kind(
        ONLINE,
        model="OnlineEndpoint",
        patch_model="PartialMinimalTrackedResourceWithIdentity",
        prepare=_prepare_endpoint,
        long_running=True,
        paged=True,
        etag=False,
        actions={"listkeys": _list_keys, "regeneratekeys": _regenerate_keys, "token": _token},
    ),
    Kind(
        f"{ONLINE}/deployments",
        model="OnlineDeployment",
        patch_model="PartialMinimalTrackedResourceWithSku",
        prepare=_prepare_deployment,
        before_delete=_before_deployment_delete,
        long_running=True,
        paged=True,
        etag=False,
        actions={"getlogs": _logs},
    ),
)
