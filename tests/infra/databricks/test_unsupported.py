"""What Databricks has nothing for is a problem with file and line, not silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.infra.databricks.declaring import (
    CLUSTER,
    PIN,
    batch_deployment,
    document,
    online_deployment,
    problems,
    write_declarations,
)
from tests.infra.declaring import OTHER_WORKSPACE


def told(root: Path, **more: Any) -> list[str]:
    """Return what is told, each from its key on."""
    found = problems(root, **more)
    assert all(line.startswith(("Pulumi.lake.yaml:", "models/penguins/")) for line in found)
    return [line.partition(": ")[2] for line in found]


def pinned(model: str) -> dict[str, Any]:
    return {"nightly": {"deployments": {"spark": {"model": model}}}}


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (
            "azureml:Penguin.Predictor:2",
            "found the model 'Penguin.Predictor', allowed: a name that Unity Catalog takes: up to"
            " 255 characters, without capital letters, spaces, periods and slashes",
        ),
        (
            "azureml:penguin-predictor:v2",
            "found the version 'v2', allowed: a number, as Unity Catalog counts",
        ),
        (
            "azureml://registries/r/models/m/versions/2",
            "found 'azureml://registries/r/models/m/versions/2', allowed: azureml:<name>:<version>",
        ),
        (
            f"azureml:{OTHER_WORKSPACE}/models/m/versions/2",
            f"found 'azureml:{OTHER_WORKSPACE}/models/m/versions/2', allowed:"
            " azureml:<name>:<version>",
        ),
    ],
)
def test_a_model_that_unity_catalog_can_not_hold_is_refused(
    tmp_path: Path, model: str, problem: str
) -> None:
    root = write_declarations(tmp_path)
    key = "scoring:endpoints.nightly.deployments.spark.model"
    assert told(root, endpoints=pinned(model)) == [f"{key}: {problem}"]


def test_what_a_stack_file_says_and_databricks_gives_no_meaning_is_refused(tmp_path: Path) -> None:
    root = write_declarations(tmp_path)
    endpoints = {
        "nightly": {
            "auth_mode": "aad_token",
            "schedules": {"first": {"cron": "0 2 * * *", "deployment": "spark"}},
            "deployments": {"spark": {"properties": {"a": "b"}}},
        },
        "live": {
            "public_network_access": "disabled",
            "deployments": {"blue": {"app_insights_enabled": True}},
        },
    }
    found = told(root, endpoints=endpoints)
    assert [line.partition(": means nothing on Databricks, ")[0] for line in found] == [
        "scoring:endpoints.nightly.auth_mode",
        "scoring:endpoints.nightly.schedules.first",
        "scoring:endpoints.nightly.deployments.spark.properties",
        "scoring:endpoints.live.public_network_access",
        "scoring:endpoints.live.deployments.blue.app_insights_enabled",
    ]


def test_what_a_declaration_says_for_azure_alone_is_no_problem(tmp_path: Path) -> None:
    batch = batch_deployment(properties={"a": "b"})
    online = online_deployment(app_insights_enabled=True, request_settings={"max_queue_wait_ms": 1})
    root = write_declarations(tmp_path, batch=batch, online=online)
    assert told(root, catalog="Lake") != []  # and no more than that
    assert len(told(root, catalog="Lake")) == 1


@pytest.mark.parametrize(
    ("batch", "problem"),
    [
        (
            {"code_configuration": {"code": "azureml:c:1", "scoring_script": "score.py"}},
            "code_configuration.code: found 'azureml:c:1', allowed on Databricks: a folder on this"
            " machine",
        ),
        (
            {"environment": "azureml:some:1"},
            "environment: found 'azureml:some:1', allowed: one that is written in full under"
            " models/",
        ),
        (
            {"environment": {"name": "e", "build": {"path": "."}}},
            "environment: an image is not built on Databricks, allowed: a conda_file with packages"
            " of pip",
        ),
        (
            {
                "environment": {
                    "name": "e",
                    "image": "i",
                    "conda_file": {"dependencies": ["python=3.11", "gdal=3", {"pip": ["numpy"]}]},
                }
            },
            "environment: found 'gdal=3', allowed on Databricks: packages of pip",
        ),
        (
            {
                "environment": {
                    "name": "e",
                    "image": "i",
                    "conda_file": {"dependencies": [{"pip": ["--pre", "numpy"]}]},
                }
            },
            "environment: found '--pre', allowed on Databricks: packages of pip",
        ),
    ],
)
def test_a_pinned_deployment_has_nothing_that_databricks_lacks(
    tmp_path: Path, batch: dict[str, Any], problem: str
) -> None:
    root = write_declarations(tmp_path, batch=batch_deployment(**batch))
    assert told(root, endpoints=pinned(PIN)) == [problem]


def test_a_pin_of_code_means_nothing(tmp_path: Path) -> None:
    code = {"code": ".", "scoring_script": "score.py"}
    root = write_declarations(tmp_path, batch=batch_deployment(code_configuration=code))
    pins = {"model": PIN, "code_configuration": {"code": "azureml:c:1"}}
    (found,) = told(root, endpoints={"nightly": {"deployments": {"spark": pins}}})
    key = "scoring:endpoints.nightly.deployments.spark.code_configuration"
    assert found.startswith(f"{key}: means nothing on Databricks, allowed: ")


def test_a_scoring_script_is_not_served(tmp_path: Path) -> None:
    code = {"code": ".", "scoring_script": "score.py"}
    root = write_declarations(tmp_path, online=online_deployment(code_configuration=code))
    assert (
        "code_configuration: a scoring script is not served on Databricks, allowed: an"
        in " ".join(told(root))
    )


def test_a_served_model_brings_its_packages_itself(tmp_path: Path) -> None:
    online = online_deployment(environment={"name": "e", "image": "i"})
    (found,) = told(write_declarations(tmp_path, online=online))
    assert found.startswith("environment: means nothing on Databricks, which serves a model with")


def test_of_several_clusters_a_deployment_names_one_that_there_is(tmp_path: Path) -> None:
    root = write_declarations(tmp_path)
    clusters = {"cpu-clusters": CLUSTER, "ml-cluster": CLUSTER}
    assert told(root, clusters=clusters) == [
        "compute: no cluster 'cpu-cluster' is declared; did you mean 'cpu-clusters'?"
    ]
    assert told(root, clusters={}) == [
        "compute: has no cluster to run on, allowed: the name of one of scoring:clusters"
    ]


def test_traffic_makes_a_whole_and_is_not_mirrored(tmp_path: Path) -> None:
    root = write_declarations(tmp_path, online_deployment(name="green"))
    deployments = {"blue": {"model": PIN}, "green": {"model": PIN}}
    (found,) = told(root, endpoints={"live": {"deployments": deployments}})
    assert found == "traffic: says nothing, allowed on Databricks: percentages that make 100"
    mirrored = {"traffic": {"blue": 100}, "mirror_traffic": {"green": 10}}
    found, *_ = told(root, endpoints={"live": {**mirrored, "deployments": deployments}})
    assert found.startswith("scoring:endpoints.live.mirror_traffic: ")


def test_a_pipeline_of_azure_ml_is_refused(tmp_path: Path) -> None:
    pipeline = document(
        "pipelineComponentBatchDeployment",
        name="steps",
        endpoint_name="nightly",
        type="pipeline",
        component="azureml:steps:3",
    )
    root = write_declarations(tmp_path, pipeline)
    assert told(root) == ["component: is a pipeline's of Azure ML, allowed on Databricks: a model"]
