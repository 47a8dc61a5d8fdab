from __future__ import annotations

from pathlib import Path

import pytest

from runner.databricks.connection import Connection
from runner.databricks.outputs import Outputs, outputs_of
from runner.databricks.workspace import DatabricksWorkspace
from runner.project import Project
from runner.stack_output import checked_output
from tests.emulator.databricks.seed import SeededLake


@pytest.fixture(autouse=True)
def _no_settings_of_mine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNNER_OUTPUTS", "RUNNER_ENV", "RUNNER_PROJECT", "RUNNER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNNER_POLL_INTERVAL", "0.05")


def outputs_of_lake(lake: SeededLake) -> Outputs:
    """What the stack of a workspace would tell of it, with the endpoints that a test has put in."""
    return outputs_of(checked_output(lake.outputs(), "stack lake"))


@pytest.fixture
def connection(lake: SeededLake) -> Connection:
    return Connection(outputs_of_lake(lake))


@pytest.fixture
def workspace(lake: SeededLake, tmp_path: Path) -> DatabricksWorkspace:
    root = tmp_path / "project"
    root.mkdir()
    project = Project(root, root / "models", root / ".runner")
    return DatabricksWorkspace(project, "lake", outputs_of_lake(lake))
