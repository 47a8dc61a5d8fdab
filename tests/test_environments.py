from __future__ import annotations

from pathlib import Path

import pytest

from runner.environments import check_environment, open_workspace
from runner.errors import EnvironmentRefused, NotFound, WrongUsage


@pytest.fixture(autouse=True)
def _a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNNER_HOME", "RUNNER_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "Pulumi.prod.yaml").touch()
    monkeypatch.chdir(tmp_path)


def test_local_is_the_projects_own_workspace() -> None:
    workspace = open_workspace("local")
    assert workspace.environment == "local"
    assert workspace.jobs() == []


def test_an_environment_on_azure_is_refused_in_one_line() -> None:
    with pytest.raises(EnvironmentRefused, match="prod is on Azure") as refused:
        open_workspace("prod")
    assert not isinstance(refused.value, NotFound)
    assert "\n" not in str(refused.value)


def test_an_unknown_environment_names_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"no environment 'prd'.*did you mean 'prod'\?"):
        open_workspace("prd")


@pytest.mark.parametrize("environment", ["local", "prod"])
def test_a_known_environment_passes_the_check(environment: str) -> None:
    check_environment(environment)


@pytest.mark.parametrize("environment", ["local", "prod"])
def test_outside_a_project_there_is_no_environment(
    environment: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(WrongUsage, match="not in a project"):
        open_workspace(environment)
