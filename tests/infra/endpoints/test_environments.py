"""Environments that deployments are written with become versions named by their content."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from runner.declarations import Environment
from tests.infra.declaring import (
    BATCH_DEPLOYMENT,
    ENVIRONMENT,
    PIN,
    WORKSPACE,
    batch_deployment,
    batch_endpoint,
    declare,
)
from tests.infra.mocks import Program

CONDA: dict[str, Any] = {"name": "c", "dependencies": ["python=3.11", {"pip": ["mlflow==3.1"]}]}


def with_environments(root: Path, *environments: Any, files: tuple[str, ...] = ()) -> Program:
    """Return the program for a deployment with each of these environments, all of them pinned."""
    names = [f"one-{number}" for number in range(len(environments))]
    deployments = [
        batch_deployment(name=name, environment=environment)
        for name, environment in zip(names, environments, strict=True)
    ]
    return declare(
        root,
        batch_endpoint(),
        *deployments,
        *files,
        endpoints={"nightly": {"deployments": {name: {"model": PIN} for name in names}}},
    )


def versions(program: Program) -> list[str]:
    assert program.error is None, program.error
    return [environment.inputs["version"] for environment in program.of(ENVIRONMENT)]


def test_an_environments_keys_reach_the_resource(tmp_path: Path) -> None:
    route = {"port": 5001, "path": "/score"}
    declared: dict[str, Any] = {
        "name": "scikit",
        "version": "7",
        "image": "registry/image:1",
        "conda_file": CONDA,
        "os_type": "linux",
        "inference_config": {
            "liveness_route": route,
            "scoring_route": route,
            "readiness_route": route,
        },
        "description": "Said",
        "tags": {"team": "risk"},
    }
    inputs = with_environments(tmp_path, declared).one(ENVIRONMENT).inputs
    assert (inputs["name"], inputs["version"]) == ("scikit", "7")
    properties = inputs["properties"]
    assert yaml.safe_load(properties.pop("condaFile")) == CONDA
    assert properties.pop("tags").items() >= {"team": "risk", "project": "scoring"}.items()
    assert properties == {
        "image": "registry/image:1",
        "osType": "Linux",
        "inferenceConfig": {
            "livenessRoute": route,
            "scoringRoute": route,
            "readinessRoute": route,
        },
        "description": "Said",
        "isAnonymous": False,
        "isArchived": False,
        "autoRebuild": "Disabled",  # what the SDK says where nothing is said
    }
    given_or_refused = {"file", "source", "build", "datastore", "auto_delete_setting"}
    assert {field.name for field in fields(Environment)} == {*declared} | given_or_refused


def test_the_deployment_has_the_id_of_its_environment(tmp_path: Path) -> None:
    program = with_environments(tmp_path, {"image": "i"})
    environment = program.one(ENVIRONMENT)
    assert environment.inputs["name"] == "nightly-one-0"
    deployment = program.one(BATCH_DEPLOYMENT)
    assert deployment.inputs["properties"]["environmentId"] == environment.id


def test_the_same_content_has_the_same_version(tmp_path: Path) -> None:
    conda = tmp_path / "models" / "m" / "conda.yml"
    conda.parent.mkdir(parents=True)
    conda.write_text("# a comment\n" + yaml.safe_dump(CONDA))
    in_a_file = {"image": "i", "conda_file": "./conda.yml", "description": "another"}
    in_place = {"image": "i", "conda_file": CONDA}
    first, second = versions(with_environments(tmp_path, in_a_file, in_place))
    assert first == second


def test_other_content_has_another_version(tmp_path: Path) -> None:
    other: dict[str, Any] = {**CONDA, "dependencies": ["python=3.12"]}
    found = versions(
        with_environments(
            tmp_path,
            {"image": "i", "conda_file": CONDA},
            {"image": "j", "conda_file": CONDA},
            {"image": "i", "conda_file": other},
            {"image": "i", "conda_file": CONDA, "os_type": "windows"},
        )
    )
    assert len(set(found)) == 4


def test_two_deployments_with_one_named_environment_share_it(tmp_path: Path) -> None:
    shared = {"name": "shared", "image": "i"}
    program = with_environments(tmp_path, shared, shared)
    environment = program.one(ENVIRONMENT)
    ids = [
        deployment.inputs["properties"]["environmentId"]
        for deployment in program.of(BATCH_DEPLOYMENT)
    ]
    assert ids == [environment.id, environment.id]


def test_a_reference_becomes_an_id_and_nothing_is_declared(tmp_path: Path) -> None:
    registry = "azureml://registries/azureml/environments/curated/versions/12"
    program = with_environments(tmp_path, "azureml:scikit:7", registry)
    here, elsewhere = (
        deployment.inputs["properties"]["environmentId"]
        for deployment in program.of(BATCH_DEPLOYMENT)
    )
    assert here == f"{program.one(WORKSPACE).id}/environments/scikit/versions/7"
    assert elsewhere == registry
    assert program.of(ENVIRONMENT) == []


def test_a_reference_to_an_environment_under_models_declares_it(tmp_path: Path) -> None:
    schema = "$schema: https://x/environment.schema.json\nimage: i\n"
    program = with_environments(
        tmp_path,
        "azureml:exact:7",
        "azureml:content@latest",
        files=(
            schema + "name: exact\nversion: 7\n",
            schema + "name: content\n",
            schema + "name: unused\n",
        ),
    )
    names = [environment.inputs["name"] for environment in program.of(ENVIRONMENT)]
    assert names == ["content", "exact"]
    ids = {
        deployment.inputs["properties"]["environmentId"]
        for deployment in program.of(BATCH_DEPLOYMENT)
    }
    assert ids == {environment.id for environment in program.of(ENVIRONMENT)}


def test_a_build_from_an_address_is_declared(tmp_path: Path) -> None:
    build = {"path": "https://example.com/context.git", "dockerfile_path": "docker/Dockerfile"}
    properties = with_environments(tmp_path, {"build": build}).one(ENVIRONMENT).inputs["properties"]
    assert properties["build"] == {
        "contextUri": "https://example.com/context.git",
        "dockerfilePath": "docker/Dockerfile",
    }
    assert "image" not in properties
