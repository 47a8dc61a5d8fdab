from __future__ import annotations

from typing import Any

import pytest

from infra.policies.models import EXACT_VERSIONS
from tests.infra.policies.ask import ML, UNKNOWN, ask

WORKSPACE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
)
EXACT = [
    "azureml:diabetes-mlflow:3",
    f"{WORKSPACE}/models/diabetes-mlflow/versions/3",
    f"azureml:{WORKSPACE}/models/diabetes-mlflow/versions/3",
    "azureml://registries/azureml/models/diabetes-mlflow/versions/3",
    UNKNOWN,
]
VAGUE = [
    "azureml:diabetes-mlflow@latest",
    "azureml:diabetes-mlflow",
    "azureml:diabetes-mlflow:latest",
    "azureml:diabetes-mlflow:Latest",
    f"{WORKSPACE}/models/diabetes-mlflow/labels/latest",
    f"{WORKSPACE}/models/diabetes-mlflow",
    "azureml://registries/azureml/models/diabetes-mlflow/labels/latest",
]


def deployments(asset: str) -> list[tuple[str, dict[str, Any], str]]:
    """Return a deployment for each place where an asset can stand, and its key in a stack file."""
    return [
        (ML + "BatchDeployment", {"model": {"assetId": asset}}, "model"),
        (ML + "OnlineDeployment", {"model": asset}, "model"),
        (
            ML + "BatchDeployment",
            {"codeConfiguration": {"codeId": asset, "scoringScript": "score.py"}},
            "code_configuration.code",
        ),
        (ML + "OnlineDeployment", {"environmentId": asset}, "environment"),
        (
            ML + "BatchDeployment",
            {"deploymentConfiguration": {"componentId": {"assetId": asset}}},
            "component",
        ),
    ]


@pytest.mark.parametrize("asset", EXACT)
def test_an_exact_version_passes(asset: str) -> None:
    for kind, properties, _ in deployments(asset):
        assert ask(EXACT_VERSIONS, kind, {"properties": properties}, stack="prod") == []


@pytest.mark.parametrize("asset", VAGUE)
def test_what_changes_meaning_fails_in_production_only(asset: str) -> None:
    for kind, properties, key in deployments(asset):
        (message,) = ask(EXACT_VERSIONS, kind, {"properties": properties}, stack="prod")
        assert f"as in {key}: azureml:<name>:<version>, in Pulumi.prod.yaml" in message
        assert ask(EXACT_VERSIONS, kind, {"properties": properties}, stack="dev") == []


def test_the_version_of_something_else_is_left_alone() -> None:
    properties = {"properties": {"model": "azureml:diabetes-mlflow@latest"}}
    assert ask(EXACT_VERSIONS, ML + "Schedule", properties, stack="prod") == []
