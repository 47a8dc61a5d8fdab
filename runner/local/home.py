"""The folder of the local workspace, and folders in it."""

from __future__ import annotations

import os
from pathlib import Path

from runner.errors import EnvironmentRefused
from runner.syncing import make_folders


def make_home(home: Path) -> None:
    """Make the workspace's folder where it is missing. Raises `EnvironmentRefused`."""
    try:
        make_folders(home)
    except (FileExistsError, NotADirectoryError) as error:
        raise EnvironmentRefused(
            f"{home} is not a folder: move what is there away, or set RUNNER_HOME to a folder"
        ) from error
    except OSError as error:
        raise _refused(home, error.strerror) from error


def make_folder(home: Path, folder: Path, mode: int = 0o777, exist_ok: bool = False) -> Path:
    """Make a folder below the workspace's and return it; `mode` is that of a new one.

    Raises `EnvironmentRefused` where it can't be made, or can't be written to.
    """
    make_home(home)
    try:
        make_folders(folder, mode, exist_ok=exist_ok)
    except OSError as error:
        raise _refused(folder, error.strerror) from error
    if not os.access(folder, os.W_OK):
        raise _refused(folder, "it is read-only")
    return folder


def _refused(folder: Path, reason: str | None) -> EnvironmentRefused:
    return EnvironmentRefused(
        f"can't make the workspace folder {folder} ({reason}): set RUNNER_HOME to a folder you can"
        " write to"
    )
