"""A draft's file, whose lines are summed up as they are written. What the disk refuses is told
apart from what a script raises."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runner.engine import disk


class DraftFile:
    """A file that is open to be written. Raises disk.DiskFull, and OSError for all else."""

    def __init__(self, path: Path) -> None:
        self.checksum = 0  # CRC-32 of what was written
        self._path = path
        self._file = self._guard(lambda: path.open("wb", buffering=1 << 20))

    def write(self, lines: Any) -> None:
        self.checksum = zlib.crc32(lines, self.checksum)
        self._guard(lambda: self._file.write(lines))

    def __enter__(self) -> DraftFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._guard(self._file.close)

    def _guard(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except OSError as error:
            if error.errno in disk.FULL:
                raise disk.DiskFull(disk.full(error, self._path.parent)) from None
            raise
