"""Everything that a batch endpoint's YAML says reaches its resources."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pulumi_azure_native import machinelearningservices as ml

from runner.declarations import BatchDeployment, BatchEndpoint, BatchSettings
from tests.infra.declaring import (
    BATCH_DEPLOYMENT,
    BATCH_ENDPOINT,
    OTHER_WORKSPACE,
    PIN,
    ROUTING,
    WORKSPACE,
    at,
    batch_deployment,
    batch_endpoint,
    declare,
    pinned_batch,
)

# Of each key: what is declared, and where it has to arrive as what.
DEPLOYMENT_KEYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "description": ({"description": "Said"}, {"properties.description": "Said"}),
    "tags": ({"tags": {"team": "risk"}}, {"tags.team": "risk", "tags.model": "m:3"}),
    "properties": ({"properties": {"a": "b"}}, {"properties.properties.a": "b"}),
    "compute": (
        {"compute": "azureml:" + OTHER_WORKSPACE + "/computes/c"},
        {"properties.compute": OTHER_WORKSPACE + "/computes/c"},
    ),
    "resources": (
        {
            "resources": {
                "instance_count": 4,
                "instance_type": "Standard_DS3_v2",
                "properties": {"k": 1},
            }
        },
        {
            "properties.resources.instanceCount": 4,
            "properties.resources.instanceType": "Standard_DS3_v2",
            "properties.resources.properties.k": 1,
        },
    ),
    "type": ({"type": "model"}, {"properties.model.referenceType": "Id"}),
}
SETTINGS_KEYS: dict[str, tuple[Any, dict[str, Any]]] = {
    "mini_batch_size": (7, {"miniBatchSize": 7}),
    "max_concurrency_per_instance": (3, {"maxConcurrencyPerInstance": 3}),
    "output_action": ("summary_only", {"outputAction": "SummaryOnly"}),
    "output_file_name": ("rows.csv", {"outputFileName": "rows.csv"}),
    "retry_settings": (
        {"max_retries": 5, "timeout": 3690},
        {"retrySettings.maxRetries": 5, "retrySettings.timeout": "PT1H1M30S"},
    ),
    "error_threshold": (12, {"errorThreshold": 12}),
    "logging_level": ("debug", {"loggingLevel": "Debug"}),
    "environment_variables": ({"A": "1"}, {"environmentVariables.A": "1"}),
}
# These have tests of their own.
ELSEWHERE = {"name", "endpoint_name", "model", "code_configuration", "environment", "settings"}
GIVEN = {"file", "source", "pinned"}


def test_every_key_of_a_deployment_reaches_the_resource(tmp_path: Path) -> None:
    declared = {key: value for given, _ in DEPLOYMENT_KEYS.values() for key, value in given.items()}
    inputs = pinned_batch(tmp_path, **declared).inputs
    expected = {
        path: value for _, given in DEPLOYMENT_KEYS.values() for path, value in given.items()
    }
    assert {path: at(inputs, path) for path in expected} == expected


@pytest.mark.parametrize("form", ["nested", "flat"])
def test_every_setting_reaches_the_resource_in_either_form(form: str, tmp_path: Path) -> None:
    settings = {key: value for key, (value, _) in SETTINGS_KEYS.items()}
    declared = {"settings": settings} if form == "nested" else settings
    properties = pinned_batch(tmp_path, **declared).inputs["properties"]
    expected = {path: value for _, given in SETTINGS_KEYS.values() for path, value in given.items()}
    assert {path: at(properties, path) for path in expected} == expected


def test_no_key_of_a_deployment_is_left_out_of_these_tests() -> None:
    keys = {field.name for field in fields(BatchDeployment)}
    assert keys == {*DEPLOYMENT_KEYS} | ELSEWHERE | GIVEN
    assert {field.name for field in fields(BatchSettings)} == {*SETTINGS_KEYS}


def test_the_stack_file_has_the_last_word(tmp_path: Path) -> None:
    stack = {"resources": {"instance_count": 8}, "settings": {"mini_batch_size": 2}}
    inputs = pinned_batch(tmp_path, stack, settings={"mini_batch_size": 9, "error_threshold": 1})
    properties = inputs.inputs["properties"]
    assert properties["resources"]["instanceCount"] == 8
    assert (properties["miniBatchSize"], properties["errorThreshold"]) == (2, 1)


def test_every_enumerated_value_is_one_that_azure_knows(tmp_path: Path) -> None:
    properties = pinned_batch(tmp_path).inputs["properties"]
    assert properties["outputAction"] in list(ml.BatchOutputAction)
    assert properties["loggingLevel"] in list(ml.BatchLoggingLevel)


@pytest.mark.parametrize(
    ("pin", "expected"),
    [
        (PIN, "{workspace}/models/m/versions/3"),
        ("azureml://registries/r/models/m/versions/3",) * 2,
        (
            f"azureml:{OTHER_WORKSPACE}/models/m/versions/3",
            OTHER_WORKSPACE + "/models/m/versions/3",
        ),
    ],
)
def test_the_model_is_a_reference_by_id(pin: str, expected: str, tmp_path: Path) -> None:
    program = declare(
        tmp_path,
        batch_endpoint(),
        batch_deployment(),
        endpoints={"nightly": {"deployments": {"first": {"model": pin}}}},
    )
    model = program.one(BATCH_DEPLOYMENT).inputs["properties"]["model"]
    assert model == {
        "referenceType": "Id",
        "assetId": expected.format(workspace=program.one(WORKSPACE).id),
    }


def test_an_mlflow_deployment_has_neither_script_nor_environment(tmp_path: Path) -> None:
    properties = pinned_batch(tmp_path).inputs["properties"]
    assert not {"codeConfiguration", "environmentId"} & properties.keys()


def test_a_script_is_referred_to_by_its_pinned_code(tmp_path: Path) -> None:
    (tmp_path / "models" / "m" / "src").mkdir(parents=True)
    declared = pinned_batch(
        tmp_path,
        {"code_configuration": {"code": "azureml:nightly-first:2"}},
        code_configuration={"code": "./src", "scoring_script": "score.py"},
        environment={"image": "image:1"},
    )
    code = declared.inputs["properties"]["codeConfiguration"]
    assert code["scoringScript"] == "score.py"
    workspace = declared.id.partition("/batchEndpoints/")[0]
    assert code["codeId"] == f"{workspace}/codes/nightly-first/versions/2"


def test_a_deployment_without_a_pin_is_not_declared(tmp_path: Path) -> None:
    program = declare(
        tmp_path,
        batch_endpoint(defaults={"deployment_name": "first"}),
        batch_deployment(),
        endpoints={},
    )
    assert program.error is None
    assert program.of(BATCH_DEPLOYMENT) == []
    assert program.of(ROUTING) == []
    assert program.one(BATCH_ENDPOINT).name == "nightly"


def test_an_endpoints_keys_reach_the_resource(tmp_path: Path) -> None:
    declared: dict[str, Any] = {
        "description": "Said",
        "tags": {"team": "risk"},
        "properties": {"a": "b"},
        "auth_mode": "aad_token",
        "location": "Korea Central",
        "identity": {"type": "system_assigned"},
        "defaults": {"deployment_name": "first"},
    }
    program = declare(
        tmp_path,
        batch_endpoint(**declared),
        batch_deployment(),
        endpoints={"nightly": {"input": "azureml:d:1", "deployments": {"first": {"model": PIN}}}},
    )
    inputs = program.one(BATCH_ENDPOINT).inputs
    assert inputs["location"] == "koreacentral"
    assert inputs["tags"]["team"] == "risk"
    assert inputs["identity"] == {"type": "SystemAssigned"}
    # The default comes with the routing: Azure refuses one that does not exist yet.
    assert inputs["properties"] == {
        "authMode": "AADToken",
        "description": "Said",
        "properties": {"a": "b"},
    }
    assert {field.name for field in fields(BatchEndpoint)} - GIVEN == {*declared, "name", "input"}


def test_the_default_is_set_after_every_deployment(tmp_path: Path) -> None:
    program = declare(
        tmp_path,
        batch_endpoint(defaults={"deployment_name": "first"}),
        batch_deployment(),
        batch_deployment(name="second"),
        endpoints={"nightly": {"deployments": {"first": {"model": PIN}, "second": {"model": PIN}}}},
    )
    routing = program.one(ROUTING)
    deployments = program.of(BATCH_DEPLOYMENT)
    assert routing.inputs["default"] == "first"
    assert routing.inputs["endpoint"] == program.one(BATCH_ENDPOINT).id
    assert {deployment.urn for deployment in deployments} <= {*routing.dependencies}
    for deployment in deployments:
        assert routing.inputs[f"deployment:{deployment.inputs['deploymentName']}"] == deployment.id


def test_names_are_fixed_so_the_old_one_goes_before_the_new_one_comes(tmp_path: Path) -> None:
    program = declare(
        tmp_path,
        batch_endpoint(),
        batch_deployment(),
        endpoints={"nightly": {"deployments": {"first": {"model": PIN}}}},
    )
    endpoint, deployment = program.one(BATCH_ENDPOINT), program.one(BATCH_DEPLOYMENT)
    assert endpoint.delete_before_replace
    assert deployment.delete_before_replace
    assert deployment.inputs["endpointName"] == endpoint.inputs["endpointName"]
    assert deployment.inputs["deploymentName"] == "first"


def test_a_new_commit_alone_changes_no_endpoint(tmp_path: Path) -> None:
    program = declare(
        tmp_path,
        batch_endpoint(),
        batch_deployment(),
        endpoints={"nightly": {"deployments": {"first": {"model": PIN}}}},
    )
    for declared in (program.one(BATCH_ENDPOINT), program.one(BATCH_DEPLOYMENT)):
        assert "tags.commit" in declared.ignore_changes


def test_a_refresh_does_not_have_the_endpoint_take_its_default_away(tmp_path: Path) -> None:
    program = declare(tmp_path, batch_endpoint(), endpoints={})
    assert "properties.defaults" in program.one(BATCH_ENDPOINT).ignore_changes
