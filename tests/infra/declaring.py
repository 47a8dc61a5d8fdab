"""A project of a few YAML documents, for the program to declare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.infra.mocks import SUBSCRIPTION, Declared, Program, run_program

WORKSPACE = "machinelearningservices:Workspace"
BATCH_ENDPOINT = "machinelearningservices:BatchEndpoint"
BATCH_DEPLOYMENT = "machinelearningservices:BatchDeployment"
ONLINE_ENDPOINT = "machinelearningservices:OnlineEndpoint"
ONLINE_DEPLOYMENT = "machinelearningservices:OnlineDeployment"
ENVIRONMENT = "machinelearningservices:EnvironmentVersion"
ROUTING = "pulumi-python:dynamic/scoring:Routing"
ROLE_DELAY = "pulumi-python:dynamic/scoring:RoleDelay"

PIN = "azureml:m:3"
OTHER_WORKSPACE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/other/providers"
    "/Microsoft.MachineLearningServices/workspaces/other"
)


def batch_endpoint(**keys: Any) -> str:
    """Return the declaration of a batch endpoint, `nightly`."""
    return _document("batchEndpoint", name="nightly", **keys)


def batch_deployment(**keys: Any) -> str:
    """Return the declaration of a deployment of it, `first`."""
    least = {"name": "first", "endpoint_name": "nightly", "type": "model"}
    model = {"model": "azureml:m@latest", "compute": "azureml:small"}
    return _document("modelBatchDeployment", **{**least, **model, **keys})


def pipeline_deployment(**keys: Any) -> str:
    """Return the declaration of a deployment of it that runs a pipeline, `steps`."""
    least = {"name": "steps", "endpoint_name": "nightly", "type": "pipeline"}
    component = {"component": "pipeline.yml", "settings": {"default_compute": "small"}}
    return _document("pipelineComponentBatchDeployment", **{**least, **component, **keys})


def online_endpoint(**keys: Any) -> str:
    """Return the declaration of an online endpoint, `live`."""
    return _document("managedOnlineEndpoint", name="live", **keys)


def online_deployment(**keys: Any) -> str:
    """Return the declaration of a deployment of it, `blue`."""
    least = {"name": "blue", "endpoint_name": "live", "model": "azureml:m@latest"}
    size = {"instance_type": "Standard_DS2_v2"}
    return _document("managedOnlineDeployment", **{**least, **size, **keys})


def declare(
    root: Path,
    *declarations: str,
    endpoints: Mapping[str, Any],
    isolation: str = "none",
    production: bool = False,
    manager: Any = None,
    more: Mapping[str, Any] | None = None,
) -> Program:
    """Run the program for these declarations in a stack that says this of the endpoints.

    `more` is what else its file says.
    """
    folder = root / "models" / "m"
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(declarations):
        (folder / f"{number}.yml").write_text(text)
    config = {
        "azure-native:location": "koreacentral",
        "scoring:isolation": isolation,
        "scoring:production": production,
        "scoring:clusters": {"small": {"size": "Standard_DS3_v2"}},
        "scoring:endpoints": endpoints,
        **(more or {}),
    }
    return run_program(root, "dev", yaml.safe_dump({"config": config}), manager=manager)


def pinned_batch(root: Path, stack: Mapping[str, Any] | None = None, **keys: Any) -> Declared:
    """Return the only deployment of `nightly`, declared with these keys and pinned by the stack."""
    deployments = {"first": {"model": PIN, **(stack or {})}}
    program = declare(
        root,
        batch_endpoint(),
        batch_deployment(**keys),
        endpoints={"nightly": {"deployments": deployments}},
    )
    assert program.error is None, program.error
    return program.one(BATCH_DEPLOYMENT)


def pinned_online(root: Path, stack: Mapping[str, Any] | None = None, **keys: Any) -> Declared:
    """Return the only deployment of `live`, declared with these keys and pinned by the stack."""
    deployments = {"blue": {"model": PIN, **(stack or {})}}
    program = declare(
        root,
        online_endpoint(),
        online_deployment(**keys),
        endpoints={"live": {"deployments": deployments}},
    )
    assert program.error is None, program.error
    return program.one(ONLINE_DEPLOYMENT)


def at(inputs: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a dotted path; None where nothing does."""
    value: Any = inputs
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _document(schema: str, **keys: Any) -> str:
    return yaml.safe_dump({"$schema": f"https://x/{schema}.schema.json", **keys}, sort_keys=False)
