"""Values that a model returned as Arrow columns, as cells of CSV and as JSON, without loss.

Whatever Arrow or pandas would turn into something else on the way (whole numbers beside missing
ones, numbers too large, values of several types) stays a list of Python's own values.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_QUOTE_WORTHY = '[",\r\n]'
_EXACT_KINDS = "biufU"  # of NumPy types that Arrow takes over as they are
_MISSING = ("NAType", "NaTType")  # pandas' missing values


def column(values: Any) -> pa.Array | list[Any]:
    """Return a column's values: an Arrow array of booleans, numbers or texts where that loses
    nothing, else a list. `values` is a list, an Arrow or a one-dimensional NumPy array, or a
    Series."""
    import numpy as np
    import pyarrow as pa

    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return _from_arrow(values)
    if isinstance(values, np.ndarray):
        return _from_numpy(values)
    if is_of_pandas(values) and getattr(values, "nlevels", 1) == 1:
        import pandas as pd

        return _from_pandas(pd.Series(values))
    return _from_list(list(values))


def is_of_pandas(values: Any) -> bool:
    """Return True for a Series, an Index, a DataFrame or one of pandas' arrays, which have types
    that NumPy lacks."""
    return type(values).__module__.partition(".")[0] == "pandas"


def texts(values: pa.Array | list[Any]) -> pa.Array:
    """Return the cells of a column as the CSV file shows them; null is an empty cell."""
    import pyarrow as pa

    if isinstance(values, list):
        # A float is written alike whatever stands beside it, in another slice of the file too.
        floats = [float(value) for value in values if _is_float(value)]
        written = iter(plain_texts(pa.array(floats, type=pa.float64())).to_pylist())
        cells = (next(written) if _is_float(value) else _text(value) for value in values)
        return pa.array(
            (None if cell is None else quoted(cell) for cell in cells), type=pa.string()
        )
    return plain_texts(values) if pa.types.is_primitive(values.type) else _quoted(values)


def plain_texts(values: pa.Array) -> pa.Array:
    """Write an Arrow array as pandas does: 1.0 keeps its point, True its capital."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_boolean(kind):
        return pc.if_else(values, text_scalar("True"), text_scalar("False"))
    text = values.cast(pa.string())
    if pa.types.is_floating(kind):
        whole = pc.match_substring_regex(text, r"^-?\d+$")
        nothing = text_scalar("")
        with_point = pc.binary_join_element_wise(text, text_scalar(".0"), nothing)
        return pc.if_else(whole, with_point, text)
    return text


def is_other_text(kind: pa.DataType) -> bool:
    """Tell whether this is a type of texts other than Arrow's plain strings."""
    import pyarrow as pa

    # Before version 16 Arrow has no views, and so no word for what they are.
    is_view = getattr(pa.types, "is_string_view", lambda _: False)
    return bool(pa.types.is_large_string(kind) or is_view(kind))


def text_scalar(text: str) -> pa.StringScalar:
    """Return a text for Arrow's functions. To find out its type themselves they try to import
    dateutil, each time anew where it isn't installed, which takes longer than all the rest."""
    import pyarrow as pa

    return pa.scalar(text, pa.string())


def quoted(cell: str) -> str:
    """Quote a cell if CSV needs it; undecodable bytes of a file name show as escapes."""
    cell = cell.encode("utf-8", "backslashreplace").decode("utf-8")
    if any(mark in cell for mark in '",\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def json_cells(values: Iterable[Any]) -> pa.Array:
    """Return a cell of JSON for each value."""
    import pyarrow as pa

    return pa.array((quoted(_json(value)) for value in values), type=pa.string())


def as_lists(array: np.ndarray[Any, Any]) -> list[Any]:
    """Return an array's rows as lists. Times are texts: NumPy makes numbers of those in
    nanoseconds."""
    import numpy as np

    if array.dtype.kind in "mM":
        times = array.astype(str).astype(object)
        times[np.isnat(array)] = None
        array = times
    lists: list[Any] = array.tolist()
    return lists


def countable(values: pa.Array | list[Any]) -> pa.Array | None:
    """Return the values of a column as a tally counts them: booleans, numbers or texts. None where
    they are lists or the like."""
    import pyarrow as pa

    if not isinstance(values, list):
        return values
    if any(map(_is_nested, values)):
        return None
    present = [value for value in values if not _is_missing(value)]
    if any(isinstance(value, float) for value in present) and all(map(_is_number, present)):
        return pa.array([None if _is_missing(value) else float(value) for value in values])
    cells = (_text(value) for value in values)
    return pa.array(
        (None if cell is None else _encodable(cell) for cell in cells), type=pa.string()
    )


def _from_arrow(values: pa.Array | pa.ChunkedArray) -> pa.Array | list[Any]:
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _from_arrow(values.dictionary_decode())
    if is_other_text(kind):
        return values.cast(pa.string())
    exact = (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_float32(kind)
        or pa.types.is_float64(kind)
        or pa.types.is_string(kind)
        or pa.types.is_null(kind)
    )
    return values if exact else list(values.to_pylist())


def _from_numpy(values: np.ndarray[Any, Any]) -> pa.Array | list[Any]:
    import numpy as np
    import pyarrow as pa

    if values.dtype.kind in _EXACT_KINDS and values.dtype != np.float16:
        try:
            return pa.array(values, from_pandas=True)
        except (pa.ArrowNotImplementedError, UnicodeError):  # long doubles; half of a character
            return list(values)
    return _from_list(values.tolist()) if values.dtype == object else list(values)


def _from_pandas(values: Any) -> pa.Array | list[Any]:
    import numpy as np
    import pyarrow as pa

    if hasattr(values.dtype, "categories"):
        codes = values.array.codes
        return _take(column(values.array.categories), codes)
    if hasattr(values.dtype, "fill_value"):  # sparse
        return _from_numpy(np.asarray(values))
    if isinstance(values.dtype, np.dtype) and values.dtype.kind not in "mM":
        return _from_numpy(values.to_numpy())
    if hasattr(values.dtype, "storage") or hasattr(values.dtype, "numpy_dtype"):
        # Texts, and what holds a missing value beside whole numbers.
        found = _from_arrow(pa.array(values.array, from_pandas=True))
        if not isinstance(found, list):
            return found
    return list(values)  # of times and the like pandas' own values, as when Azure goes over them


def _take(values: pa.Array | list[Any], places: np.ndarray[Any, Any]) -> pa.Array | list[Any]:
    """Return the values at those places; nothing at a place below 0."""
    import pyarrow as pa

    if isinstance(values, list):
        return [values[place] if place >= 0 else None for place in places.tolist()]
    return values.take(pa.array(places, mask=places < 0))


def _from_list(values: list[Any]) -> pa.Array | list[Any]:
    """Return values of one type as an array. Values of several types stay a list: an array would
    give all of them one type."""
    import numpy as np
    import pyarrow as pa

    kinds = set(map(type, values)) - {type(None)}
    if len(kinds) > 1:
        return values
    kind = next(iter(kinds), bool)
    if issubclass(kind, np.generic) and len(set(map(type, values))) == 1:
        return _from_numpy(np.asarray(values))
    if kind in (bool, int, float, str):
        try:
            return pa.array(values, from_pandas=True)
        except (OverflowError, UnicodeError, pa.ArrowInvalid):
            return values
    return values


def _text(value: Any) -> str | None:
    """Return one value's text; None for a value that is missing."""
    if isinstance(value, str):
        return str(value)
    if _is_missing(value):
        return None
    if isinstance(value, float):
        return float.__repr__(value)
    if _is_nested(value):
        return _json(value)
    if hasattr(value, "__array__") and hasattr(value, "item") and not _is_numpy(value):
        return _text(value.item())  # a tensor of one number
    return str(value)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)  # most answers, and many times as fast
    except (TypeError, ValueError):
        return json.dumps(_jsonable(value), allow_nan=False)


def _jsonable(value: Any) -> Any:
    """Return what JSON can hold of a value. It has no NaN, which becomes null, and no infinity,
    which becomes a text that reads back as a number; bytes become base64, as in MLflow's own JSON.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if _is_missing(value):
        return None
    if isinstance(value, float):
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return float(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {_key(name): _jsonable(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if hasattr(value, "model_dump"):  # pydantic's
        return _jsonable(value.model_dump())
    if _is_frame(value):
        return _jsonable(value.to_dict(orient="records"))
    if _is_numpy(value) and value.ndim:
        return _jsonable(as_lists(value))
    if _is_nested(value) and hasattr(value, "tolist"):
        return _jsonable(value.tolist())
    if hasattr(value, "item") and not _is_time(value):
        plain = value.item()
        return str(value) if type(plain) is type(value) else _jsonable(plain)
    return str(value)


def _key(name: Any) -> Any:
    """Return a key for `json.dumps`, which makes `true` of True and `null` of None."""
    return name if name is None or isinstance(name, (str, bool, int)) else str(name)


def _is_nested(value: Any) -> bool:
    """Tell whether this is several values."""
    if isinstance(value, (list, tuple, set, frozenset, Mapping)) or _is_frame(value):
        return True
    return bool(getattr(value, "ndim", 0)) or hasattr(value, "model_dump")


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in _MISSING:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    if isinstance(value, float):
        return math.isnan(value)
    if _is_numpy(value) and value.dtype.kind in "fmM" and value.ndim == 0:
        return bool(value != value)
    return False


def _is_float(value: Any) -> bool:
    return isinstance(value, float) and not math.isnan(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, (int, float, Decimal)):
        return not isinstance(value, bool)
    return _is_numpy(value) and value.dtype.kind in "iuf"


def _is_numpy(value: Any) -> bool:
    import numpy as np

    return isinstance(value, (np.generic, np.ndarray))


def _is_time(value: Any) -> bool:
    return _is_numpy(value) and value.dtype.kind in "mM"


def _is_frame(value: Any) -> bool:
    return hasattr(value, "iloc") and hasattr(value, "columns")


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _quoted(text: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    text = text.cast(pa.string())
    special = pc.match_substring_regex(text, _QUOTE_WORTHY)
    if not pc.any(special).as_py():
        return text
    doubled = pc.replace_substring(text, pattern='"', replacement='""')
    quote = text_scalar('"')
    in_quotes = pc.binary_join_element_wise(quote, doubled, quote, text_scalar(""))
    return pc.if_else(special, in_quotes, text)
