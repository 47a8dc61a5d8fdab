"""scripts/propose-update pushes changed requirements, and opens one pull request for them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.projects import ROOT

# Writes its arguments down; it has as many open pull requests as the variable says.
GH = """#!/bin/sh
echo "$@" >> "$CALLS"
[ "$2" != list ] || printf '%s' "$OPEN"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a checkout with locked packages, and an empty remote at remote/team/project."""
    git(tmp_path, "init", "--quiet", "--bare", "remote/team/project")
    clone = tmp_path / "clone"
    (clone / "scripts").mkdir(parents=True)
    (clone / "requirements").mkdir()
    shutil.copy(ROOT / "scripts" / "propose-update", clone / "scripts")
    (clone / "requirements" / "score.txt").write_text("click==8.1.0\n")
    git(clone, "init", "--quiet")
    git(clone, "add", ".")
    git(clone, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "All")
    return clone


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def propose(clone: Path, opened: str = "") -> list[str]:
    """Run the script and return the calls of gh."""
    calls = clone.parent / "calls"
    programs = clone.parent / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "gh").write_text(GH)
    (programs / "gh").chmod(0o755)
    variables = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(clone.parent),
        "CALLS": str(calls),
        "OPEN": opened,
        "GH_TOKEN": "token",
        "GITHUB_SERVER_URL": f"file://{clone.parent}/remote",
        "GITHUB_REPOSITORY": "team/project",
    }
    done = subprocess.run(
        [clone / "scripts" / "propose-update"], env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return calls.read_text().splitlines() if calls.exists() else []


def test_nothing_is_pushed_where_nothing_changed(clone: Path) -> None:
    assert propose(clone) == []
    assert git(clone.parent / "remote/team/project", "branch", "--list") == ""


def test_what_changed_is_pushed_and_a_pull_request_opened(clone: Path) -> None:
    (clone / "requirements" / "score.txt").write_text("click==8.2.0\n")
    calls = propose(clone)
    shown = git(clone.parent / "remote/team/project", "show", "update-packages")
    assert "+click==8.2.0" in shown
    assert [call.split()[1] for call in calls] == ["list", "create"]


def test_an_open_pull_request_is_not_opened_again(clone: Path) -> None:
    (clone / "requirements" / "score.txt").write_text("click==8.2.0\n")
    assert [call.split()[1] for call in propose(clone, opened="7")] == ["list"]
