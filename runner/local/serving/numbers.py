"""JSON's cells as the numbers a signature asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner.engine.mlmodel import Column
from runner.local.serving.bodies import BadRequest, shown

if TYPE_CHECKING:
    import pyarrow as pa

_BITS = {"integer": 31, "long": 63}


def are_numbers(columns: Sequence[Column]) -> bool:
    """Whether every column is a number that must be there."""
    return bool(columns) and all(one.required and one.type in _READ for one in columns)


def typed_table(cells: Mapping[str, Sequence[Any]], columns: Sequence[Column]) -> pa.Table:
    """The cells of number columns as an Arrow table of the signature's types.

    As with MLflow, booleans count as 0 and 1, text is read as the number it writes, and null is
    a missing number where the type has one. What would lose something, such as 1.7 for a whole
    number, is refused. Raises BadRequest naming row and column.
    """
    import pyarrow as pa

    types = {
        "double": pa.float64(),
        "float": pa.float32(),
        "long": pa.int64(),
        "integer": pa.int32(),
    }
    return pa.table(
        {one.name: pa.array(_read(cells[one.name], one), types[one.type]) for one in columns}
    )


def _read(cells: Sequence[Any], column: Column) -> list[float | int]:
    read = _READ[column.type]
    numbers = []
    for row, cell in enumerate(cells):
        try:
            numbers.append(read(cell))
        except (TypeError, ValueError, OverflowError):
            kind = f"{'an' if column.type[0] in 'aeiou' else 'a'} {column.type}"
            found = "null" if cell is None else shown(cell)
            where = f"row {row}, column {shown(column.name)}"
            raise BadRequest(f"{where}: {found} is not {kind}") from None
    return numbers


def _real(cell: Any) -> float:
    return float("nan") if cell is None else float(cell)


def _whole(cell: Any, bits: int) -> int:
    number = int(cell)
    if not isinstance(cell, str) and number != cell:
        raise ValueError(cell)
    if not -(1 << bits) <= number < 1 << bits:
        raise OverflowError(cell)
    return number


_READ: Mapping[str, Callable[[Any], float | int]] = {
    "double": _real,
    "float": _real,
    "long": lambda cell: _whole(cell, _BITS["long"]),
    "integer": lambda cell: _whole(cell, _BITS["integer"]),
}
