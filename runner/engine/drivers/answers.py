"""Taking apart what a model returned for one file: its answers, as many as it gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runner.engine.drivers.cells import (
    as_lists,
    column,
    countable,
    is_of_pandas,
    json_cells,
    texts,
)
from runner.tally import ONLY

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

_MOST_COLUMNS = 20  # more than these are an embedding, not figures to look at


class BadPredictions(Exception):
    """A model returned what no line can be made of, which no second attempt changes."""


@dataclass(frozen=True)
class Answers:
    """A model's answers for one file or slice; there are `len` of them."""

    cells: pa.Array  # the text of each, quoted as CSV wants it; null is an empty cell
    columns: Mapping[str, pa.Array] = field(
        default_factory=dict
    )  # the values to be counted, by name

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def number_types(self) -> dict[str, str]:
        """Return the Arrow types of the columns of numbers, by name, less those without a value."""
        import pyarrow as pa

        return {
            name: str(values.type)
            for name, values in self.columns.items()
            if (pa.types.is_integer(values.type) or pa.types.is_floating(values.type))
            and values.null_count < len(values)
        }


def as_answers(predictions: Any) -> Answers:
    """Take apart an array, a Series, a DataFrame, a dict of columns, a list, or anything else that
    can be iterated over.

    An answer of several values is JSON. Of a dict, what is no list is repeated; a dict that pandas
    makes no table of is a single answer. Raises BadPredictions for a single value.
    """
    _refuse_single(predictions)
    if isinstance(predictions, Mapping):
        table = _table(predictions)
        if table is None:
            return Answers(json_cells([predictions]))
        predictions = table
    if _is_frame(predictions):
        if len(predictions.columns) != 1:
            return _records(_columns(predictions), len(predictions))
        predictions = predictions.iloc[:, 0]
    array = _as_array(predictions)
    if array is None:
        return _of_one_value(predictions)
    if array.dtype.names:
        return _records({name: array[name] for name in array.dtype.names}, len(array))
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    return _of_one_value(array) if array.ndim == 1 else _of_lists(array)


def _refuse_single(predictions: Any) -> None:
    """Refuse a single value, which is no list of answers: Azure's driver can't iterate over it
    either, and of a text it would write a line for each character."""
    if (
        isinstance(predictions, (str, bytes, bytearray))
        or getattr(predictions, "ndim", 1) == 0
        or not (hasattr(predictions, "__iter__") or hasattr(predictions, "__getitem__"))
    ):
        raise BadPredictions(
            f"the model returned a single {type(predictions).__name__};"
            " it must return a list, an array, a dict or a DataFrame"
        )


def _of_one_value(values: Any) -> Answers:
    found = column(values)
    counted = countable(found)
    if counted is None:
        return Answers(texts(found), _counted(_parts(list(found))))
    return Answers(texts(found), {ONLY: counted})


def _parts(answers: list[Any]) -> dict[str, list[Any]]:
    """Return the parts of answers that are all objects or all lists, by name or place."""
    columns: dict[str, list[Any]] = {}
    for answer in answers:
        if not isinstance(answer, (Mapping, list, tuple)) or len(answer) > _MOST_COLUMNS:
            return {}
        parts = answer.items() if isinstance(answer, Mapping) else enumerate(answer)
        for name, part in parts:
            columns.setdefault(str(name), []).append(part)
    return columns if len(columns) <= _MOST_COLUMNS else {}


def _of_lists(array: np.ndarray[Any, Any]) -> Answers:
    """Return the answers of an array of more than one dimension, each of which is a list."""
    columns = {}
    if array.ndim == 2 and array.shape[1] <= _MOST_COLUMNS:
        columns = {str(place): array[:, place] for place in range(array.shape[1])}
    return Answers(json_cells(as_lists(array)), _counted(columns))


def _records(columns: Mapping[str, Any], rows: int) -> Answers:
    """Return the answers of columns that stand side by side, each of which is an object."""
    found = {name: column(values) for name, values in columns.items()}
    names = list(found)
    lists = [
        values if isinstance(values, list) else values.to_pylist() for values in found.values()
    ]
    records: Iterable[Any] = (
        (dict(zip(names, row)) for row in zip(*lists)) if names else ({} for _ in range(rows))
    )
    return Answers(json_cells(records), _counted(found) if len(names) <= _MOST_COLUMNS else {})


def _counted(columns: Mapping[str, Any]) -> dict[str, pa.Array]:
    found = {name: countable(column(values)) for name, values in columns.items()}
    return {name: values for name, values in found.items() if values is not None}


def _is_frame(value: Any) -> bool:
    return hasattr(value, "iloc") and hasattr(value, "columns")


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a DataFrame's columns by name. A name that is taken gets a number, as in pandas."""
    columns: dict[str, Any] = {}
    for place, label in enumerate(frame.columns):
        name, count = str(label), 0
        while name in columns:
            count += 1
            name = f"{label}.{count}"
        columns[name] = frame.iloc[:, place]
    return columns


def _table(outputs: Mapping[Any, Any]) -> pd.DataFrame | None:
    """Return the DataFrame that pandas makes of a dict; None where it makes none."""
    import pandas as pd

    try:
        return pd.DataFrame({name: _untouched(value) for name, value in outputs.items()})
    except Exception:  # of any kind, as in Azure's driver
        return None


def _untouched(values: Any) -> Any:
    """Return a dict's column so that pandas takes it over without guessing at its type."""
    import numpy as np

    array = _as_array(values)
    if array is not None:
        if array.ndim == 1 and array.dtype.names is None:
            return array
        values = array.tolist()
    if not isinstance(values, (list, tuple)):
        return values
    elements = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        elements[place] = value
    return elements


def _as_array(values: Any) -> np.ndarray[Any, Any] | None:
    """Return the NumPy array that this is or turns into, such as a tensor or a sparse matrix does.

    None for lists, and for what has types that NumPy lacks.
    """
    import numpy as np

    if hasattr(values, "toarray"):
        values = values.toarray()
    if isinstance(values, np.ma.MaskedArray):
        plain = values.data.astype(object)
        plain[np.ma.getmaskarray(values)] = None
        return plain
    if isinstance(values, np.ndarray):
        return np.asarray(values)
    if is_of_pandas(values) or not hasattr(values, "__array__") or _is_arrow(values):
        return None
    try:
        return np.asarray(values)
    except Exception:  # a tensor that remembers its gradient, or lies elsewhere
        return None


def _is_arrow(values: Any) -> bool:
    import pyarrow as pa

    return isinstance(values, (pa.Array, pa.ChunkedArray))
