"""Giving a scikit-learn model a NumPy matrix in place of a DataFrame, where it can't tell them
apart.

It is an optimisation, as it spares importing pandas: a model it is not sure of gets a DataFrame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from runner.engine.mlmodel import Column
from runner.engine.pickle_names import are_numbers, goes_by_position

if TYPE_CHECKING:
    import pyarrow as pa

_NO_ESTIMATORS = ("builtins", "collections", "numpy", "scipy", "_loss")
_DATA = (type(None), bool, int, float, complex, str, bytes, range, slice)
_MOST_PARTS = 100_000  # objects looked at before giving up


def takes_matrix(estimator: Any, columns: Sequence[Column]) -> bool:
    """Return True when a NumPy matrix gives the very predictions a DataFrame would.

    That is so when the estimator, and whatever it keeps in its attributes, are of the parts of
    scikit-learn known for it, and were fitted on just these columns in this order. Where that can't
    be found out, for whatever reason, the answer is False.
    """
    try:
        return are_numbers(columns) and _is_by_position(
            estimator, [column.name for column in columns]
        )
    except Exception:  # of an estimator's own code, say, or of one from another version
        return False


def as_matrix(table: pa.Table) -> Any:
    """Put columns side by side, each contiguous, as a DataFrame of one type keeps them."""
    import numpy as np

    # Arrow's own table of NumPy types wants pandas; an empty column tells without.
    types = [column.slice(0, 0).to_numpy().dtype for column in table.columns]
    matrix = np.empty((table.num_rows, table.num_columns), dtype=np.result_type(*types), order="F")
    for index, column in enumerate(table.columns):
        start = 0
        for chunk in column.chunks:
            matrix[start : start + len(chunk), index] = chunk.to_numpy(zero_copy_only=False)
            start += len(chunk)
    return matrix


def _is_by_position(estimator: Any, names: Sequence[str]) -> bool:
    """Look at an estimator and all that it is made of.

    The objects themselves are looked through rather than `get_params`, which is the estimator's
    own code, and behind which a frozen estimator hides what it holds.
    """
    parts, seen = [estimator], {id(estimator)}
    while parts:
        part = parts.pop()
        if not _is_known(part):
            return False
        for inner in _inside(part):
            if id(inner) not in seen and not isinstance(inner, _DATA):
                seen.add(id(inner))
                parts.append(inner)
        attributes = getattr(part, "__dict__", {})
        output = attributes.get("_sklearn_output_config", {}).get("transform", "default")
        # One that makes DataFrames of its own has pandas imported anyway.
        if len(seen) > _MOST_PARTS or output != "default":
            return False
        fitted_on = attributes.get("feature_names_in_")
        if fitted_on is not None and list(fitted_on) != list(names):
            return False
    return True


def _is_known(part: Any) -> bool:
    if isinstance(part, partial):
        return True  # for what it is made of
    kind = part if callable(part) and hasattr(part, "__qualname__") else type(part)
    module = str(getattr(kind, "__module__", None))
    return module.partition(".")[0] in _NO_ESTIMATORS or goes_by_position(module)


def _inside(part: Any) -> Iterator[Any]:
    """Yield the objects that a part consists of."""
    import numpy as np

    if isinstance(part, partial):
        yield from (part.func, part.args, part.keywords)
    elif isinstance(part, np.ndarray):
        if part.dtype.hasobject:
            yield from part.ravel().tolist()
        return
    elif isinstance(part, Mapping):
        yield from part.keys()
        yield from part.values()
    elif isinstance(part, (list, tuple, set, frozenset)):
        yield from part
    if isinstance(part, type) or type(part).__module__.partition(".")[0] != "sklearn":
        return
    yield from getattr(part, "__dict__", {}).values()
