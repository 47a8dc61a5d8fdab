from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runner.azureml.connection import Connection
from runner.azureml.outputs import outputs_of
from runner.azureml.workspace import AzureWorkspace
from runner.errors import NotFound
from runner.stacks.output import check_output
from runner.workspace import Invocation
from tests.azureml.stage import Stage
from tests.emulator.faults import Answer
from tests.projects import ROOT


def test_a_workspace_that_is_not_there_names_the_nearest(stage: Stage) -> None:
    outputs = replace(stage.outputs(), workspace="scorin")
    with pytest.raises(NotFound, match=r"no workspace 'scorin' .* did you mean 'scoring'\?"):
        _ = Connection(outputs).workspace


@pytest.mark.parametrize(
    "ask",
    [
        lambda workspace: workspace.endpoint("any"),
        lambda workspace: workspace.endpoints(),
        lambda workspace: workspace.job("any"),
        lambda workspace: workspace.jobs(),
        lambda workspace: workspace.cancel("any"),
        lambda workspace: workspace.assets("model"),
        lambda workspace: workspace.asset("model", "any:1"),
        lambda workspace: workspace.register_code("any", Path(__file__).parent),
        lambda workspace: workspace.invoke(Invocation(data=__file__)),
        lambda workspace: workspace.send("any", b"{}"),
    ],
)
@pytest.mark.parametrize("lacking", ["subscription_id", "resource_group"])
def test_whatever_is_asked_of_a_workspace_that_is_not_there_says_so(
    stage: Stage, tmp_path: Path, ask: Callable[[AzureWorkspace], object], lacking: str
) -> None:
    stage.batch("diabetes-batch")
    outputs = {**stage.output(), lacking: "00000000-0000-0000-0000-000000000000"}
    workspace = AzureWorkspace(
        stage.project(tmp_path), "dev", outputs_of(check_output(outputs, "the test"))
    )
    with pytest.raises(NotFound, match=r"no workspace 'scoring' in .*00000000-0000"):
        ask(workspace)


def test_a_parent_that_is_missing_may_be_the_workspace(stage: Stage, tmp_path: Path) -> None:
    missing = Answer(404, "ParentResourceNotFound", "The parent resource could not be found.")
    stage.emulator.faults.inject(missing, path="*/endpoints-of/models/*", times=None)
    outputs = replace(stage.outputs(), workspace="endpoints-of")
    with pytest.raises(NotFound, match="no workspace 'endpoints-of'"):
        Connection(outputs).arm.get("models", "any")


def test_a_workspace_is_its_own_however_its_name_is_written(stage: Stage) -> None:
    outputs = stage.outputs()
    connection = Connection(outputs)
    parts = (outputs.subscription_id, outputs.resource_group, outputs.workspace)
    assert connection.is_own(*(part.upper() for part in parts))
    assert not connection.is_own(*parts[:2], "another")


def test_the_workspaces_own_interfaces_are_found_with_and_without_a_tracking_uri(
    stage: Stage,
) -> None:
    outputs = stage.outputs()
    with_uri = Connection(outputs).api_url
    assert with_uri == Connection(replace(outputs, tracking_uri=None)).api_url
    assert with_uri == "https://koreacentral.api.ml.azure.test"


def test_endpoints_go_by_their_logical_names(stage: Stage) -> None:
    actual = stage.batch("diabetes-batch")
    connection = Connection(stage.outputs())
    assert connection.actual_name("diabetes-batch") == actual
    assert connection.actual_name(actual) == actual
    assert connection.logical_name(actual) == "diabetes-batch"
    assert connection.logical_name("another") == "another"


def test_a_workspace_that_pulumi_does_not_manage_is_used_by_its_config(
    stage: Stage, tmp_path: Path
) -> None:
    actual = stage.batch("unmanaged-batch")
    name = stage.job(actual, "Running")
    config = {
        "subscription_id": stage.emulator.cloud.subscription,
        "resource_group": stage.group.rpartition("/")[2],
        "workspace_name": "scoring",
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "Pulumi.yaml").touch()
    listed = subprocess.run(
        [sys.executable, "-m", "runner", "jobs", "list", "-e", "scoring", "-o", "json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = {job["name"]: job["endpoint"] for job in json.loads(listed.stdout)}
    assert found[name] == actual
