from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli import main
from runner.databricks.connection import Connection
from runner.databricks.outputs import Outputs, outputs_of
from runner.databricks.workspace import DatabricksWorkspace
from runner.project import Project
from runner.stacks.output import check_output
from tests.azureml.scored import Result, Run
from tests.databricks.jobs_stage import LinesProject, make_lines_project
from tests.emulator.databricks.seed import SeededLake


@pytest.fixture(autouse=True)
def _no_settings_of_mine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "RUNNER_OUTPUTS",
        "RUNNER_STACK_OUTPUT",
        "RUNNER_ENV",
        "RUNNER_PROJECT",
        "RUNNER_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNNER_POLL_INTERVAL", "0.05")


def outputs_of_lake(lake: SeededLake) -> Outputs:
    """Return the output of a workspace's stack, with the endpoints that a test has put in."""
    return outputs_of(check_output(lake.outputs(), "stack lake"))


@pytest.fixture
def connection(lake: SeededLake) -> Connection:
    return Connection(outputs_of_lake(lake))


def workspace_of(lake: SeededLake, root: Path) -> DatabricksWorkspace:
    """Return a workspace as a project in a folder sees it."""
    root.mkdir(exist_ok=True)
    project = Project(root, root / "models", root / ".runner")
    return DatabricksWorkspace(project, "lake", outputs_of_lake(lake))


@pytest.fixture
def workspace(lake: SeededLake, tmp_path: Path) -> DatabricksWorkspace:
    return workspace_of(lake, tmp_path / "project")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line as a person types it; `--env` is lake unless given."""
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words: str) -> Result:
        with pytest.raises(SystemExit) as ended:
            main(words if "--env" in words else (*words, "--env", "lake"))
        captured = capfd.readouterr()
        return Result(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def lines(lake: SeededLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LinesProject:
    """Return a project that scores on Databricks without a model, from within it."""
    made = make_lines_project(lake, tmp_path / "project")
    monkeypatch.setenv("RUNNER_OUTPUTS", str(made.outputs))
    monkeypatch.chdir(made.project.root)
    return made
