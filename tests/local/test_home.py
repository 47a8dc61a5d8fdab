"""The folder of the local workspace, and folders in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused, RunnerError
from runner.local.home import make_folder
from runner.local.workspace import LocalWorkspace
from runner.project import Project
from runner.workspace import Invocation, Serving, TrainingRequest
from tests.projects import ROOT


def test_a_folder_is_made_with_all_above_it(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a" / "home", tmp_path / "a" / "home" / "b" / "c")
    assert folder.is_dir()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_there_is_taken_only_where_that_is_asked(tmp_path: Path) -> None:
    make_folder(tmp_path, tmp_path, exist_ok=True)
    with pytest.raises(EnvironmentRefused, match="File exists"):
        make_folder(tmp_path, tmp_path)


def test_a_folder_that_cannot_be_written_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The superuser may write everywhere, so the system's answer is given here.
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
    with pytest.raises(EnvironmentRefused, match=r"read-only\): set RUNNER_HOME to"):
        make_folder(tmp_path, tmp_path / "below")


def test_whatever_needs_the_home_says_the_same_of_one_that_cannot_be_made() -> None:
    workspace = LocalWorkspace(Project(ROOT, ROOT / "models", Path("/proc/self/home")))
    said = set()
    for use in (
        lambda: workspace.jobs(),
        lambda: workspace.invoke(Invocation("diabetes-batch")),
        lambda: workspace.train(TrainingRequest("diabetes")),
        lambda: workspace.send("diabetes-online", b"{}"),
        lambda: workspace.serve("diabetes-online", Serving(port=0), print, print),
    ):
        with pytest.raises(RunnerError) as refused:
            use()
        said.add(str(refused.value))
        assert refused.value.exit_status == 3
    (line,) = said
    assert line.startswith("can't make the workspace folder /proc/self/home (")
    assert "set RUNNER_HOME to a folder you can write to" in line
