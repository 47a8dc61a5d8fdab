"""Batch deployments that run a pipeline component."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infra.dynamic.resource_manager import Resource
from tests.infra.declaring import (
    BATCH_DEPLOYMENT,
    ROUTING,
    WORKSPACE,
    batch_endpoint,
    declare,
    pipeline_deployment,
)
from tests.infra.mocks import Program

PIN = "azureml:steps:3"
DEFAULT = {"deployment_name": "steps"}


def declare_pipeline(root: Path, stack: dict[str, Any], **keys: Any) -> Program:
    return declare(
        root,
        batch_endpoint(defaults=DEFAULT),
        pipeline_deployment(**keys),
        endpoints={"nightly": {"deployments": {"steps": stack}}},
    )


def test_a_pinned_component_is_deployed_with_its_settings_and_made_the_default(
    tmp_path: Path,
) -> None:
    program = declare_pipeline(
        tmp_path,
        {"component": PIN},
        settings={"default_compute": "small", "continue_on_step_failure": False},
        description="Prepared, then scored.",
    )
    assert program.error is None, program.error
    deployment = program.one(BATCH_DEPLOYMENT)
    properties = deployment.inputs["properties"]
    assert properties["description"] == "Prepared, then scored."
    assert properties["deploymentConfiguration"] == {
        "deploymentConfigurationType": "PipelineComponent",
        "componentId": {
            "referenceType": "Id",
            "assetId": f"{program.one(WORKSPACE).id}/components/steps/versions/3",
        },
        "settings": {"default_compute": "small", "continue_on_step_failure": "False"},
    }
    assert not {"model", "codeConfiguration", "compute", "resources"} & properties.keys()
    assert program.one(ROUTING).inputs["default"] == "steps"
    assert program.one("machinelearningservices:Compute").urn in deployment.dependencies


def test_a_component_of_a_registry_is_named_by_its_own_address(tmp_path: Path) -> None:
    shared = "azureml://registries/shared/components/steps/versions/3"
    properties = declare_pipeline(tmp_path, {"component": shared}).one(BATCH_DEPLOYMENT).inputs
    configuration = properties["properties"]["deploymentConfiguration"]
    assert configuration["componentId"]["assetId"] == shared


def test_a_component_that_only_lies_here_waits_and_the_way_to_register_it_is_told(
    tmp_path: Path,
) -> None:
    program = declare_pipeline(tmp_path, {})
    assert not program.of(BATCH_DEPLOYMENT)
    assert not program.of(ROUTING)
    said = " ".join(text for _, text in program.logs)
    assert "nightly/steps (component)" in said
    assert "`az ml component create --file models/m/pipeline.yml --resource-group GROUP" in said
    pin = "scoring:endpoints.nightly.deployments.steps.component"
    assert f"pulumi config set --stack dev --path '{pin}' azureml:NAME:VERSION`" in said


def test_in_production_it_may_go_once_it_answers_nobody(tmp_path: Path) -> None:
    endpoints = {"nightly": {"deployments": {"steps": {"component": PIN}}}}
    documents = (batch_endpoint(defaults=DEFAULT), pipeline_deployment())
    program = declare(tmp_path, *documents, endpoints=endpoints, production=True)
    assert program.one("machinelearningservices:BatchEndpoint").protect
    assert not program.one(BATCH_DEPLOYMENT).protect


def test_a_component_that_the_workspace_has_not_is_refused(tmp_path: Path) -> None:
    class Workspace:
        def get(self, resource_id: str, api_version: str = "") -> Resource | None:
            if resource_id.endswith("/versions/3"):
                return None
            listed = [{"name": str(number), "properties": {}} for number in range(20, 40)]
            return Resource({"value": listed, "properties": {}}, None)

    endpoints = {"nightly": {"deployments": {"steps": {"component": PIN}}}}
    documents = (batch_endpoint(defaults=DEFAULT), pipeline_deployment())
    error = str(declare(tmp_path, *documents, endpoints=endpoints, manager=Workspace()).error)
    assert "deployments.steps.component: is pinned to steps:3, which workspace" in error
    assert "it has 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, … (20)" in error
    assert "`az ml component create --file FILE`" in error


def test_a_cluster_that_the_stack_has_not_is_named(tmp_path: Path) -> None:
    stack = {"component": PIN, "settings": {"default_compute": "smal"}}
    error = str(declare_pipeline(tmp_path, stack).error)
    assert "no cluster 'smal' is declared; did you mean 'small'?" in error
