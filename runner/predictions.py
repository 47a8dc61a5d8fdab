"""Writes and reads the lines of `predictions.csv`.

An MLflow model's line is its row's number from 0 in its file, what was predicted for it, and the
file's name, on Azure as on this machine. A scoring script's lines are its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("row", "prediction", "file")
# The arguments that `pandas.read_csv` takes beside the path, a line of code each.
READING = (f"index_col={COLUMNS.index('row')},", f"names={list(COLUMNS)!r},")


class Line(NamedTuple):
    """A line that was read back."""

    row: str
    prediction: Sequence[str]  # one cell; several where an older service wrote an answer so
    file: str


def join_lines(rows: pa.Array, predictions: pa.Array, file: str) -> pa.Array:
    """Return the lines of a file's answers, each with its end. `file` is the name as a cell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # Arrow is told that these are texts: finding out by itself, it tries to import dateutil.
    ending, comma = pa.scalar(f"{file}\n", pa.string()), pa.scalar(",", pa.string())
    return pc.binary_join_element_wise(
        rows, predictions, ending, comma, null_handling="replace", null_replacement=""
    )


def read_line(cells: Sequence[str]) -> Line | None:
    """Take a line's cells apart; None where they are laid out otherwise."""
    if len(cells) >= len(COLUMNS) and cells[0].isdecimal():
        return Line(cells[0], cells[1:-1], cells[-1])
    return None
