from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.azureml.workspace import AzureWorkspace
from runner.cli import main
from tests.azureml.scored import Result, Run, Scored, scored_workspace
from tests.azureml.stage import Stage, make_workspace
from tests.emulator import Emulator


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


@pytest.fixture(scope="session")
def workspace_group(emulator: Emulator) -> str:
    """Return the resource group of a workspace that a worker's tests share."""
    return make_workspace(emulator)


@pytest.fixture
def stage(azure: Emulator, workspace_group: str) -> Stage:
    """Return the shared workspace, with no endpoint of this test's own yet."""
    return Stage(azure, workspace_group)


@pytest.fixture(scope="session")
def scoring_cloud(scoring_emulator: Emulator) -> Emulator:
    """Return the cloud with blobs and with jobs that run, which all tests of a worker share."""
    return scoring_emulator


@pytest.fixture(scope="session")
def scoring_group(scoring_cloud: Emulator) -> str:
    return make_workspace(scoring_cloud)


@pytest.fixture
def stored(
    scoring_cloud: Emulator, scoring_group: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """Give a workspace with blobs behind it, and no endpoint of this test's own yet."""
    for name, value in scoring_cloud.environment.items():
        monkeypatch.setenv(name, value)
    yield Stage(scoring_cloud, scoring_group)
    scoring_cloud.faults.clear()


@pytest.fixture
def workspace(stored: Stage, tmp_path: Path) -> AzureWorkspace:
    """Return the adapter over that workspace."""
    return stored.workspace(tmp_path)


@pytest.fixture
def name() -> str:
    """Return a name that no other test uses."""
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def scored_session(
    scoring_cloud: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scored]:
    """Give a workspace with models, data and deployments, made once a worker."""
    with scored_workspace(scoring_cloud, tmp_path_factory.mktemp("scored")) as scored:
        yield scored


@pytest.fixture
def scored(scored_session: Scored, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scored]:
    """Give that workspace, with its project as the working directory."""
    for name, value in scored_session.emulator.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RUNNER_OUTPUTS", str(scored_session.outputs))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(scored_session.project.root)
    yield scored_session
    scored_session.emulator.faults.clear()


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line as a person types it; `--env` is dev unless given."""

    def run(*words: str) -> Result:
        with pytest.raises(SystemExit) as ended:
            main(words if "--env" in words else (*words, "--env", "dev"))
        captured = capfd.readouterr()
        return Result(int(ended.value.code or 0), captured.out, captured.err)

    return run
