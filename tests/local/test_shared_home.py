"""Several projects in one workspace: what each declares is its own, whatever it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("alike", [False, True])
def test_each_project_scores_with_the_model_that_it_declares(tmp_path: Path, alike: bool) -> None:
    env = {"RUNNER_HOME": str(tmp_path / "home")}
    first, second = (make_project(tmp_path / name) for name in ("first", "second"))
    if not alike:
        second.write("models/echo/greeting/greeting.txt", "howdy\n")
    own = "hello" if alike else "howdy"
    assert greeting_of(first, env) == "hello"
    assert greeting_of(second, env) == own
    assert greeting_of(first, env) == "hello"
    assert greeting_of(second, env) == own
    listed = first.run("models", "list", "-o", "json", env=env).stdout
    assert listed.count('"version": "1"' if alike else '"version": "2"') == 1


def test_what_a_project_does_not_declare_it_has_from_the_others(tmp_path: Path) -> None:
    env = {"RUNNER_HOME": str(tmp_path / "home")}
    first, second = (make_project(tmp_path / name) for name in ("first", "second"))
    assert first.run("models", "register", "-f", "models/echo/model.yml", env=env).returncode == 0
    (second.root / "models/echo/model.yml").unlink()
    second.write("models/echo/greeting/greeting.txt", "howdy\n")
    assert greeting_of(second, env) == "hello"
