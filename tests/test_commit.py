from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runner.commit import checked_out_commit


def test_a_folder_that_is_in_git_has_a_commit(tmp_path: Path) -> None:
    assert checked_out_commit(tmp_path) is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.test"]
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    assert checked_out_commit(tmp_path) is None
    subprocess.run([*git, "commit", "-qm", "a", "--allow-empty"], cwd=tmp_path, check=True)
    commit = checked_out_commit(tmp_path)
    assert commit is not None
    assert len(commit) == 40


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checked_out_commit(tmp_path) is None
