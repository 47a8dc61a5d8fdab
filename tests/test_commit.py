from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runner.commit import checked_out_commit, checkout_of


def test_a_folder_that_is_in_git_has_a_commit(tmp_path: Path) -> None:
    assert checked_out_commit(tmp_path) is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.test"]
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    assert checked_out_commit(tmp_path) is None
    subprocess.run([*git, "commit", "-qm", "a", "--allow-empty"], cwd=tmp_path, check=True)
    commit = checked_out_commit(tmp_path)
    assert commit is not None
    assert len(commit) == 40


@pytest.mark.parametrize("user", ["", "me@", "me:pass@", "me:p@ss@", "me@example.test:p@ss@"])
def test_the_address_of_the_remote_comes_without_its_user_and_password(
    tmp_path: Path, user: str
) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.test"]
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "-qm", "a", "--allow-empty"], cwd=tmp_path, check=True)
    address = f"https://{user}example.test/team/a@b.git"
    subprocess.run([*git, "remote", "add", "origin", address], cwd=tmp_path, check=True)
    checkout = checkout_of(tmp_path)
    assert checkout is not None
    assert checkout.repository == "https://example.test/team/a@b.git"


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checked_out_commit(tmp_path) is None
