"""A worker's log: what its processes print, up to a size that no disk minds."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from runner.files.only_files import only_files

MOST_KEPT = 16 << 20  # bytes a worker's log may take


class Log:
    """Appends what is printed to a file and counts, rather than keeps, what goes past the bound."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = open(path, "ab", buffering=0, opener=only_files)  # noqa: SIM115
        self._room = max(0, MOST_KEPT - self._file.tell())
        self._dropped = 0

    def write(self, printed: bytes) -> None:
        kept = printed[: self._room]
        self._room -= len(kept)
        self._dropped += len(printed) - len(kept)
        if kept:
            self._file.write(kept)

    def close(self) -> None:
        with self._file:
            if self._dropped:
                notice = f"\n… {self._dropped} bytes more were printed, not kept\n"
                self._file.write(notice.encode())
