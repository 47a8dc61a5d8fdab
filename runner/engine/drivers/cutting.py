"""Cutting a large CSV file into slices, each of which a model can be given by itself.

A slice holds whole rows, a multiple of 4096 of them, and never fewer than that where the file has
more: numeric libraries work through a matrix in blocks of rows, and through a small one in another
way. So they do the very sums that they do on the whole file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from runner.engine.drivers.bad_file import BadFile
from runner.engine.drivers.csv_table import NO_ROWS, never_closed
from runner.engine.drivers.csv_text import OpenQuote, ends_one_by_one, read_header, row_ends
from runner.engine.slices import Slice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 4096  # rows; a slice holds a multiple of them
_LARGEST = 1 << 26  # bytes that a slice may hold to have so many rows
_WINDOW = 1 << 20  # bytes read at a time; more of them don't stay in a processor's cache
_LONGEST_ROW = 1 << 26  # bytes; a quote that isn't closed makes all that follows one row
_LONGEST_LINE = (
    1 << 30
)  # bytes of a row without quotes, which nothing but its length speaks against


def cut_csv(file: IO[bytes], size: int, block: int) -> Iterator[Slice]:
    """Yield the slices of an open file, each of about `size` bytes and at least `block` rows.

    Raises BadFile, at the latest after the last slice, for a file that can't be read.
    """
    import numpy as np

    start = read_header(file).end
    first_row = 0
    ends = np.empty(0, np.int64)  # of the rows since `start`
    for more in _ends_of_rows(file, start):
        ends = np.concatenate([ends, more])
        while rows := _rows_of_slice(ends - start, size, block):
            yield Slice(first_row, rows, start, int(ends[rows - 1]))
            first_row += rows
            start = int(ends[rows - 1])
            ends = ends[rows:]
    if not len(ends):
        raise BadFile(NO_ROWS)
    yield Slice(first_row, len(ends), start, int(ends[-1]))


def _rows_of_slice(ends: NDArray[np.int64], size: int, block: int) -> int:
    """Return how many rows the next slice holds; 0 where more of the file must be known to tell.

    Enough are left for another slice: what remains of a file is no slice of a few rows.
    """
    import numpy as np

    known = int(ends[-1]) if len(ends) else 0
    if known <= size:
        return 0
    rows = int(np.searchsorted(ends, size, side="right"))
    rows -= rows % block
    if not rows:
        block_fits = len(ends) >= block and ends[block - 1] <= max(size, _LARGEST)
        if block_fits:
            rows = block
        elif known <= _LARGEST:
            return 0
        else:
            fitting = max(1, int(np.searchsorted(ends, _LARGEST, side="right")))
            rows = 1 << (fitting.bit_length() - 1)
    return rows if len(ends) - rows >= min(block, rows) else 0


def _ends_of_rows(file: IO[bytes], start: int) -> Iterator[NDArray[np.int64]]:
    """Yield the offsets at which the rows of a CSV file end, a window of the file at a time."""
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
        elif len(text) >= _LONGEST_ROW and b'"' in text:
            raise BadFile(
                f"row {rows}: has a quote that is never closed, or not within"
                f" {_LONGEST_ROW >> 20} MiB; `--slice-above 0` gives the file to the model whole"
            )
        elif len(text) >= _LONGEST_LINE:
            raise BadFile(f"row {rows}: is longer than {_LONGEST_LINE >> 30} GiB")
