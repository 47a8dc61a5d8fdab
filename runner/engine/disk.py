"""A full disk, told apart from every other error of the file system."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.errors import JobFailed

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskFull(OSError):
    """The disk took no more of what the engine writes; its text says where and the way out."""


def full(error: OSError, folder: Path) -> str:
    """Say that the disk is full and that the job can be resumed once there is space."""
    return f"{error.strerror}: {folder}; free some space and resume the job"


@contextmanager
def full_disk_fails_the_job(folder: Path) -> Iterator[None]:
    """Raise JobFailed where the disk of a job's folder is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise JobFailed(full(error, folder)) from None
