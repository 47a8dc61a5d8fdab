"""Loading a pickled scikit-learn model without MLflow, whose import alone takes seconds.

It does what `mlflow.pyfunc` does for such a model and nothing more: unpickle, put the signature's
columns in order and type, call `predict_fn`. The tests hold the two against each other.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from runner.errors import JobFailed
from runner.local.engine.drivers.packages import missing_package, other_version
from runner.local.engine.mlmodel import Column, MlModel
from runner.local.engine.text import one_line

if TYPE_CHECKING:
    import pyarrow as pa

# Estimators that look columns up by name, or hand the table to code we don't know.
_WANT_NAMES = ("sklearn.compose.", "sklearn.feature_extraction.", "sklearn.preprocessing._function")
_NUMBERS = ("double", "float", "long", "integer")
_PICKLED_MODULE = re.compile(rb"\bsklearn(?:\.[A-Za-z_]\w*)+")
_LOOK_AT = 4 << 20  # bytes of a pickle searched for module names


def load(model: MlModel) -> Callable[[Any], Any]:
    """Unpickle the model, which runs whatever the pickle says: only ever in a worker.

    Returns a function to predictions from a table (the signature's columns, typed), or from a
    DataFrame where there is no signature.
    Raises JobFailed when the pickle can't be loaded, or wants pandas and pandas is not there.
    """
    assert model.pickle is not None
    try:
        with model.pickle.open("rb") as file:
            estimator = pickle.load(file)
    except Exception as error:
        if needed := missing_package(model, error):
            raise JobFailed(f"model {model.folder} {needed}") from error
        detail = one_line(error) or "it ends too early"
        raise JobFailed(
            f"model file {model.pickle} can't be loaded ({type(error).__name__}: {detail});"
            f" {other_version(model, error) or 'register the model again'}"
        ) from error
    predict = getattr(estimator, model.predict_fn, None)
    if predict is None:
        raise JobFailed(f"model {model.folder} has no {model.predict_fn}()")
    # A matrix holds the same numbers as the DataFrame the model was fitted on; its columns have
    # been matched by name already, so the warning about their absence says nothing new.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    if takes_matrix(estimator, model.signature.columns):
        return lambda table: predict(_matrix(table))
    _need_pandas(model)
    if not model.signature.columns:
        return lambda frame: predict(frame)
    return lambda table: predict(table.to_pandas(date_as_object=False))


def modules(model: MlModel) -> list[str]:
    """What the model will import: the scikit-learn modules its pickle names, found as text so that
    nothing of it is run, and pandas where its columns can't be a matrix."""
    assert model.pickle is not None
    try:
        with model.pickle.open("rb") as file:
            names = {name.decode() for name in _PICKLED_MODULE.findall(file.read(_LOOK_AT))}
    except OSError:
        return []
    if not _are_numbers(model.signature.columns):
        names.add("pandas")
    return sorted(names)


def takes_matrix(estimator: Any, columns: Sequence[Column]) -> bool:
    """True when a NumPy matrix gives the very predictions a DataFrame would.

    That is so for scikit-learn's own estimators over numeric columns, fitted on just these
    columns in this order. Everything else gets a DataFrame.
    """
    if not _are_numbers(columns):
        return False
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None and list(names) != [one.name for one in columns]:
        return False
    parts = [estimator]
    if hasattr(estimator, "get_params"):
        parts += [one for one in estimator.get_params(deep=True).values() if _is_estimator(one)]
    return all(_is_by_position(one) for one in parts)


def _are_numbers(columns: Sequence[Column]) -> bool:
    return bool(columns) and all(one.type in _NUMBERS and one.required for one in columns)


def _need_pandas(model: MlModel) -> None:
    try:
        import pandas  # noqa: F401
    except ModuleNotFoundError:
        why = "wants its columns by name" if model.signature.columns else "has no signature"
        raise JobFailed(
            f"model {model.folder} {why}, which needs pandas to read its files:"
            " `uv pip install -r requirements/mlflow.txt`"
        ) from None


def _is_estimator(value: Any) -> bool:
    return hasattr(value, "fit") or hasattr(value, "transform")


def _is_by_position(estimator: Any) -> bool:
    module = type(estimator).__module__
    return module.startswith("sklearn.") and not module.startswith(_WANT_NAMES)


def _matrix(table: pa.Table) -> Any:
    """Columns side by side, each contiguous, as a DataFrame of one type keeps them."""
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
