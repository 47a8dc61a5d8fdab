"""Makes folders and files that are their owner's alone.

A folder that no other user may enter hides all below it, whatever rights that has. So only the
folders at the top are made private. Files below keep the rights that they had, or that the umask
gives, and have these also when they are copied out of the workspace.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from runner.files.syncing import make_folders

_OTHERS = 0o077


def make_private(folder: Path, root: Path, *, exist_ok: bool = True) -> None:
    """Make a folder in `root`, or `root` itself, and those in between, for their owner alone.

    Raises OSError.
    """
    make_folders(root.parent)
    for above in reversed(folder.relative_to(root).parents):
        make_folders(root / above, 0o700)
    make_folders(folder, 0o700, exist_ok=exist_ok)


def make_private_file(path: Path) -> None:
    """Make an empty file for its owner alone, unless it exists. Raises OSError.

    A file that exists is not opened: closing it would release the locks that this process has on
    it, such as those of SQLite's connections.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def copy_file(source: Path, target: Path) -> None:
    """Copy a file to a new one, to which its owner may write.

    It has the rights of the source without those that the umask removes. Raises OSError.
    """
    import shutil

    rights = source.stat().st_mode & 0o777
    writable = rights | rights >> 1 & 0o222  # for all who may read it
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, writable))
    shutil.copyfile(source, target)


def is_private(path: Path) -> bool:
    """Return whether only its owner has rights to a file or folder; also where nothing is there."""
    try:
        return not path.stat().st_mode & _OTHERS
    except FileNotFoundError:
        return True


def narrow(path: Path) -> None:
    """Remove the rights of other users to a path, if this user may and the file system can."""
    with suppress(OSError):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS)
