"""The commit of the files at hand, as git has it."""

from __future__ import annotations

from pathlib import Path

_PATIENCE = 10  # seconds for git to answer


def checked_out_commit(folder: Path) -> str | None:
    """The commit that is checked out in a folder; None where there is none, or no git."""
    import subprocess

    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
