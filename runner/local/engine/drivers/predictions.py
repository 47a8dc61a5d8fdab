"""A model's predictions for one file, as lines of `predictions.csv` and as a tally.

A line is `row number in its file, prediction, file name`. A prediction of several numbers is one
cell of JSON (a list, or an object for named outputs), so that a line always has three cells.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from runner.local.engine.tally import EMPTY, MOST_CLASSES, OTHER, bucket

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 500_000  # bounds the memory that a huge file's lines take
_QUOTE_WORTHY = '[",\r\n]'


class BadPredictions(Exception):
    """A model returned something that is no prediction for each row."""


def write_lines(
    predictions: Any,
    rows: int,
    file_name: str,
    write: Callable[[Any], object],
    first_row: int = 0,
) -> Mapping[str, Mapping[str, int]]:
    """Write the lines of one file and return their tally (see `tally.Tally`).

    `predictions` is what a model returned for `rows` rows: an array, a list, a Series or a
    DataFrame. Raises BadPredictions when it doesn't hold `rows` predictions.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    cells, values = _cells(predictions)
    if len(cells) != rows:
        raise BadPredictions(f"the model returned {len(cells)} predictions for {rows} rows")
    ending = pa.scalar(_quoted(file_name) + "\n")
    for start in range(0, rows, _ROWS_AT_ONCE):
        part = cells.slice(start, _ROWS_AT_ONCE)
        lines = pc.binary_join_element_wise(
            _row_numbers(first_row + start, len(part)),
            part,
            ending,
            ",",
            null_handling="replace",
            null_replacement="",
        )
        # The array's data buffer is its strings end to end: the file's text, ready to write.
        write(lines.buffers()[2])
    return _tally(values)


@lru_cache(maxsize=4)
def _counted(start: int, count: int) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    return pa.array(np.arange(start, start + count)).cast(pa.string())


def _row_numbers(start: int, count: int) -> pa.Array:
    """`start`, `start + 1`, … as text. Files are alike in size, so most were counted before."""
    return _counted(start, max(1024, 1 << (count - 1).bit_length())).slice(0, count)


def tally_of(predictions: Any) -> Mapping[str, Mapping[str, int]]:
    """Count predictions that are written some other way."""
    return _tally(_cells(predictions)[1])


def _cells(predictions: Any) -> tuple[pa.Array, pa.Array | None]:
    """The predictions as CSV cells (strings; null is an empty cell) and as plain values."""
    import numpy as np
    import pyarrow as pa

    if isinstance(predictions, Mapping):
        predictions = {name: np.asarray(value) for name, value in predictions.items()}
    columns = getattr(predictions, "columns", None)
    if columns is not None and len(columns) == 1:
        predictions = predictions.iloc[:, 0]
    elif columns is not None:
        predictions = {str(name): predictions[name].to_numpy() for name in columns}
    if isinstance(predictions, Mapping):
        if len(predictions) != 1:
            return _json_cells(_records(predictions)), None
        predictions = next(iter(predictions.values()))
    try:
        array = np.asarray(predictions)
    except ValueError:  # rows of different lengths
        return _json_cells(list(predictions)), None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 0:
        raise BadPredictions(f"the model returned a single {type(predictions).__name__}")
    if array.ndim > 1:
        return _json_cells(array.tolist()), None
    try:
        values = pa.array(array.tolist() if array.dtype == object else array, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return _json_cells(array.tolist()), None
    if pa.types.is_nested(values.type):
        return _json_cells(array.tolist()), None
    text = _text(values)
    is_number = pa.types.is_primitive(values.type)
    return text if is_number else _quoted_cells(text), values


def _text(values: pa.Array) -> pa.Array:
    """Write values as pandas would: 1.0 keeps its point, True its capital."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_boolean(kind):
        return pc.if_else(values, "True", "False")
    text = values.cast(pa.string())
    if pa.types.is_floating(kind):
        whole = pc.match_substring_regex(text, r"^-?\d+$")
        return pc.if_else(whole, pc.binary_join_element_wise(text, ".0", ""), text)
    return text


def _quoted_cells(text: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    special = pc.match_substring_regex(text, _QUOTE_WORTHY)
    if not pc.any(special).as_py():
        return text
    doubled = pc.replace_substring(text, '"', '""')
    return pc.if_else(special, pc.binary_join_element_wise('"', doubled, '"', ""), text)


def _records(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = list(columns)
    lists = [column.tolist() for column in columns.values()]
    if len({len(one) for one in lists}) > 1:
        raise BadPredictions("the model returned outputs of different lengths")
    return [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]


def _json_cells(values: list[Any]) -> pa.Array:
    import pyarrow as pa

    cells = (_quoted(json.dumps(one, default=_plain)) for one in values)
    return pa.array(cells, type=pa.string())


def _plain(value: Any) -> Any:
    """What JSON has instead of a NumPy value; of anything else, its text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _quoted(cell: str) -> str:
    """Quote one CSV cell if it needs it; undecodable bytes of a file name show as escapes."""
    cell = cell.encode("utf-8", "backslashreplace").decode("utf-8")
    if any(mark in cell for mark in '",\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _tally(values: pa.Array | None) -> dict[str, dict[str, int]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if values is None:
        return {}
    if pa.types.is_floating(values.type):
        return {"buckets": _buckets(values)}
    distinct = pc.value_counts(values)
    if len(distinct) <= MOST_CLASSES:
        names = _text(distinct.field("values")).to_pylist()
        counts = distinct.field("counts").to_pylist()
        classes = (EMPTY if name is None else name for name in names)
        return {"classes": dict(zip(classes, counts, strict=True))}
    if pa.types.is_integer(values.type):
        return {"buckets": _buckets(values.cast(pa.float64()))}
    return {"classes": {OTHER: len(values)}}


def _buckets(values: pa.Array) -> dict[str, int]:
    import numpy as np

    numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
    distinct, counts = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
    buckets: dict[str, int] = {}
    for number, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        if math.isfinite(number):
            buckets[bucket(number)] = buckets.get(bucket(number), 0) + count
    return buckets
