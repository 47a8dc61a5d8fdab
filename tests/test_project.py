from __future__ import annotations

from pathlib import Path

import pytest

from runner.declarations import DeclarationError
from runner.errors import WrongUsage
from runner.project import (
    Project,
    environment_option,
    environments,
    find_config,
    find_project,
    read_environment_catalog,
    stack_file,
)
from tests.projects import ScratchProject


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNNER_HOME", "RUNNER_PROJECT"):
        monkeypatch.delenv(name, raising=False)


def project_at(root: Path) -> Project:
    return Project(root, root / "models", root / ".runner")


@pytest.mark.parametrize(
    "marks", [["Pulumi.yaml"], ["models/x", "pyproject.toml"], ["models/x", ".git/x"]]
)
def test_the_root_is_found_from_any_folder_below(tmp_path: Path, marks: list[str]) -> None:
    for mark in marks:
        (tmp_path / mark).parent.mkdir(exist_ok=True)
        (tmp_path / mark).touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_project(below) == project_at(tmp_path)
    assert find_project(tmp_path) == project_at(tmp_path)


def test_without_a_start_it_is_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert find_project() == project_at(tmp_path)


def test_the_nearest_root_wins(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    for folder in (tmp_path, inner):
        (folder / "Pulumi.yaml").touch()
    assert find_project(inner) == project_at(inner)


@pytest.mark.parametrize("mark", ["models/x", "pyproject.toml", ".git/x"])
def test_one_mark_of_a_repository_does_not_make_a_project(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).touch()
    with pytest.raises(WrongUsage, match="RUNNER_PROJECT"):
        find_project(tmp_path)


CONFIGS = (".azureml/config.json", "aml_config/project.json", "config.json")


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_is_found_in_a_folder_above(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text('{"workspace_name": "ws"}')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (below / "config.json").write_text('{"editor": "vi"}')
    assert find_config(below) == file


@pytest.mark.parametrize("name", CONFIGS)
def test_the_config_of_a_workspace_makes_a_project_of_its_folder(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text('{"workspace_name": "ws"}')
    below = tmp_path / "notebooks"
    below.mkdir()
    assert find_project(below).root == tmp_path


@pytest.mark.parametrize("name", CONFIGS[:2])
def test_a_broken_config_where_only_a_workspaces_lies_is_found(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir()
    file.write_text("{")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "config.json").write_text("{")
    assert find_config(tmp_path / "below") == file
    file.write_bytes(b"\xff{")
    assert find_config(tmp_path / "below") == file
    file.write_text('{"editor": "vi"}')
    assert find_config(tmp_path / "below") is None


def test_the_config_of_something_else_makes_none(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"editor": "vi"}')
    with pytest.raises(WrongUsage, match=r"not in a project .*config\.json of a workspace"):
        find_project(tmp_path)


def test_runner_project_overrides_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    (tmp_path / "Pulumi.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNNER_PROJECT", "chosen")
    assert find_project() == project_at(chosen)


def test_a_runner_project_that_is_no_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNNER_PROJECT", str(tmp_path / "missing"))
    with pytest.raises(WrongUsage, match="not a folder"):
        find_project()


def test_runner_home_says_where_the_local_workspace_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNNER_HOME", "elsewhere")
    assert find_project().home == tmp_path / "elsewhere"


def test_environments_are_local_and_the_stack_files(tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "Pulumi.prod.yaml", "Pulumi.dev.yaml", "Pulumi.local.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "Pulumi.folder.yaml").mkdir()
    assert environments(project_at(tmp_path)) == ("local", "dev", "prod")


def test_a_stack_file_is_found_by_its_exact_name(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.prod.yaml").touch()
    project = project_at(tmp_path)
    assert stack_file(project, "prod") == tmp_path / "Pulumi.prod.yaml"
    assert stack_file(project, "pro*") is None
    assert stack_file(project, "../prod") is None


@pytest.mark.parametrize(
    ("shells_default", "environment", "option"),
    [
        (None, "local", ""),
        ("local", "local", ""),
        ("dev", "local", " --env local"),
        (None, "dev", " --env dev"),
        ("dev", "dev", " --env dev"),  # another shell may have another default
    ],
)
def test_a_command_names_its_environment_unless_it_is_local_everywhere(
    monkeypatch: pytest.MonkeyPatch, shells_default: str | None, environment: str, option: str
) -> None:
    monkeypatch.delenv("RUNNER_ENV", raising=False)
    if shells_default is not None:
        monkeypatch.setenv("RUNNER_ENV", shells_default)
    assert environment_option(environment) == option


def test_each_environment_has_its_own_stack_file_laid_over(project: ScratchProject) -> None:
    project.write(
        "Pulumi.dev.yaml",
        "config:\n"
        "  scoring:endpoints:\n"
        "    echo: {deployments: {main: {settings: {mini_batch_size: 7}}}}\n",
    )
    sizes = [
        read_environment_catalog(project_at(project.root), name)
        .batch_deployments["echo"]["main"]
        .settings.mini_batch_size
        for name in ("dev", "local")
    ]
    assert sizes[0] == 7
    assert sizes[1] != 7


def test_a_project_without_models_declares_nothing_where_that_may_be(tmp_path: Path) -> None:
    assert not read_environment_catalog(
        project_at(tmp_path), "lab", may_be_missing=True
    ).batch_endpoints
    with pytest.raises(DeclarationError, match="there is no such folder"):
        read_environment_catalog(project_at(tmp_path), "lab")
