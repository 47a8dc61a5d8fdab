"""Finding what a pickled scikit-learn model will import, without running its pickle."""

from __future__ import annotations

import re
from collections.abc import Sequence

from runner.engine.mlmodel import Column, MlModel

_PICKLED_MODULE = re.compile(rb"\bsklearn(?:\.[A-Za-z_]\w*)+")
_LOOK_AT = 4 << 20  # bytes of a pickle searched for module names
_NUMBERS = ("double", "float", "long", "integer")
# The parts of scikit-learn that take columns by their position and put them all into one type,
# so that they can't tell a matrix from a DataFrame. Encoders of categories are not among them:
# they read each column in its own type. Nor is what takes columns by name or calls functions.
_BY_POSITION = (
    *("_loss", "base", "calibration", "cluster", "compose._target", "covariance"),
    *("cross_decomposition", "decomposition", "discriminant_analysis", "dummy", "ensemble"),
    *("feature_selection", "frozen", "gaussian_process", "impute", "isotonic"),
    *("kernel_approximation", "kernel_ridge", "linear_model", "metrics", "mixture"),
    *("model_selection", "multiclass", "multioutput", "naive_bayes", "neighbors"),
    *("neural_network", "pipeline", "preprocessing._data", "preprocessing._label"),
    *("preprocessing._polynomial", "random_projection", "semi_supervised", "svm", "tree", "utils"),
)


def modules(model: MlModel) -> list[str]:
    """Return the modules that the model will import: those of scikit-learn that its pickle names,
    found as text so that nothing of it is run, and pandas where it won't be given a matrix."""
    assert model.pickle is not None
    try:
        with model.pickle.open("rb") as file:
            names = {name.decode() for name in _PICKLED_MODULE.findall(file.read(_LOOK_AT))}
    except OSError:
        return []
    if not (are_numbers(model.signature.columns) and all(map(goes_by_position, names))):
        names.add("pandas")
    return sorted(names)


def are_numbers(columns: Sequence[Column]) -> bool:
    """Return True for columns that make a matrix: there are some, all numbers and none optional."""
    return bool(columns) and all(column.type in _NUMBERS and column.required for column in columns)


def goes_by_position(module: str) -> bool:
    """Return True for a module of scikit-learn whose estimators can't tell a matrix from a
    DataFrame."""
    package, _, part = module.partition(".")
    return package == "sklearn" and part.startswith(_BY_POSITION)
