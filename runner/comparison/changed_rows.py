"""Writes the rows that changed into a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.files.atomic import replace_atomically

if TYPE_CHECKING:
    from runner.comparison.pairing import Pair


class ChangedRows:
    """Writes a line for each changed row: its file, its number from 0, both answers."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._writer = csv.writer(file, lineterminator="\n")
        self._begin()

    def _begin(self) -> None:
        self._writer.writerow(["file", "row", "old", "new"])

    def add(self, pair: Pair | None, changed: Any) -> None:
        """Write the rows that changed; begin again where there is no pair."""
        if pair is None:
            self._file.seek(0)
            self._file.truncate()
            self._begin()
            return
        import numpy as np

        where = np.flatnonzero(changed)
        old, new = pair.old.take(where), pair.new.take(where)
        for row, before, after in zip(where.tolist(), old, new, strict=True):
            self._writer.writerow([pair.file, pair.first_row + row, before.as_py(), after.as_py()])


@contextmanager
def changed_rows(path: Path | None) -> Iterator[ChangedRows | None]:
    """Give what writes changed rows to a file, which gets there whole or not at all.

    None for no path. OSError where it can't be written.
    """
    if path is None:
        yield None
        return
    with (
        replace_atomically(path) as draft,
        draft.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        yield ChangedRows(file)
