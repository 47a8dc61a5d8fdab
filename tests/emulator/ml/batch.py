"""Batch endpoints and their deployments."""

from __future__ import annotations

from tests.emulator.cloud import Cloud
from tests.emulator.kinds import Change, Kind
from tests.emulator.ml import references
from tests.emulator.ml.endpoints import (
    BATCH,
    address,
    check_deployment,
    check_endpoint,
    deployment_names,
    require_tags,
)
from tests.emulator.ml.references import workspace_of
from tests.emulator.ml.refusals import conflict, invalid, require_unchanged
from tests.emulator.routes import Call
from tests.emulator.state import Resource

_AT_LEAST = {"errorThreshold": -1, "miniBatchSize": 1, "maxConcurrencyPerInstance": 1}


def _prepare_endpoint(change: Change) -> None:
    require_tags(change)
    check_endpoint(change)
    properties = change.properties
    if properties["authMode"] != "AADToken":
        raise invalid("A batch endpoint's 'authMode' can be 'AADToken' only.", "authMode")
    default = (properties.get("defaults") or {}).get("deploymentName")
    if default and default.lower() not in deployment_names(change.cloud, change.id.id):
        raise invalid(
            f"The default deployment '{default}' does not exist in the endpoint"
            f" '{change.id.name}'.",
            "properties.defaults.deploymentName",
        )
    properties.setdefault("defaults", {"deploymentName": None})
    properties.update(scoringUri=address(change, "/jobs"), swaggerUri=None)


def _prepare_deployment(change: Change) -> None:
    properties = change.properties
    configuration = properties.get("deploymentConfiguration")
    if configuration is None and not properties.get("model"):
        raise invalid("'properties.model' is required.", "properties.model")
    model = properties.get("model")
    if model and model.get("referenceType") != "Id":
        raise invalid("A deployment's model is referred to by its id.", "properties.model")
    check_deployment(change)
    require_unchanged(change.old, properties, "deploymentConfiguration")
    compute = properties.get("compute")
    if compute:
        workspace = workspace_of(change.id)
        references.compute(change.cloud, workspace, compute, "properties.compute")
    elif configuration is None:
        raise invalid("'properties.compute' is required.", "properties.compute")
    _fill(change)


def _fill(change: Change) -> None:
    properties = change.properties
    properties.setdefault("errorThreshold", -1)
    properties.setdefault("loggingLevel", "Info")
    properties.setdefault("maxConcurrencyPerInstance", 1)
    properties.setdefault("miniBatchSize", 10)
    properties.setdefault("outputAction", "AppendRow")
    if properties["outputAction"] == "AppendRow":
        properties.setdefault("outputFileName", "predictions.csv")
    retry = {"maxRetries": 3, "timeout": "PT30S"} | (properties.get("retrySettings") or {})
    resources = {"instanceCount": 1} | (properties.get("resources") or {})
    properties.update(retrySettings=retry, resources=resources)
    for name, least in _AT_LEAST.items():
        if properties[name] < least:
            raise invalid(f"'{name}' is {properties[name]}; the least is {least}.", name)
    if retry["maxRetries"] < 0 or resources["instanceCount"] < 1:
        raise invalid("'maxRetries' must be 0 or more and 'instanceCount' 1 or more.")


def _before_deployment_delete(cloud: Cloud, call: Call, deployment: Resource) -> None:
    endpoint = cloud.state.get(deployment.key.rpartition("/deployments/")[0])
    default = endpoint and (endpoint.properties.get("defaults") or {}).get("deploymentName")
    if default and default.lower() == deployment.body["name"].lower():
        raise conflict(
            f"The deployment '{deployment.body['name']}' is the default of its endpoint and cannot"
            " be deleted. Set another default, or none, first."
        )


KINDS: tuple[Kind, ...] = (
    Kind(
        BATCH,
        identities=("SystemAssigned",),
        model="BatchEndpoint",
        patch_model="PartialMinimalTrackedResourceWithIdentity",
        prepare=_prepare_endpoint,
        long_running=True,
        paged=True,
        etag=False,
    ),
    Kind(
        f"{BATCH}/deployments",
        model="BatchDeployment",
        patch_model="PartialBatchDeploymentPartialMinimalTrackedResourceWithProperties",
        prepare=_prepare_deployment,
        before_delete=_before_deployment_delete,
        long_running=True,
        paged=True,
        etag=False,
    ),
)
