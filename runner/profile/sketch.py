"""Making a profile's columns while a job scores, from the tables that models are given and the
answers that they give."""

from __future__ import annotations

import math
import os
import traceback
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner.profile.column import (
    MOST_TEXTS,
    MOST_VALUES,
    Bins,
    Column,
    Numbers,
    Opaque,
    Texts,
    exponent_for,
    merge_columns,
    moments,
    place,
)
from runner.profile.profile import Profile, merge_profiles

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

_ROWS_AT_ONCE = 250_000  # rows that are held until they are counted
# The scales of numbers with a few digits behind the point.
_SCALES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
_LOOKED_AT = 64  # numbers that tell which of the scales may do
_SAMPLE = 24_000  # numbers that tell whether there are more than MOST_VALUES different ones
# Numbers that are looked at at once: what is worked out of them on the way stays in the cache, and
# is small enough that no memory is mapped for it anew, which would take most of the time.
_BLOCK = 8_192

Arrays = Mapping[str, Any]  # Arrow arrays by the column's name; None for what Arrow can't hold


class Profiler:
    """Gathers the rows of files, and counts them many at a time."""

    def __init__(self) -> None:
        self._done: Profile | None = Profile(0)
        self._waiting: list[tuple[int, Arrays, int, Arrays]] = []
        self._rows = 0  # rows that wait

    def add(self, inputs: Arrays, rows: int | None, outputs: Arrays, answers: int) -> None:
        """Take in a file's columns and those of the answers to it; either may be none.

        Where nobody knows how many rows the file has, they are as many as the answers.
        """
        rows = answers if rows is None else rows
        self._waiting.append((rows, inputs, answers, outputs))
        self._rows += max(rows, answers)
        if self._rows >= _ROWS_AT_ONCE:
            self._count_or_not()

    def finish(self) -> Profile | None:
        """Return the profile of all that was added; None where it could not be made."""
        self._count_or_not()
        return self._done

    def _count_or_not(self) -> None:
        """Count what waits. Whatever is odd about it, the rows are scored, and no job fails."""
        try:
            if self._waiting and self._done is not None:
                self._done = self._count(self._done)
        except Exception:
            traceback.print_exc()
            self._done = None
        self._waiting, self._rows = [], 0

    def _count(self, done: Profile) -> Profile:
        inputs = _columns([(rows, inputs) for rows, inputs, _, _ in self._waiting])
        outputs = _columns([(answers, outputs) for _, _, answers, outputs in self._waiting])
        rows = sum(rows for rows, _, _, _ in self._waiting)
        answers = sum(answers for _, _, answers, _ in self._waiting)
        return merge_profiles([done, Profile(rows, inputs, answers, outputs)])


def wanted() -> bool:
    """Tell whether profiles are to be made: RUNNER_PROFILE=off says that they are not."""
    return os.environ.get("RUNNER_PROFILE") != "off"


def frame_columns(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a DataFrame's columns as Arrow arrays, for those that Arrow can hold."""
    import pyarrow as pa

    found: dict[str, Any] = {}
    for index, name in enumerate(map(str, frame.columns)):
        try:
            found[name] = pa.array(frame.iloc[:, index], from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            found[name] = None
    return found


def _columns(files: list[tuple[int, Arrays]]) -> dict[str, Column]:
    """Return the columns of several files, one after another. Rows of a file that lacks a column
    count as missing."""
    names = dict.fromkeys(name for _, arrays in files for name in arrays)
    columns = {}
    for name in names:
        by_type: dict[Any, list[Any]] = {}
        nulls = 0
        parts: list[Column] = []
        for rows, arrays in files:
            if name not in arrays:
                nulls += rows
            elif (values := arrays[name]) is None:
                parts.append(Opaque(rows))
            else:
                by_type.setdefault(values.type, []).extend(getattr(values, "chunks", [values]))
        parts += [_sketch(kind, chunks) for kind, chunks in by_type.items()]
        if nulls:
            parts.append(Opaque(0, nulls))
        columns[name] = merge_columns(parts)
    return columns


def _sketch(kind: pa.DataType, chunks: list[pa.Array]) -> Column:
    import pyarrow as pa

    if pa.types.is_null(kind):
        return Opaque(0, sum(map(len, chunks)))
    values = pa.chunked_array(chunks, kind)
    if pa.types.is_decimal(kind):
        values = values.cast(pa.float64())
    nulls = values.null_count
    if pa.types.is_integer(kind) or pa.types.is_floating(values.type):
        if nulls:
            values = values.drop_null()
        arrays = [chunk.to_numpy(zero_copy_only=False) for chunk in values.chunks]
        return _sketch_blocks(arrays, pa.types.is_integer(kind), nulls)
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
    return _sketch_texts(values, nulls)


def _sketch_texts(values: pa.ChunkedArray, nulls: int) -> Column:
    """Count texts. Truth values are `true` and `false`, times as ISO 8601 writes them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    count = len(values) - nulls
    try:
        distinct = pc.value_counts(values.drop_null())
        names = distinct.field("values").slice(0, MOST_TEXTS + 1).cast(pa.string())
    except pa.ArrowException:  # lists, and bytes that are no text
        return Opaque(count, nulls)
    if len(distinct) > MOST_TEXTS:
        return Texts(count, nulls, None)
    kinds = dict(zip(names.to_pylist(), distinct.field("counts").to_pylist()))
    return Texts(count, nulls, kinds)


def sketch_numbers(numbers: np.ndarray[Any, Any], nulls: int = 0) -> Numbers:
    """Return the column of an array of numbers. Anything but a number counts as missing."""
    return _sketch_blocks([numbers], numbers.dtype.kind in "iu", nulls)


def _sketch_blocks(arrays: Sequence[np.ndarray[Any, Any]], whole: bool, nulls: int) -> Numbers:
    """Return the column of several arrays, one after another."""
    import numpy as np

    blocks = [
        array[start : start + _BLOCK].astype(np.float64, copy=False)
        for array in arrays
        for start in range(0, len(array), _BLOCK)
    ]
    infinite = 0
    with np.errstate(over="ignore", invalid="ignore"):
        sums = [float(block.sum()) for block in blocks]
    if not math.isfinite(sum(sums)):
        rows = sum(map(len, blocks))
        missing = sum(int(np.isnan(block).sum()) for block in blocks)
        blocks = [kept for block in blocks if len(kept := block[np.isfinite(block)])]
        infinite = rows - missing - sum(map(len, blocks))
        nulls += missing
    if not blocks:
        return Numbers(0, nulls, infinite, whole)
    low = min(float(block.min()) for block in blocks)
    high = max(float(block.max()) for block in blocks)
    count = sum(map(len, blocks))
    values, counts, bins = _distribution(blocks, count, low, high)
    mean, squares = moments(values, counts) if bins is None else _moments(blocks, count)
    return Numbers(count, nulls, infinite, whole, low, high, mean, squares, values, counts, bins)


def _moments(blocks: Sequence[np.ndarray[Any, Any]], count: int) -> tuple[float, float]:
    """Return the mean and the sum of the squared deviations from it."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        total = sum(float(block.sum()) for block in blocks)
        mean = total / count
        if not math.isfinite(mean):  # of the greatest numbers there are
            mean = math.fsum(float((block / count).sum()) for block in blocks)
        apart = (block - mean for block in blocks)
        return mean, sum(float(each @ each) for each in apart)


def _distribution(
    blocks: Sequence[np.ndarray[Any, Any]], count: int, low: float, high: float
) -> tuple[array[float], array[int], Bins | None]:
    import numpy as np

    few = _few_digits(blocks, count, low, high)
    if few is not None:
        return (*few, None)
    some = np.concatenate(blocks[: -(-_SAMPLE // _BLOCK)])
    if count <= len(some) or len(np.unique(some)) <= MOST_VALUES:
        values, counts = np.unique(np.concatenate(blocks), return_counts=True)
        if len(values) <= MOST_VALUES:
            return _array("d", values), _array("q", counts), None
    exponent = exponent_for(low, high)
    first, scale = place(low, exponent), 2.0**-exponent
    places = _places(count)
    start = 0
    for block in blocks:
        places[start : start + len(block)] = np.floor(block * scale) - first
        start += len(block)
    return array("d"), array("q"), Bins(exponent, first, np.bincount(places).tolist())


def _few_digits(
    blocks: Sequence[np.ndarray[Any, Any]], count: int, low: float, high: float
) -> tuple[array[float], array[int]] | None:
    """Return the different numbers and their counts where they are whole, or have the same few
    digits behind the point, and lie close together; that takes a tenth of the time of sorting. None
    elsewhere.

    Decimals are read as the closest float, and so is a whole number by a power of ten.
    """
    import numpy as np

    some = blocks[0][:_LOOKED_AT]
    places = _places(count)
    for scale in _SCALES:
        if (high - low) * scale >= MOST_VALUES - 1:
            return None
        if not (np.rint(some * scale) / scale == some).all():
            continue
        first, start = float(np.rint(low * scale)), 0  # which may be no int that NumPy has
        for block in blocks:
            steps = np.rint(block * scale)
            if not (steps / scale == block).all():
                break
            places[start : start + len(block)] = steps - first
            start += len(block)
        else:
            found = np.bincount(places)
            taken = np.flatnonzero(found)
            return _array("d", (taken + first) / scale), _array("q", found[taken])
    return None


_buffer: list[np.ndarray[Any, Any]] = []  # which memory is mapped for once in a process


def _places(count: int) -> np.ndarray[Any, Any]:
    import numpy as np

    if not _buffer or len(_buffer[0]) < count:
        _buffer[:] = [np.empty(count, np.intp)]
    return _buffer[0][:count]


def _array(code: str, values: np.ndarray[Any, Any]) -> array[Any]:
    import numpy as np

    kind = np.float64 if code == "d" else np.int64
    return array(code, values.astype(kind, copy=False).tobytes())
