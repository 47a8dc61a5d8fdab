"""What needs no cloud: a model's files before and after, compared and told, as for a fork."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from runner.pull_request.comparing import bare
from tests.projects import OWN_PACKAGES, ROOT, make_project
from tests.pull_request.repository import commit


def test_a_models_files_are_compared_before_and_after_without_a_cloud(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    project.write(".gitignore", ".runner/\n")
    base = commit(project.root)
    project.write("models/echo/greeting/greeting.txt", "good day\n")
    head = commit(project.root)
    folders = [str(tmp_path / name) for name in ("changes", "models", "reports")]
    text = tmp_path / "comment.md"
    for words in (
        ["find", folders[0], "--base", base, "--head", head],
        ["compare", *folders],
        ["comment", *folders, str(text)],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "runner.pull_request", *words],
            cwd=project.root,
            env=bare(os.environ) | OWN_PACKAGES | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    lines = text.read_text().splitlines()
    assert lines[1].startswith("**6 of 6 predictions change (100 %)**")
    assert (
        f"git worktree add ../before-{base[:12]} {base[:12]} && runner models compare" in lines[-2]
    )


def test_of_a_pipelines_variables_only_what_scoring_needs_is_passed_on() -> None:
    given = {"PATH": "/bin", "HOME": "/home/me", "GITHUB_TOKEN": "t", "ARM_OIDC_TOKEN": "t"}
    given |= {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t", "AZURE_CLIENT_SECRET": "t", "GITHUB_ENV": "f"}
    assert bare(given) == {"PATH": "/bin", "HOME": "/home/me"}
