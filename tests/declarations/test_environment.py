from pathlib import Path

import pytest

from runner.declarations import (
    AssetReference,
    BatchDeployment,
    Build,
    DeclarationError,
    Environment,
    read_as,
)

from .conftest import Write


def deployed(write: Write, environment: str) -> AssetReference | Environment | None:
    text = (
        "name: mlflow\nendpoint_name: diabetes-batch\nmodel: azureml:m:1\n"
        f"environment: {environment}\n"
    )
    return read_as(write("sub/batch-deployment.yml", text), BatchDeployment).environment


def test_an_environment_with_an_image_is_read(write: Write, tmp_path: Path) -> None:
    text = """
        $schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
        name: sklearn
        version: 1
        image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest
        conda_file: conda.yml
        os_type: Linux
        inference_config:
          liveness_route: {port: 8080, path: /live}
          readiness_route: {port: 8080, path: /ready}
          scoring_route: {port: 8080, path: /score}
    """
    environment = read_as(write("env.yml", text), Environment)
    assert (environment.name, environment.version, environment.os_type) == ("sklearn", "1", "linux")
    assert environment.conda_file == tmp_path / "conda.yml"
    assert environment.inference_config is not None
    assert environment.inference_config.scoring_route.port == 8080


def test_a_docker_build_is_read(write: Write, tmp_path: Path) -> None:
    text = "name: e\nbuild: {path: docker, dockerfile_path: sub/Dockerfile}\n"
    environment = read_as(write("env.yml", text), Environment)
    assert environment.build == Build(tmp_path / "docker", "sub/Dockerfile")


def test_a_deployment_refers_to_an_environment(write: Write) -> None:
    assert deployed(write, "azureml:e@latest") == AssetReference("e", label="latest")
    curated = deployed(write, "azureml://registries/azureml/environments/e/versions/3")
    assert isinstance(curated, AssetReference)
    assert curated.registry == "azureml"


def test_a_deployment_holds_an_environment(write: Write) -> None:
    environment = deployed(write, "{image: a/b, conda_file: {dependencies: [python=3.11]}}")
    assert isinstance(environment, Environment)
    assert environment.conda_file == {"dependencies": ["python=3.11"]}


@pytest.mark.parametrize("written", ["file:../envs/env.yml", "../envs/env.yml"])
def test_a_deployment_has_the_path_of_an_environment(
    write: Write, tmp_path: Path, written: str
) -> None:
    write("envs/env.yml", "name: e\nimage: a/b\nconda_file: conda.yml\n")
    environment = deployed(write, written)
    assert isinstance(environment, Environment)
    assert environment.conda_file == tmp_path / "envs/conda.yml"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{image: a, build: {path: b}}", "found both image and build, allowed: one of them"),
        ("{conda_file: c}", "found neither image nor build"),
        ("{build: {path: b}, conda_file: c}", "allowed: conda_file with image"),
        ("{image: a, conda_file: [x]}", "conda_file: found a list, allowed: a path"),
        ("azureml://registries/r/models/m/versions/1", "allowed: environments"),
        ("./conda.txt", "allowed: azureml:<name>:<version> or azureml:<name>@latest, the path"),
        ("./none.yml", "none.yml: there is no such file"),
    ],
)
def test_anything_else_is_refused(write: Write, written: str, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        deployed(write, written)
    assert words in str(caught.value)


def test_an_environment_of_its_own_needs_a_name(write: Write) -> None:
    with pytest.raises(DeclarationError, match="name: missing, and required"):
        read_as(write("env.yml", "image: a\n"), Environment)
