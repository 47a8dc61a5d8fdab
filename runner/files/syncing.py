"""What has to outlive a power cut is written to the disk here, and waited for.

Until then the system may hold it in memory alone: a name may come back without the bytes below it,
or the bytes without the name. So a file is synced before anything relies on its bytes, and its
folder before anything relies on its name.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

_MANY = 32  # files from which on it costs less to sync the file system that they lie in
# What file systems say that can't sync a folder, and what another user's file says.
_NOT_TO_BE_SYNCED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM})


def sync_descriptor(descriptor: int) -> None:
    """Wait until what was written to an open file is on the disk. OSError where it refuses."""
    if sys.platform == "darwin":
        import fcntl

        # There fsync(2) leaves it to the disk when it empties its cache.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def sync(paths: Iterable[Path]) -> None:
    """Wait until files' bytes and folders' lists of names are on the disk.

    What is gone, or neither file nor folder, is passed over. OSError where the disk refuses.
    """
    left = list(paths)
    if len(left) >= _MANY and _sync_file_system(left[0].parent):
        return
    for path in left:
        _sync_path(path)


def sync_tree(path: Path) -> None:
    """Sync a file, or a folder with all below it. OSError where the disk refuses."""
    found = [path]
    if path.is_dir() and not path.is_symlink():
        for root, folders, files in os.walk(path):
            found += [Path(root, name) for name in (*folders, *files)]
    sync(found)


def make_folders(path: Path, mode: int = 0o777, *, exist_ok: bool = True) -> None:
    """Make a folder and those above it that are missing, so that a power cut leaves them there.

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
    """Sync all of the file system that a folder lies in, at once; False where that can't be."""
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
