from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.health import Link
from runner.local import health
from runner.workspace import TrainingRequest

from .conftest import Run
from .memory import MemoryWorkspace


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("RUNNER_OUTPUTS", "RUNNER_STACK_OUTPUT"):
        monkeypatch.delenv(variable, raising=False)
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
    workspace.train(TrainingRequest("diabetes"))
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


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    endpoint = {"kind": "batch", "name": "diabetes-batch-1a2b3c", "deployments": []}
    content = {
        "schema_version": 1,
        "subscription_id": "s",
        "resource_group": "rg",
        "workspace": "ws",
        "location": "koreacentral",
        "endpoints": {"diabetes-batch": endpoint},
    }
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(content))
    return file


def test_the_argument_wins_over_the_option(run: Run, project: Path, outputs: Path) -> None:
    words = ("env", "show", "dev", "--env", "local", "--outputs", str(outputs), "-o", "json")
    assert json.loads(run(*words).out) == {
        "environment": "dev",
        "kind": "azureml",
        "file": "outputs.json",
        "root": str(project),
        "cloud": "AzureCloud",
        "subscription_id": "s",
        "resource_group": "rg",
        "workspace": "ws",
        "location": "koreacentral",
        "endpoints": {"diabetes-batch": "diabetes-batch-1a2b3c"},
    }


def test_show_tells_what_an_endpoint_is_called_on_azure(run: Run, outputs: Path) -> None:
    shown = run("env", "show", "dev", "--stack-output", str(outputs)).out
    assert "endpoints        diabetes-batch (diabetes-batch-1a2b3c)\n" in shown


def test_the_doctor_finds_local_well_where_something_is_declared(run: Run, project: Path) -> None:
    folder = project / "models" / "echo"
    folder.mkdir(parents=True)
    (folder / "batch-endpoint.yml").write_text("name: echo\n")
    result = run("env", "doctor")
    assert result.status == 0
    states = [line.split()[0] for line in result.out.splitlines()]
    assert len(states) == 9
    assert set(states) <= {"ok", "skipped"}  # a machine without Java scores without Spark
    assert states[-1] == "ok"


def test_the_doctor_names_what_is_wrong_with_a_declaration(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slow in ("_java", "_uv"):  # what the test above asks
        monkeypatch.setattr(health, slow, lambda: Link("asked above", "ok", ""))
    folder = project / "models" / "echo"
    folder.mkdir(parents=True)
    (folder / "batch-endpoint.yml").write_text("name: echo\nnmae: x\n")
    result = run("env", "doctor", "-o", "json")
    assert result.status == 3
    broken = [link for link in json.loads(result.out) if link["state"] == "failed"]
    assert [link["name"] for link in broken] == ["declarations"]
    assert f"{folder}/batch-endpoint.yml:2" in broken[0]["text"]
    shown = run("env", "doctor").out.splitlines()
    assert any(" declarations: models/echo/batch-endpoint.yml:2: " in line for line in shown)


def test_behind_a_broken_link_the_rest_is_skipped(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("env", "doctor", "prod")
    assert result.status == 3
    lines = [line.split(":")[0].split() for line in result.out.splitlines()]
    assert lines[0] == ["failed", "pulumi"]
    assert {state for state, *_ in lines[1:]} == {"skipped"}
    assert "install it" in result.out


def test_the_doctor_knows_no_unknown_environment(run: Run) -> None:
    result = run("env", "doctor", "prd")
    assert result.status == 3
    assert "did you mean 'prod'?" in result.err


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


def test_only_a_stack_on_azure_ml_takes_anything_over(run: Run) -> None:
    refused = run("env", "adopt", "local")
    assert refused.status == 2
    assert "environment local is no stack on Azure Machine Learning" in refused.err


def test_a_stack_that_takes_over_says_of_which_workspace(run: Run, project: Path) -> None:
    refused = run("env", "adopt", "prod")
    assert refused.status == 2
    assert "Pulumi.prod.yaml: scoring:existing names no workspace that is running" in refused.err
    assert not (project / "import.json").exists()
