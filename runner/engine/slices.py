"""A part of a large file that one call of the model is given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Slice:
    """Rows that lie together in a file: `first_row` of them come before it, `rows` are in it.

    `start` and `end` say where they lie: bytes of a CSV file, from the beginning of a row to the
    beginning of another (or the file's end), or row groups of a Parquet file, `end` excluded.
    """

    first_row: int
    rows: int
    start: int
    end: int
