"""Cutting a large file into slices, each of which a model can be given by itself.

A slice holds whole rows. Where it can, it holds a multiple of 4096 of them: numeric kernels that
work through blocks of rows then do the very sums that they do on the whole file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from runner.local.engine.drivers.bad_file import BadFile
from runner.local.engine.drivers.csv_table import NO_ROWS, never_closed
from runner.local.engine.drivers.csv_text import OpenQuote, ends_one_by_one, read_header, row_ends
from runner.local.engine.drivers.parquet_table import SUFFIXES as PARQUET
from runner.local.engine.drivers.parquet_table import open_parquet
from runner.local.engine.slices import Slice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS = 4096  # a slice holds a multiple of this many rows, where so many fit in
_WINDOW = 1 << 20  # bytes read at a time; more of them don't stay in a processor's cache
_LONGEST_ROW = 1 << 26  # bytes; a quote that isn't closed makes all that follows one row


def cut(path: Path, size: int) -> Iterator[Slice]:
    """The slices of a `.csv` or Parquet file, each of about `size` bytes of it, in their order.

    Needs memory for a few megabytes, however large the file is.
    Raises BadFile, at the latest after the last slice, for a file that can't be read.
    """
    try:
        with path.open("rb") as file:
            if path.suffix.lower() in PARQUET:
                yield from _cut_parquet(file, size)
            else:
                yield from _cut_csv(file, size)
    except OSError as error:
        raise BadFile(f"can't be read: {error.strerror or error}") from None


def _cut_parquet(file: IO[bytes], size: int) -> Iterator[Slice]:
    metadata = open_parquet(file).metadata
    start = rows = first_row = 0
    taken = 0
    for group in range(metadata.num_row_groups):
        bytes_of_group = metadata.row_group(group).total_byte_size
        if rows and taken + bytes_of_group > size:
            yield Slice(first_row, rows, start, group)
            first_row += rows
            start, rows, taken = group, 0, 0
        rows += metadata.row_group(group).num_rows
        taken += bytes_of_group
    if rows:
        yield Slice(first_row, rows, start, metadata.num_row_groups)


def _cut_csv(file: IO[bytes], size: int) -> Iterator[Slice]:
    import numpy as np

    start = read_header(file).end
    first_row = 0
    ends = np.empty(0, np.int64)  # of the rows since `start`
    for more in _ends_of_rows(file, start):
        ends = np.concatenate([ends, more])
        while len(ends) and ends[-1] - start > size:
            rows = _rows_of_slice(ends, start + size)
            yield Slice(first_row, rows, start, int(ends[rows - 1]))
            first_row += rows
            start = int(ends[rows - 1])
            ends = ends[rows:]
    if len(ends):
        yield Slice(first_row, len(ends), start, int(ends[-1]))
    elif not first_row:
        raise BadFile(NO_ROWS)


def _rows_of_slice(ends: NDArray[np.int64], limit: int) -> int:
    """How many rows end at the limit or before: a multiple of 4096, else at least one."""
    import numpy as np

    rows = int(np.searchsorted(ends, limit, side="right"))
    return rows - rows % _ROWS or max(rows, 1)


def _ends_of_rows(file: IO[bytes], start: int) -> Iterator[NDArray[np.int64]]:
    """The offsets at which the rows of a CSV file end, a window of the file at a time."""
    file.seek(start)
    text = b""  # from the beginning of a row on
    rows = 0
    whole = False
    find = row_ends
    while not whole:
        # A row longer than what was read is looked at again with twice as much of it.
        more = file.read(max(_WINDOW, len(text)))
        whole = not more
        text += more
        try:
            ends = find(text, whole=whole)
        except OpenQuote as error:
            raise never_closed(rows + error.rows) from None
        find = row_ends if len(ends) else ends_one_by_one
        if len(ends):
            yield ends + start
            rows += len(ends)
            start += int(ends[-1])
            text = text[ends[-1] :]
        elif len(text) >= _LONGEST_ROW:
            raise never_closed(rows)
