"""Writing aside: what can be seen under its own name is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def aside(folder: Path, prefix: str = "") -> Iterator[Path]:
    """Give a new path in `folder` to write to; what is still there in the end is removed."""
    path = folder / f"{prefix}{os.getpid()}-{os.urandom(8).hex()}"
    try:
        yield path
    finally:
        remove(path)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all below it; nothing need be there."""
    if path.is_dir():
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
