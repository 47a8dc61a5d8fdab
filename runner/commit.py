"""Asks git for the commit that is checked out."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 10  # seconds for git to answer
_SECRET = re.compile(r"(?<=://)[^/]*@")  # a password may hold an @


@dataclass(frozen=True)
class Checkout:
    """The state of a folder's files in git."""

    commit: str
    branch: str | None  # None where no branch is checked out
    repository: str | None  # the address of its remote, without a user's name and password
    dirty: bool  # whether files of the folder differ from the commit


def checked_out_commit(folder: Path) -> str | None:
    """Return the commit that is checked out in a folder, or None where there is none, or no git."""
    return _git(folder, "rev-parse", "HEAD") or None


def checkout_of(folder: Path) -> Checkout | None:
    """Return a folder's state in git, as azure-ai-ml asks for it; None without a commit."""
    commit = checked_out_commit(folder)
    if commit is None:
        return None
    # git gives back the word itself where there is no remote.
    repository = _git(folder, "ls-remote", "--get-url", "origin")
    return Checkout(
        commit=commit,
        branch=_git(folder, "symbolic-ref", "--short", "HEAD") or None,
        repository=_SECRET.sub("", repository) if repository not in (None, "origin") else None,
        dirty=bool(_git(folder, "status", "--porcelain", ".")),
    )


def _git(folder: Path, *words: str) -> str | None:
    """Return git's answer about a folder; None where it has none."""
    import subprocess

    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},  # it only looks, and writes nothing
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
