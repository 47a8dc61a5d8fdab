"""Writing a model's answers for one file as lines of `predictions.csv`, and counting them.

There is a line, as `runner.predictions` lays it out, for each answer, however many rows the file
has: where they are as many, an answer's number is its row's. An answer of several values
is one cell of JSON (a list, or an object for named outputs), so that a line always has three cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from runner.engine.drivers.answers import Answers, BadPredictions, as_answers
from runner.engine.drivers.cells import plain_texts, quoted
from runner.predictions import join_lines
from runner.tally import EMPTY, MOST_CLASSES, ONLY, OTHER, Tally, buckets_of

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 500_000  # bounds the memory that a huge file's lines take


def write_lines(
    answers: Answers, file_name: str, write: Callable[[Any], object], first_row: int = 0
) -> Mapping[str, Any]:
    """Write a line for each answer, numbered from `first_row`, and return their tally (see
    `tally.Tally`).

    Raises BadPredictions where there is no answer at all: a file that gets no line counts as
    failed on Azure.
    """
    if not len(answers):
        raise BadPredictions("the model returned no predictions")
    file = quoted(file_name)
    for start in range(0, len(answers), _ROWS_AT_ONCE):
        part = answers.cells.slice(start, _ROWS_AT_ONCE)
        lines = join_lines(_row_numbers(first_row + start, len(part)), part, file)
        # The array's data buffer is its strings end to end: the file's text, ready to write.
        write(lines.buffers()[2])
    return _tally(answers.columns)


def _row_numbers(start: int, count: int) -> pa.Array:
    """Write `start`, `start + 1`, … Files are alike in size, so most were counted before."""
    if start:
        return _counted(start, count)
    return _counted_from_zero(max(1024, 1 << (count - 1).bit_length())).slice(0, count)


@lru_cache(maxsize=2)
def _counted_from_zero(count: int) -> pa.Array:
    return _counted(0, count)


def _counted(start: int, count: int) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    return pa.array(np.arange(start, start + count)).cast(pa.string())


def tally_of(predictions: Any) -> Mapping[str, Any]:
    """Count predictions that are written some other way."""
    return _tally(as_answers(predictions).columns)


def _tally(columns: Mapping[str, pa.Array]) -> dict[str, Any]:
    if columns.keys() <= {ONLY}:
        return _count(columns[ONLY]) if columns else {}
    return {"columns": {name: _count(values) for name, values in columns.items()}}


def _count(values: pa.Array) -> dict[str, Any]:
    """Return the tally of one column: booleans, numbers or texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(values.type):
        return _count_numbers(values)
    distinct = pc.value_counts(values)
    if len(distinct) <= MOST_CLASSES:
        names = plain_texts(distinct.field("values")).to_pylist()
        counts = distinct.field("counts").to_pylist()
        classes = (EMPTY if name is None else name for name in names)
        return {"classes": dict(zip(classes, counts))}
    if pa.types.is_integer(values.type):
        return _count_numbers(values)
    return {"classes": {OTHER: len(values)}}


def _count_numbers(values: pa.Array) -> dict[str, Any]:
    import numpy as np

    values = values.drop_null()
    exact = values.to_numpy(zero_copy_only=False)
    numbers = exact.astype(np.float64)
    finite = np.isfinite(numbers)
    numbers, exact = numbers[finite], exact[finite]
    if not len(numbers):
        return {}
    with np.errstate(over="ignore"):
        total = float(numbers.sum())
    return Tally(
        buckets=buckets_of(numbers),
        sum=total if math.isfinite(total) else None,
        min=exact.min().item(),
        max=exact.max().item(),
    ).as_dict()
