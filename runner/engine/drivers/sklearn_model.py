"""Loading a pickled scikit-learn model without MLflow, whose import alone takes seconds.

It does what `mlflow.pyfunc` does for such a model and nothing more: unpickle, put the signature's
columns in order and type, call `predict_fn`. The tests hold the two against each other.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from runner.engine.drivers.matrix import as_matrix, takes_matrix
from runner.engine.drivers.packages import missing_package, other_version, way_to_have
from runner.engine.mlmodel import MlModel
from runner.engine.text import one_line
from runner.errors import JobFailed

if TYPE_CHECKING:
    import pyarrow as pa


def load(model: MlModel) -> Callable[[Any], Any]:
    """Unpickle the model, which runs whatever the pickle says: only ever in a worker.

    Returns a function to predictions from a table (the signature's columns, typed), or from what
    the model is given as it is: a DataFrame, an array.
    Raises JobFailed when the pickle can't be loaded, or wants pandas and pandas is not there.
    """
    import pyarrow as pa

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
    if takes_matrix(estimator, model.signature.columns):
        return _on_matrices(predict)
    _need_pandas(model)
    return lambda data: predict(data.to_pandas() if isinstance(data, pa.Table) else data)


def _on_matrices(predict: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function from tables to predictions that gives `predict` a matrix, and a DataFrame
    where it raises over a matrix.

    A DataFrame is what MLflow hands over, so what it comes to is right whatever a matrix did.
    """
    # A matrix holds the same numbers as the DataFrame the model was fitted on; its columns have
    # been matched by name already, so the warning about their absence says nothing new.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")

    def on_matrix(table: pa.Table) -> Any:
        try:
            return predict(as_matrix(table))
        except Exception:
            if find_spec("pandas") is None:
                raise
        return predict(table.to_pandas())

    return on_matrix


def _need_pandas(model: MlModel) -> None:
    try:
        import pandas  # noqa: F401
    except ModuleNotFoundError:
        why = "is given DataFrames" if model.signature.columns else "has no signature"
        raise JobFailed(
            f"model {model.folder} {why}, which needs pandas to read its files:"
            f" {way_to_have(['pandas'], 'mlflow')}"
        ) from None
