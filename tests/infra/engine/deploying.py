"""Deploys a stack as a person does: the platform, the assets it is pinned to, the deployments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.emulator import Emulator
from tests.infra.engine.stack import Stack

ENDPOINTS = "scoring:endpoints"


def deploy(stack: Stack, emulator: Emulator) -> None:
    """Deploy a stack without any pin, register what it pins, and deploy that."""
    deploy_platform(stack, emulator)
    stack.up()


def deploy_platform(stack: Stack, emulator: Emulator) -> None:
    """Deploy a stack without any pin, and register what it pins."""
    config = stack.config()
    stack.write({key: value for key, value in config.items() if key != ENDPOINTS})
    stack.up()
    register_pinned(emulator, stack.outputs()["runner"], config)
    stack.write(config)


def workspace_of(runner: Mapping[str, Any]) -> str:
    """Give the path of the workspace that a stack's output names."""
    return (
        f"/resourceGroups/{runner['resource_group']}/providers"
        f"/Microsoft.MachineLearningServices/workspaces/{runner['workspace']}"
    )


def endpoint_of(runner: Mapping[str, Any], name: str) -> str:
    """Give the path of an endpoint by its logical name."""
    endpoint = runner["endpoints"][name]
    return f"{workspace_of(runner)}/{endpoint['kind']}Endpoints/{endpoint['name']}"


def register_pinned(
    emulator: Emulator, runner: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    """Register the models and code that a configuration pins, without any content."""
    workspace = workspace_of(runner)
    uri = "azureml://datastores/workspaceblobstore/paths/nowhere"
    for kind, reference in _pins(config):
        name, version = reference.removeprefix("azureml:").split(":")
        model = {"modelUri": uri, "modelType": "mlflow_model"}
        properties = {"codeUri": uri} if kind == "codes" else model
        status, answer = emulator.arm(
            "PUT", f"{workspace}/{kind}/{name}/versions/{version}", {"properties": properties}
        )
        assert status in (200, 201), answer


def _pins(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for endpoint in config.get(ENDPOINTS, {}).values():
        for deployment in endpoint.get("deployments", {}).values():
            if model := deployment.get("model"):
                yield "models", model
            if code := deployment.get("code_configuration", {}).get("code"):
                yield "codes", code
