"""The folder of the local workspace, and the folders in it, are made here for their owner alone.

It holds pickles, which run as the user who loads them, and the data and variables of jobs. So a
user can't work in another user's workspace, and one that an older runner, or a copy, left open to
others is closed as soon as it is used.
"""

from __future__ import annotations

import os
from pathlib import Path

from runner.errors import EnvironmentRefused
from runner.files.privacy import is_private, make_private, narrow

_USUAL_NAME = ".runner"
# The parts of a workspace, besides the folders of what was fetched from other environments.
_FOLDERS = (
    "checks",
    "comparisons",
    "endpoints",
    "files",
    "jobs",
    "tmp",
    "tracking",
    "trees",
    "venvs",
)
_FILES = ("checked.db", "workspace.db")
_OF_SQLITE = ("", "-journal", "-shm", "-wal")
_PARTS = frozenset(_FOLDERS) | {name + more for name in _FILES for more in _OF_SQLITE}


def make_home(home: Path) -> None:
    """Make the workspace's folder where it is missing, and close it to others.

    Raises `EnvironmentRefused`, also for a folder of another user.
    """
    try:
        make_private(home, home)
        close_to_others(home)
    except (FileExistsError, NotADirectoryError) as error:
        raise EnvironmentRefused(
            f"{home} is not a folder: move what is there away, or set RUNNER_HOME to a folder"
        ) from error
    except OSError as error:
        raise _refused(home, error.strerror) from error


def make_folder(home: Path, folder: Path, exist_ok: bool = False) -> Path:
    """Make a folder below the workspace's and return it.

    Raises `EnvironmentRefused` where it can't be made, or can't be written to.
    """
    make_home(home)
    try:
        make_private(folder, home, exist_ok=exist_ok)
    except OSError as error:
        raise _refused(folder, error.strerror) from error
    if not os.access(folder, os.W_OK):
        raise _refused(folder, "it is read-only")
    return folder


def close_to_others(home: Path) -> list[Path]:
    """Remove the rights of others in a workspace, and return the parts that stay open to them.

    A folder that holds more than a workspace keeps its own rights, as others may use it.
    Raises `EnvironmentRefused` for a folder of another user, and OSError.
    """
    _check_owner(home)
    if is_private(home):
        return []
    with os.scandir(home) as entries:
        found = {entry.name: Path(entry.path) for entry in entries}
    parts = [path for name, path in found.items() if name in _PARTS]
    if home.name == _USUAL_NAME or len(parts) == len(found):
        narrow(home)
    for path in parts:
        narrow(path)
    return [] if is_private(home) else [path for path in parts if not is_private(path)]


def _check_owner(home: Path) -> None:
    owner = home.stat().st_uid
    # In a container the superuser works in mounted folders of any user.
    if owner not in (os.geteuid(), 0) and os.geteuid() != 0:
        raise EnvironmentRefused(
            f"the workspace {home} belongs to another user ({_name_of(owner)}), and a workspace is"
            " its owner's alone: set RUNNER_HOME to a folder of your own"
        )


def _name_of(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _refused(folder: Path, reason: str | None) -> EnvironmentRefused:
    return EnvironmentRefused(
        f"can't make the workspace folder {folder} ({reason}): set RUNNER_HOME to a folder you can"
        " write to"
    )
