"""Reads JSON's cells as the numbers that a signature asks for, as Azure's script reads them.

The script hands the request to pandas, which reads JSON with a parser of its own, and then turns
each column into the signature's type. Here the same comes about without pandas, whose import
takes a second. Sources: pandas' `read_json` and `astype`; tests/local/serving/recorded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner.engine.mlmodel import Column
from runner.local.serving.tables import BadRequest, shown

if TYPE_CHECKING:
    import pyarrow as pa

_TYPES = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32"}
_MOST_DECIMALS = 15  # the number of decimals that pandas' parser reads
_TENTHS = tuple(float(f"1e-{places}") for places in range(_MOST_DECIMALS + 1))
_LARGEST_PLAIN = 1e16  # from here on Python writes a number with an exponent
# Words that a number or a date may be made of.
_DATES = """
    a ad am and at bc gmt h hour hours inf infinity jan january feb february mar march apr april
    may jun june jul july aug august sep sept september oct october nov november dec december
    m min minute minutes mon monday tue tuesday wed wednesday thu thursday fri friday sat saturday
    sun sunday na nan nat nd none now null of on p pm rd s second seconds st t th today tomorrow
    utc yesterday z
"""
_OF_DATES = frozenset(_DATES.split())


def are_numbers(columns: Sequence[Column]) -> bool:
    """Return whether every column is a number that must be there.

    pandas takes names that are dates or numbers, all of them, for these; such columns aren't
    counted, either.
    """
    return (
        bool(columns)
        and all(column.required and column.type in _TYPES for column in columns)
        and any(_is_only_a_name(column.name) for column in columns)
    )


def typed_table(cells: Mapping[str, Sequence[Any]], columns: Sequence[Column]) -> pa.Table:
    """Return the cells of number columns as an Arrow table of the signature's types.

    Booleans count as 0 and 1, text is read as the number it writes, and null is a missing number
    where the type has one. As on Azure, a whole number too large for its type comes out as
    another, and a broken one is cut off. Raises BadRequest naming row and column.
    """
    import pyarrow as pa

    return pa.table(
        {column.name: pa.array(_array(cells[column.name], column)) for column in columns}
    )


def _array(cells: Sequence[Any], column: Column) -> Any:
    try:
        return _converted(cells, _TYPES[column.type])
    except (TypeError, ValueError, OverflowError):
        raise BadRequest(_where(cells, column)) from None


def _converted(cells: Sequence[Any], dtype: str) -> Any:
    """Return the cells as an array of that type. Raises TypeError, ValueError or OverflowError."""
    import numpy as np

    kinds = set(map(type, cells))
    if float in kinds:
        cells = [_as_parsed(cell) if type(cell) is float else cell for cell in cells]
    mixed = False
    if int in kinds:
        whole = _whole_numbers([cell for cell in cells if type(cell) is int])
        if kinds == {int}:
            return whole.astype(dtype)
        mixed = whole.dtype == object
    if kinds <= {int, float, type(None)} and not mixed:
        if type(None) in kinds:
            cells = [math.nan if cell is None else cell for cell in cells]
        array = np.array(cells, dtype="float64")
        if dtype.startswith("float"):
            with np.errstate(over="ignore"):
                return array.astype(dtype)
        if not np.isfinite(array).all():
            raise ValueError("a missing or infinite number can't be a whole one")
        with np.errstate(invalid="ignore"):
            return array.astype(dtype)
    if kinds == {bool}:
        return np.array(cells, dtype=bool).astype(dtype)
    if list in kinds or dict in kinds:
        raise TypeError("a list or an object is no number")
    with np.errstate(over="ignore"):
        return np.array(cells, dtype=object).astype(dtype)


def _whole_numbers(cells: Sequence[int]) -> Any:
    """Return whole numbers of 64 bits. Raises OverflowError for larger ones."""
    import numpy as np

    try:
        return np.array(cells, dtype="int64")
    except OverflowError:
        if min(cells) >= 0:
            return np.array(cells, dtype="uint64")
        if max(cells) >= 1 << 64 or min(cells) < -(1 << 63):
            raise
        return np.array(cells, dtype=object)


def _as_parsed(number: float) -> float:
    """Return a number as pandas' parser reads it, which is not always the nearest one: 1.7 comes
    out as 1.7000000000000002. It adds up the decimals and multiplies them with a power of ten."""
    if number.is_integer() and -_LARGEST_PLAIN < number < _LARGEST_PLAIN:
        return number
    text = repr(abs(number))
    mantissa, _, exponent = text.partition("e")
    whole, _, decimals = mantissa.partition(".")
    if not whole.isdigit():  # nan, inf
        return number
    decimals = decimals[:_MOST_DECIMALS]
    value = float(whole) + (float(decimals) * _TENTHS[len(decimals)] if decimals else 0.0)
    if exponent:
        value *= 10.0 ** int(exponent)
    return -value if number < 0 else value


def _where(cells: Sequence[Any], column: Column) -> str:
    kind = f"{'an' if column.type[0] in 'aeiou' else 'a'} {column.type}"
    for row, cell in enumerate(cells):
        try:
            _converted([cell], _TYPES[column.type])
        except (TypeError, ValueError, OverflowError):
            found = "null" if cell is None else shown(cell)
            return f"row {row}, column {shown(column.name)}: {found} is not {kind}"
    return f"column {shown(column.name)}: its cells are together not {kind}"


def _is_only_a_name(name: str) -> bool:
    """Return whether it is surely not read as a number or a date."""
    if re.search(r"\d", name):
        return False
    return any(word.lower() not in _OF_DATES for word in re.findall(r"[^\W\d_]+", name))
