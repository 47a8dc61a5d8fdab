"""Files are opened here where something else, such as a pipe, may lie in their place."""

from __future__ import annotations

import os
import stat
from errno import EISDIR
from pathlib import Path

_MODE = 0o666


def only_files(path: str, flags: int) -> int:
    """Open a regular file: the `opener` of `open`.

    Raises IsADirectoryError also for a pipe, a socket or a device, and OSError as `os.open`.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, _MODE)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(EISDIR, "Is no file", path)
    return descriptor


def read_file(path: Path) -> bytes:
    """Return the bytes of a file. Raises as `only_files`."""
    with open(path, "rb", opener=only_files) as file:
        return file.read()
