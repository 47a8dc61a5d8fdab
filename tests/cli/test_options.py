from __future__ import annotations

import pytest

from .conftest import Run
from .memory import MemoryWorkspace


@pytest.mark.parametrize(
    "line",
    [
        "-e prod jobs list",
        "jobs --env prod list",
        "jobs list -e prod",
        "-e dev jobs list --env prod",
        "--env=dev jobs -e test list -eprod",
    ],
)
def test_the_environment_may_stand_anywhere_and_the_last_one_wins(
    run: Run, workspace: MemoryWorkspace, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("RUNNER_ENV", "other")
    run(*line.split())
    assert workspace.environment == "prod"


@pytest.mark.parametrize(("variable", "environment"), [("dev", "dev"), ("", "local")])
def test_the_environment_is_runner_env_else_local(
    run: Run,
    workspace: MemoryWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    environment: str,
) -> None:
    workspace.environment = "none"
    monkeypatch.setenv("RUNNER_ENV", variable)
    run("jobs", "list")
    assert workspace.environment == environment
