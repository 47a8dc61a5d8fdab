from __future__ import annotations

import json
from pathlib import Path

import pytest

import runner.azureml.environment
import runner.databricks.environment
import runner.local.environment
from runner.azureml.workspace import AzureWorkspace
from runner.cli import main
from runner.environments import (
    PLATFORMS,
    Platform,
    find_abilities,
    find_source,
    list_environments,
    open_workspace,
)
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.project import find_project

OUTPUT = {
    "schema_version": 1,
    "subscription_id": "s",
    "resource_group": "rg",
    "workspace": "ws",
    "location": "koreacentral",
}
CONFIG = {"subscription_id": "s", "resource_group": "rg", "workspace_name": "lab"}


@pytest.fixture(autouse=True)
def _a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNNER_HOME", "RUNNER_PROJECT", "RUNNER_OUTPUTS", "RUNNER_STACK_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "Pulumi.prod.yaml").touch()
    monkeypatch.chdir(tmp_path)


def write(folder: Path, name: str, content: object) -> Path:
    file = folder / name
    file.write_text(json.dumps(content))
    return file


def source(environment: str, outputs: Path | None = None) -> tuple[str, str | None]:
    found = find_source(find_project(), environment, outputs)
    return found.kind, found.file.name if found.file else None


def test_local_is_the_projects_own_workspace() -> None:
    workspace = open_workspace("local")
    assert workspace.environment == "local"
    assert workspace.jobs() == []


def test_the_output_of_another_stack_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what was exported for dev would answer, and be registered in, as prod."""
    write(tmp_path, "dev.json", {"runner": {**OUTPUT, "stack": "dev"}})
    assert isinstance(open_workspace("dev", Path("dev.json")), AzureWorkspace)
    monkeypatch.setenv("RUNNER_OUTPUTS", "dev.json")
    with pytest.raises(WrongUsage, match=r"dev.json is the output of stack 'dev', not of 'prod'"):
        open_workspace("prod")
    assert open_workspace("local").environment == "local"


def test_a_listing_takes_no_stack_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "dev.json", {"runner": {**OUTPUT, "stack": "dev"}})
    (tmp_path / "Pulumi.dev.yaml").touch()
    monkeypatch.setenv("RUNNER_OUTPUTS", "dev.json")
    kinds = {name: source.kind for name, source in list_environments(find_project()).items()}
    assert kinds == {"local": "local", "dev": "outputs", "prod": "stack"}


def test_a_stack_file_means_a_stack() -> None:
    assert source("prod") == ("stack", "Pulumi.prod.yaml")


def test_outputs_come_first_and_the_option_before_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "config.json", CONFIG)
    monkeypatch.setenv("RUNNER_STACK_OUTPUT", "variable.json")
    assert source("prod") == ("outputs", "variable.json")
    assert source("prod", Path("option.json")) == ("outputs", "option.json")


def test_outputs_make_an_environment_of_any_name(tmp_path: Path) -> None:
    file = write(tmp_path, "outputs.json", {"runner": OUTPUT})
    workspace = open_workspace("review-7", file)
    assert isinstance(workspace, AzureWorkspace)
    assert workspace.environment == "review-7"


def test_the_variable_leaves_local_alone_and_the_option_refuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNNER_OUTPUTS", "outputs.json")
    assert open_workspace("local").environment == "local"
    with pytest.raises(WrongUsage, match="--stack-output describes a workspace on Azure"):
        open_workspace("local", tmp_path / "outputs.json")


def test_beside_stacks_a_config_is_the_environment_that_bears_its_workspaces_name(
    tmp_path: Path,
) -> None:
    write(tmp_path, "config.json", CONFIG)
    assert source("lab") == ("config", "config.json")
    with pytest.raises(NotFound, match=r"no environment 'prd'.*did you mean 'prod'\?"):
        source("prd")


def test_without_stacks_too_a_config_is_the_environment_of_its_workspaces_name(
    tmp_path: Path,
) -> None:
    write(tmp_path, "config.json", CONFIG)
    (tmp_path / "Pulumi.prod.yaml").unlink()
    assert source("lab") == ("config", "config.json")
    for name, hint in (("lap", "did you mean 'lab'"), ("null", "'lab', 'local'")):
        with pytest.raises(NotFound, match=rf"no environment '{name}'.*{hint}"):
            source(name)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("config.json", '{"workspace_name": "lab"}', "lacks subscription_id, resource_group or"),
        ("config.json", '{"workspace_name": "lab",', "is not JSON"),
        (".azureml/config.json", "{", "is not JSON"),
    ],
)
def test_a_broken_config_is_named_with_what_is_wrong(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    with pytest.raises(WrongUsage, match=rf"{name} {problem}"):
        source("lab")
    assert list(list_environments(find_project())) == ["local", "prod"]


def test_a_stack_file_without_pulumi_only_says_what_is_different_there(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").unlink()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "models").mkdir()
    with pytest.raises(NotFound, match=r"no Pulumi\.yaml .* --stack-output"):
        source("prod")
    write(tmp_path, "config.json", CONFIG)
    assert source("prod") == ("config", "config.json")


def test_the_config_of_a_project_that_lies_elsewhere_is_found(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "config.json", CONFIG)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setenv("RUNNER_PROJECT", str(tmp_path))
    assert source("lab") == ("config", "config.json")
    assert "lab" in list_environments(find_project())


def test_environments_are_listed_with_the_workspace_of_a_config(tmp_path: Path) -> None:
    write(tmp_path, "config.json", CONFIG)
    assert list(list_environments(find_project())) == ["local", "prod", "lab"]


def test_a_config_of_something_else_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "config.json", {"debug": True})
    assert list(list_environments(find_project())) == ["local", "prod"]
    with pytest.raises(NotFound, match="no environment 'lab'"):
        source("lab")


def test_a_stack_that_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentRefused, match="the Pulumi CLI, which reads") as refused:
        open_workspace("prod")
    assert not isinstance(refused.value, NotFound)
    assert "\n" not in str(refused.value)


def test_an_unknown_environment_names_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"no environment 'prd'.*did you mean 'prod'\?"):
        open_workspace("prd")


@pytest.mark.parametrize("environment", ["local", "prod"])
def test_outside_a_project_there_is_no_environment(
    environment: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(WrongUsage, match="not in a project"):
        open_workspace(environment)


def test_every_platform_offers_what_an_environment_needs() -> None:
    modules: dict[str, Platform] = {
        "runner.local.environment": runner.local.environment,
        "runner.azureml.environment": runner.azureml.environment,
        "runner.databricks.environment": runner.databricks.environment,
    }
    assert modules.keys() == set(PLATFORMS.values())


def test_what_an_environment_can_do_is_known_before_it_can_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # without the Pulumi CLI
    assert find_abilities("local").serves
    assert not find_abilities("prod").serves


def test_serving_what_another_environment_serves_is_wrong_usage_before_it_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(["serve", "diabetes-online", "--env", "prod"])
    assert ended.value.code == 2
    assert "not in environment prod; use --env local" in capsys.readouterr().err
