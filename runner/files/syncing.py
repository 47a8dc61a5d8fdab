"""Files and folders are synced here, so that they outlive a power cut.

Until then the system may hold a change in memory alone: after a power cut, a name may be there
without its bytes, or the bytes without the name. So a file is synced before anything relies on its
bytes, and its folder before anything relies on its name.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

_MANY = 32  # from so many files on, syncing the whole file system costs less
# The errors of file systems that can't sync a folder, and of other users' files.
_NOT_TO_BE_SYNCED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM})


def sync_descriptor(descriptor: int) -> None:
    """Wait until what was written to an open file is on the disk. Raises OSError."""
    if sys.platform == "darwin":
        import fcntl

        # There fsync(2) does not wait until the disk has emptied its cache.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def sync(paths: Iterable[Path]) -> None:
    """Wait until files' bytes and folders' lists of names are on the disk.

    Missing paths and those of other kinds are skipped. Raises OSError if the disk refuses.
    """
    left = list(paths)
    if len(left) >= _MANY and _sync_file_system(left[0].parent):
        return
    for path in left:
        _sync_path(path)


def sync_tree(path: Path) -> None:
    """Sync a file, or a folder with all below it. Raises OSError if the disk refuses."""
    found = [path]
    if path.is_dir() and not path.is_symlink():
        for root, folders, files in os.walk(path):
            found += [Path(root, name) for name in (*folders, *files)]
    sync(found)


def make_folders(path: Path, mode: int = 0o777, *, exist_ok: bool = True) -> None:
    """Make a folder and the missing ones above it, and sync their names.

    `mode` is that of the folder itself. Raises as `Path.mkdir`.
    """
    missing = [path]
    for parent in path.parents:
        if parent.exists():
            break
        missing.append(parent)
    there = path.exists()
    path.mkdir(mode, parents=True, exist_ok=exist_ok)
    if not there:
        sync(folder.parent for folder in missing)


def _sync_path(path: Path) -> None:
    try:
        if stat.S_IFMT(os.lstat(path).st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, *_NOT_TO_BE_SYNCED):
            return
        raise
    try:
        sync_descriptor(descriptor)
    except OSError as error:
        if error.errno not in _NOT_TO_BE_SYNCED:
            raise
    finally:
        os.close(descriptor)


def _sync_file_system(folder: Path) -> bool:
    """Sync the file system of a folder, and return whether that was possible."""
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        found: int = ctypes.CDLL(None).syncfs(descriptor)
        return found == 0
    except AttributeError:  # a C library without it
        return False
    finally:
        os.close(descriptor)
