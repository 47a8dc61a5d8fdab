"""Several projects in one workspace: what each declares is its own, whatever it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import NotFound
from runner.local.workspace import LocalWorkspace
from runner.project import Project
from runner.workspace import Registration
from tests.projects import ScratchProject, make_project


def greeting_of(project: ScratchProject, env: dict[str, str]) -> str:
    done = project.run("score", "--download", str(project.root / "out"), env=env)
    assert done.returncode == 0, done.stderr
    (output,) = project.root.glob("out/**/predictions.csv")
    text = output.read_text()
    for path in sorted((project.root / "out").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (project.root / "out").rmdir()
    return text.partition(",")[0]


def test_each_project_scores_with_the_model_that_it_declares(tmp_path: Path) -> None:
    env = {"RUNNER_HOME": str(tmp_path / "home")}
    first, second = (make_project(tmp_path / name) for name in ("first", "second"))
    second.write("models/echo/greeting/greeting.txt", "howdy\n")
    assert greeting_of(first, env) == "hello"
    assert greeting_of(second, env) == "howdy"
    assert greeting_of(first, env) == "hello"


def test_what_a_project_does_not_declare_it_has_from_the_others(tmp_path: Path) -> None:
    env = {"RUNNER_HOME": str(tmp_path / "home")}
    first, second = (make_project(tmp_path / name) for name in ("first", "second"))
    assert first.run("models", "register", "-f", "models/echo/model.yml", env=env).returncode == 0
    (second.root / "models/echo/model.yml").unlink()
    second.write("models/echo/greeting/greeting.txt", "howdy\n")
    assert greeting_of(second, env) == "hello"


def open_with(project: ScratchProject, home: Path) -> LocalWorkspace:
    return LocalWorkspace(Project(project.root, project.root / "models", home))


def register_own(project: ScratchProject, workspace: LocalWorkspace) -> str:
    path = project.root / "models/echo/greeting"
    return workspace.register("model", Registration("greeting", path, "custom_model")).version


def test_a_version_that_two_projects_registered_is_not_a_third_ones(tmp_path: Path) -> None:
    projects = [make_project(tmp_path / name) for name in ("first", "second", "third")]
    first, second, third = (open_with(project, tmp_path / "home") for project in projects)
    assert [register_own(*pair) for pair in zip(projects, (first, second), strict=False)] == [
        "1",
        "1",
    ]
    with pytest.raises(NotFound, match=r"is another project's, .*first: register this project's"):
        third.asset("model", "greeting@latest")
    assert third.asset("model", "greeting:1").version == "1"
    projects[2].write("models/echo/greeting/greeting.txt", "howdy\n")
    assert register_own(projects[2], third) == "2"
    assert [each.asset("model", "greeting").version for each in (first, second, third)] == [
        "1",
        "1",
        "2",
    ]
    for workspace, text in ((first, "hello\n"), (third, "howdy\n")):
        copy = workspace.download_asset("model", "greeting", tmp_path / text.strip())
        assert (copy / "greeting.txt").read_text() == text
        (file,) = workspace.contents("model", "greeting").files
        assert b"".join(file.read()) == text.encode()


def test_the_workspace_of_one_project_used_by_another_keeps_them_apart(tmp_path: Path) -> None:
    owning, using = (make_project(tmp_path / name) for name in ("owning", "using"))
    mine, theirs = open_with(owning, owning.home), open_with(using, owning.home)
    register_own(owning, mine)
    with pytest.raises(NotFound, match=r"is another project's, .*owning: register this project's"):
        theirs.asset("model", "greeting")
    using.write("models/echo/greeting/greeting.txt", "howdy\n")
    register_own(using, theirs)
    assert (mine.asset("model", "greeting").version, theirs.asset("model", "greeting").version) == (
        "1",
        "2",
    )
