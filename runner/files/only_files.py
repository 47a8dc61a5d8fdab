"""Opening what has to be a file: anything else that lies there, such as a pipe, holds nobody up."""

from __future__ import annotations

import os
import stat
from errno import EISDIR
from pathlib import Path

_MODE = 0o666


def only_files(path: str, flags: int) -> int:
    """Open a path as `open` does with it as its `opener`.

    Raises IsADirectoryError also for a pipe, a socket or a device, and other kinds of OSError as
    `os.open`.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, _MODE)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(EISDIR, "Is no file", path)
    return descriptor


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises as `only_files`."""
    with open(path, "rb", opener=only_files) as file:
        return file.read()
