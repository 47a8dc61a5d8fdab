"""A workspace whose batch endpoints really score: `echo`, and `diabetes-batch` two ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.azureml.connection import Connection
from runner.azureml.workspace import AzureWorkspace
from runner.workspace import Asset, Registration
from tests.azureml.stage import LOCATION, Stage, make_workspace, put
from tests.emulator import Emulator
from tests.emulator.batch.invocation import JOBS
from tests.projects import ScratchProject, add_diabetes, make_project


@dataclass(frozen=True)
class Result:
    """The status and the output of a command."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """Return the JSON that it printed; the test fails where the command did."""
        assert self.status == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Result]


@dataclass(frozen=True)
class Scored:
    """The workspace, and the project that its endpoints are declared in."""

    stage: Stage
    project: ScratchProject
    outputs: Path

    @property
    def emulator(self) -> Emulator:
        return self.stage.emulator

    def connect(self) -> Connection:
        return Connection(self.stage.outputs())

    def jobs(self, endpoint: str = "echo") -> list[str]:
        """Return the names of an endpoint's jobs, as the service has them."""
        found = self.emulator.cloud.state.children(self.stage.workspace_id, JOBS)
        actual = self.stage.endpoints[endpoint]["name"]
        return [job.body["name"] for job in found if job.properties["experimentName"] == actual]


@contextmanager
def scored_workspace(
    emulator: Emulator, folder: Path, script: str | None = None
) -> Iterator[Scored]:
    """Register and deploy everything by way of the runner's own adapter.

    `script` takes the place of the one that `echo` scores with.
    """
    project = make_project(folder / "project")
    if script is not None:
        project.script(script)
    add_diabetes(project)
    project.write(
        "Pulumi.dev.yaml",
        "config:\n"
        "  scoring:defaultEndpoint: echo\n"
        "  scoring:endpoints:\n"
        '    diabetes-batch: {input: "azureml:patients-unlabeled@latest"}\n',
    )
    stage = Stage(emulator, make_workspace(emulator))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        workspace = stage.workspace(project.root)
        _deploy(stage, workspace, project)
    yield Scored(stage, project, stage.write(folder))


def _deploy(stage: Stage, workspace: AzureWorkspace, project: ScratchProject) -> None:
    models = project.root / "models"
    greeting = _register(workspace, "greeting", models / "echo/greeting", "custom_model")
    diabetes = _register(workspace, "diabetes-mlflow", models / "diabetes/model", "mlflow_model")
    data = project.root / "data/diabetes/unlabeled"
    workspace.register("data", Registration("patients-unlabeled", data, "uri_folder"))
    echo = workspace.register_code("echo-main", models / "echo/code")
    script = workspace.register_code("diabetes-batch-script", models / "diabetes/script")
    stage.batch("echo", (), default=None)
    _add(stage, "echo", "main", greeting, echo)
    stage.batch("diabetes-batch", (), default=None)
    _add(stage, "diabetes-batch", "script", diabetes, script)
    _add(stage, "diabetes-batch", "mlflow", diabetes)


def _register(workspace: AzureWorkspace, name: str, path: Path, type_: str) -> Asset:
    return workspace.register("model", Registration(name, path, type_))


def _add(stage: Stage, endpoint: str, name: str, model: Asset, code: str | None = None) -> None:
    """Add a deployment, which becomes the endpoint's default."""
    known = stage.endpoints[endpoint]
    path = f"{stage.workspace_id}/batchEndpoints/{known['name']}"
    properties: dict[str, Any] = {
        "model": {
            "referenceType": "Id",
            "assetId": f"{stage.workspace_id}/models/{model.name}/versions/{model.version}",
        },
        "compute": f"{stage.workspace_id}/computes/cpu-cluster",
        "miniBatchSize": 1,
        "errorThreshold": -1,
        "retrySettings": {"maxRetries": 1, "timeout": "PT300S"},
    }
    if code is not None:
        _, code_name, version = code.split(":")
        properties["codeConfiguration"] = {
            "codeId": f"{stage.workspace_id}/codes/{code_name}/versions/{version}",
            "scoringScript": "score.py",
        }
        properties["environmentId"] = _environment(stage)
    put(stage.emulator, f"{path}/deployments/{name}", _located(properties))
    put(
        stage.emulator,
        path,
        _located({"authMode": "AADToken", "defaults": {"deploymentName": name}}),
    )
    known["deployments"].append(name)
    known["default"] = name


def _located(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"location": LOCATION, "tags": {}, "properties": dict(properties)}


def _environment(stage: Stage) -> str:
    path = f"{stage.workspace_id}/environments/python/versions/1"
    put(stage.emulator, path, {"properties": {"image": "mcr.microsoft.com/azureml/base:latest"}})
    return path
