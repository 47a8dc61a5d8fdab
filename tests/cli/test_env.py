from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Run
from .memory import MemoryWorkspace


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> Path:
    for name in ("Pulumi.yaml", "Pulumi.prod.yaml", "Pulumi.dev.yaml"):
        (tmp_path / name).write_text("{}\n")
    return tmp_path


def test_list_has_local_and_every_stack_file(run: Run) -> None:
    assert [line.split() for line in run("env", "list").out.splitlines()] == [
        ["environment", "kind", "file"],
        ["local", "local"],
        ["dev", "azureml", "Pulumi.dev.yaml"],
        ["prod", "azureml", "Pulumi.prod.yaml"],
    ]


def test_list_as_json(run: Run) -> None:
    assert json.loads(run("env", "list", "-o", "json").out)[0] == {
        "environment": "local",
        "kind": "local",
        "file": None,
    }


def test_show_of_local_counts_what_it_holds(
    run: Run, workspace: MemoryWorkspace, project: Path
) -> None:
    workspace.train("diabetes", {})
    assert json.loads(run("env", "show", "-o", "json").out) == {
        "environment": "local",
        "kind": "local",
        "file": None,
        "root": str(project),
        "home": str(project / ".runner"),
        "default_endpoint": "diabetes-batch",
        "endpoints": 2,
        "models": 0,
        "data": 0,
        "jobs": 1,
    }
    assert "default endpoint  diabetes-batch\n" in run("env", "show").out


def test_the_default_endpoint_is_the_one_the_workspace_names(
    run: Run, workspace: MemoryWorkspace
) -> None:
    workspace.default = "another-batch"
    assert json.loads(run("env", "show", "-o", "json").out)["default_endpoint"] == "another-batch"
    workspace.default = None
    assert "default endpoint" not in run("env", "show").out


def test_the_argument_wins_over_the_option(run: Run, project: Path) -> None:
    shown = json.loads(run("env", "show", "dev", "--env", "local", "-o", "json").out)
    assert shown == {
        "environment": "dev",
        "kind": "azureml",
        "file": "Pulumi.dev.yaml",
        "root": str(project),
    }


def test_show_of_an_unknown_environment_names_the_nearest(run: Run) -> None:
    result = run("env", "show", "prd")
    assert result.status == 3
    assert "no environment 'prd'" in result.err
    assert "did you mean 'prod'?" in result.err


def test_outside_a_project_it_says_so(
    run: Run,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    result = run("env", "list")
    assert result.status == 2
    assert "RUNNER_PROJECT" in result.err
