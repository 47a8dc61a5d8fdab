"""The environment of a job: found by its reference, or registered under its content."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from runner.azureml.connection import Connection
from runner.azureml.environments import ANONYMOUS, environment_id
from runner.declarations import CommandJob, read_catalog
from runner.errors import EnvironmentRefused, NotFound, RunnerError, WrongUsage
from runner.workspace import Transfer
from tests.azureml.stage import Stage, change_before_sending, put

JOB = (
    "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\n"
    "type: command\ncommand: 'true'\nenvironment: "
)


class Environments:
    """A project's environments, and the workspace that they are for."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        self.folder = folder / "models" / "echo"
        self.folder.mkdir(parents=True)

    def id(self, written: str) -> str:
        """Return the id of a job's environment, without the workspace's."""
        (self.folder / "train.yml").write_text(JOB + written)
        catalog = read_catalog(self.folder.parent)
        job = catalog.jobs["echo"]["train"]
        assert isinstance(job, CommandJob)

        def tell(_transfer: Transfer) -> None:
            pass

        found = environment_id(Connection(self.stage.outputs()), catalog, job.environment, tell)
        return found.removeprefix(f"{self.stage.workspace_id}/environments/")

    def put(self, name: str, version: str, **properties: Any) -> None:
        path = f"{self.stage.workspace_id}/environments/{name}/versions/{version}"
        put(self.stage.emulator, path, {"properties": {"image": "an/image", **properties}})

    def properties(self, found: str) -> dict[str, Any]:
        path = f"{self.stage.workspace_id}/environments/{found}"
        properties: dict[str, Any] = self.stage.emulator.arm("GET", path)[1]["properties"]
        return properties


@pytest.fixture
def environments(stored: Stage, tmp_path: Path) -> Environments:
    return Environments(stored, tmp_path)


@pytest.fixture
def name() -> str:
    return f"e{uuid.uuid4().hex[:8]}"


def test_a_reference_is_to_what_the_workspace_has(environments: Environments, name: str) -> None:
    environments.put(name, "1")
    environments.put(name, "2")
    assert environments.id(f"azureml:{name}:1") == f"{name}/versions/1"
    assert environments.id(f"azureml:{name}@latest") == f"{name}/versions/2"


def test_what_the_workspace_lacks_names_the_nearest(environments: Environments, name: str) -> None:
    environments.put(name, "7")
    with pytest.raises(NotFound, match=rf"no environment '{name}:8'; did you mean '{name}:7'"):
        environments.id(f"azureml:{name}:8")
    with pytest.raises(NotFound, match=rf"no environment '{name}x@latest'; did you mean '{name}'"):
        environments.id(f"azureml:{name}x@latest")


def test_one_of_another_place_goes_as_it_is(environments: Environments) -> None:
    shared = "azureml://registries/azureml/environments/sklearn/versions/3"
    assert environments.id(shared) == shared
    other = (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices"
        "/workspaces/w/environments/sklearn/versions/3"
    )
    assert environments.id(f"azureml:{other}") == other
    with pytest.raises(WrongUsage, match="is in another place"):
        environments.id("azureml://registries/azureml/environments/sklearn/labels/latest")


def test_one_without_a_name_is_called_as_the_azure_cli_calls_it(
    environments: Environments,
) -> None:
    first = environments.id("{image: an/image, conda_file: {dependencies: [pip]}}")
    assert first.startswith(f"{ANONYMOUS}/versions/")
    assert environments.properties(first)["isAnonymous"] is True
    assert environments.properties(first)["condaFile"] == "dependencies:\n- pip\n"
    assert environments.id("{image: an/image, conda_file: {dependencies: [pip]}}") == first
    assert environments.id("{image: other/image, conda_file: {dependencies: [pip]}}") != first


def test_one_with_a_name_has_its_content_for_a_version(
    environments: Environments, name: str
) -> None:
    found = environments.id(
        f"\n  name: {name}\n  image: an/image\n  description: mine\n  tags: {{team: risk}}\n"
        "  inference_config:\n"
        "    liveness_route: {port: 1, path: /a}\n"
        "    readiness_route: {port: 2, path: /b}\n"
        "    scoring_route: {port: 3, path: /c}\n"
    )
    properties = environments.properties(found)
    assert found.startswith(f"{name}/versions/")
    assert (properties["description"], properties["tags"]) == ("mine", {"team": "risk"})
    assert properties["inferenceConfig"]["scoringRoute"] == {"port": 3, "path": "/c"}


def test_a_version_that_is_named_has_one_content(environments: Environments, name: str) -> None:
    written = f"{{name: {name}, version: 4, image: an/image, conda_file: {{dependencies: [pip]}}}}"
    assert environments.id(written) == environments.id(written) == f"{name}/versions/4"
    for other in (
        "image: other/image, conda_file: {dependencies: [pip]}",
        "image: an/image, conda_file: {dependencies: [numpy]}",
        "image: an/image, conda_file: {dependencies: [pip]}, os_type: windows",
        "build: {path: .}",
    ):
        with pytest.raises(EnvironmentRefused, match=rf"{name}:4 is registered with other content"):
            environments.id(f"{{name: {name}, version: 4, {other}}}")


def test_one_that_the_project_declares_is_registered_where_it_is_missing(
    environments: Environments, name: str
) -> None:
    (environments.folder / "environment.yml").write_text(
        "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\n"
        f"name: {name}\nversion: 5\nimage: an/image\n"
    )
    assert environments.id(f"azureml:{name}:5") == f"{name}/versions/5"
    assert environments.properties(f"{name}/versions/5")["isAnonymous"] is False


def test_the_folder_of_a_build_is_sent_once(environments: Environments, name: str) -> None:
    build = environments.folder / "docker"
    build.mkdir()
    (build / "Dockerfile").write_text(f"FROM {name}\n")
    first = environments.id("{build: {path: ./docker}}")
    context = environments.properties(first)["build"]["contextUri"]
    assert context.startswith("https://")
    assert context.endswith("/docker/")
    assert environments.id("{build: {path: ./docker}}") == first
    (build / "Dockerfile").write_text(f"FROM {name}:2\n")
    assert environments.id("{build: {path: ./docker}}") != first
    assert environments.properties(environments.id("{build: {path: 'https://a.test/b/'}}"))[
        "build"
    ] == {"contextUri": "https://a.test/b/", "dockerfilePath": "Dockerfile"}


def test_a_build_that_changes_while_it_is_being_sent_is_not_registered(
    environments: Environments, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = environments.folder / "docker"
    build.mkdir()
    (build / "Dockerfile").write_text(f"FROM {name}\n")
    change_before_sending(monkeypatch, build / "Dockerfile")
    with pytest.raises(EnvironmentRefused, match="docker changed while it was being sent"):
        environments.id("{build: {path: ./docker}}")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{image: an/image, conda_file: ./none.yml}", "none.yml"),
        (
            "{image: a/b, auto_delete_setting: {condition: created_greater_than, value: 30d}}",
            "auto_delete_setting: Azure takes none",
        ),
        ("{build: {path: ./docker}, datastore: other}", "no datastore 'other'"),
        ("{build: {path: ./none}}", "none does not exist"),
        ("{build: {path: ./train.yml}}", "is a file: name the folder of the Dockerfile"),
    ],
)
def test_what_can_not_be_registered_is_named(
    environments: Environments, written: str, said: str
) -> None:
    (environments.folder / "docker").mkdir()
    (environments.folder / "docker" / "Dockerfile").touch()
    with pytest.raises(RunnerError, match=said) as refused:
        environments.id(written)
    assert "\n" not in str(refused.value)
