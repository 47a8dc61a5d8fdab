"""Turning the text of a column's cells into its type, where pandas does and as pandas does.

`pandas.read_csv` looks at a column as a whole: one that holds nothing but the words true and
false is a column of numbers too where numbers are asked for, and one of zeros and ones is boolean.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from runner.engine.drivers.bad_file import BadFile, shown, with_article
from runner.engine.mlmodel import Column

if TYPE_CHECKING:
    import pyarrow as pa

NULLABLE = ("double", "float", "string", "datetime", "binary")  # types with a missing value

_BLANKS = " \t\n\v\f\r"
_INTEGER = rf"^[{_BLANKS}]*[+-]?[0-9]+[{_BLANKS}]*$"
_NUMBER = rf"^[{_BLANKS}]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[{_BLANKS}]*$"
_INFINITY = r"(?i)^[+-]?inf(inity)?$"
_WORD = r"(?i)^(true|false)$"
_TRUE = r"(?i)^true$"
_WITH_ZONE = r"^\d{4}-\d\d-\d\d[ T]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?(Z|[+-]\d\d(:?\d\d)?)$"
# The whole numbers of a type that no double but their own stands for.
_EXACT = {"integer": (-(2**31), 2**31 - 1), "long": (1 - 2**53, 2**53 - 1)}


class _BadCell(Exception):
    """A cell that is not of its column's type, and why if there is more to say than that."""

    def __init__(self, row: int, why: str = "") -> None:
        super().__init__(row)
        self.row = row
        self.why = why


def arrow_type(column: Column) -> pa.DataType:
    """Return the type of a column in a table read from CSV. A binary cell stays text, as on Azure:
    models decode it themselves."""
    import pyarrow as pa

    types = {
        "boolean": pa.bool_(),
        "integer": pa.int32(),
        "long": pa.int64(),
        "float": pa.float32(),
        "double": pa.float64(),
        "string": pa.string(),
        "binary": pa.string(),
        "datetime": pa.timestamp("ns"),
    }
    return types[column.type]


def convert(texts: pa.ChunkedArray, column: Column, first_row: int) -> pa.ChunkedArray:
    """Return the cells as the column's type; a missing one is null and stays so.

    `first_row` rows of the file come before these.
    Raises BadFile naming the first cell that is not of the type.
    """
    convert_type = {
        "boolean": _booleans,
        "integer": _whole_numbers,
        "long": _whole_numbers,
        "double": _doubles,
        "float": _doubles,
        "datetime": _times,
    }.get(column.type)
    if convert_type is None:
        return texts
    try:
        return convert_type(texts, column)
    except _BadCell as error:
        cell = shown(texts[error.row].as_py())
        why = error.why or f"is not {with_article(column.type)}"
        raise BadFile(
            f"row {first_row + error.row}, column {shown(column.name)}: {cell} {why}"
        ) from None


def direct_type(column: Column) -> pa.DataType:
    """Return the type that Arrow is told to read a column as first."""
    import pyarrow as pa

    # pandas parses doubles and rounds them, which can differ from parsing single precision.
    return pa.float64() if column.type == "float" else arrow_type(column)


def settle(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray | None:
    """Return what Arrow read as `direct_type`, as the column's type; None where pandas may not
    agree.

    That is so for infinity and for what is not a number, which Arrow knows more words for.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(values.type):
        return values
    if column.type == "float":
        values = values.cast(pa.float32())
    # One number that isn't finite makes the sum so, which is sooner found than looking at each.
    if math.isfinite(pc.sum(values).as_py() or 0.0):
        return values
    return values if pc.all(pc.is_finite(values)).as_py() is not False else None


def refuse_missing(values: pa.ChunkedArray, column: Column, first_row: int) -> None:
    """Refuse a missing whole number or boolean, as pandas and MLflow do: NumPy has none."""
    import pyarrow.compute as pc

    if values.null_count and column.type not in NULLABLE:
        row = first_row + pc.index(values.is_null(), True).as_py()
        raise BadFile(
            f"row {row}, column {shown(column.name)}:"
            f" an empty cell is not {with_article(column.type)}"
        )


def _doubles(texts: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = arrow_type(column)
    if _are_words(texts):
        return _match(texts, _TRUE).cast(kind)
    _all(pc.or_(_match(texts, _NUMBER), _match(texts, _INFINITY)))
    doubles = _cast(_trimmed(texts), pa.float64())
    values = doubles.cast(kind)
    # A number that is too large for single precision would become infinite.
    _all(pc.or_(pc.is_finite(values), pc.invert(pc.is_finite(doubles))))
    return values


def _whole_numbers(texts: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = arrow_type(column)
    if _are_words(texts):
        return _match(texts, _TRUE).cast(kind)
    as_digits = _match(texts, _INTEGER)
    _all(pc.or_(as_digits, _match(texts, _NUMBER)))
    missing = pa.scalar(None, pa.string())
    trimmed = _trimmed(texts)
    other = _cast(pc.if_else(as_digits, missing, trimmed), pa.float64())
    low, high = _EXACT[column.type]
    _all(
        pc.and_(
            pc.equal(pc.floor(other), other),
            pc.and_(pc.greater_equal(other, low), pc.less_equal(other, high)),
        )
    )
    return pc.coalesce(_cast(pc.if_else(as_digits, trimmed, missing), kind), other.cast(kind))


def _booleans(texts: pa.ChunkedArray, _: Column) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    words = _match(texts, _WORD)
    if pc.any(words).as_py():
        _all(words)
        return _match(texts, _TRUE)
    _all(_match(texts, _NUMBER))
    numbers = _cast(_trimmed(texts), pa.float64())
    _all(pc.or_(pc.equal(numbers, 0.0), pc.equal(numbers, 1.0)))
    return pc.equal(numbers, 1.0)


def _times(texts: pa.ChunkedArray, _: Column) -> pa.ChunkedArray:
    """Read times in ISO 8601; a time with an offset from UTC becomes the time in UTC.

    No time is known to which one without an offset belongs beside them: pandas refuses both in one
    column too.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    zoned = _match(texts, _WITH_ZONE)
    missing = pa.scalar(None, pa.string())
    naive, utc = pa.timestamp("ns"), pa.timestamp("ns", "UTC")
    without = _cast(pc.if_else(zoned, missing, texts), naive)
    times = pc.coalesce(without, _cast(pc.if_else(zoned, texts, missing), utc).cast(naive))
    if pc.any(zoned).as_py() and not pc.all(zoned).as_py():
        with_offset, without_offset = (pc.index(zoned, has).as_py() for has in (True, False))
        first, row = sorted((with_offset, without_offset))
        what = "an offset" if row == with_offset else "no offset"
        raise _BadCell(row, f"has {what} from UTC, unlike row {first}")
    return times


def _are_words(texts: pa.ChunkedArray) -> bool:
    """Return True where every cell that isn't missing is one of the words true and false."""
    import pyarrow.compute as pc

    return texts.null_count < len(texts) and bool(pc.all(_match(texts, _WORD)).as_py())


def _match(texts: pa.ChunkedArray, pattern: str) -> Any:
    import pyarrow.compute as pc

    return pc.match_substring_regex(texts, pattern)


def _trimmed(texts: pa.ChunkedArray) -> Any:
    """Strip the blanks and plus signs around numbers, which Arrow does not take."""
    import pyarrow.compute as pc

    return pc.ascii_trim(texts, characters=_BLANKS + "+")


def _cast(texts: Any, kind: pa.DataType) -> Any:
    """Cast texts. Raises _BadCell for the first cell that Arrow can't parse; it doesn't say which,
    so halves of the column are tried."""
    import pyarrow as pa

    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        start, end = 0, len(texts)
    while end - start > 1:
        middle = (start + end) // 2
        try:
            texts.slice(start, middle - start).cast(kind)
        except pa.ArrowInvalid:
            end = middle
        else:
            start = middle
    raise _BadCell(start)


def _all(fine: Any) -> None:
    """Raise _BadCell for the first row that is False; a row without a value passes."""
    import pyarrow.compute as pc

    row = pc.index(fine, False).as_py()
    if row >= 0:
        raise _BadCell(row)
