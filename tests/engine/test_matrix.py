"""The scikit-learn models that are given a matrix, and those that get a DataFrame to be sure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC

from runner.engine.drivers.matrix import as_matrix, takes_matrix
from runner.engine.mlmodel import Column

DOUBLES = [Column("x", "double"), Column("y", "double")]
ROWS = np.random.default_rng(3).normal(size=(40, 2))
FRAME = pd.DataFrame(ROWS, columns=["x", "y"])
LABELS = (ROWS[:, 0] > 0).astype(int)


def fitted(model: Any) -> Any:
    return model.fit(FRAME, LABELS)


def by_name() -> Any:
    return make_pipeline(make_column_transformer((StandardScaler(), ["x"])), LogisticRegression())


class Mine(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer as people write them: its parameter is kept under another name."""

    def __init__(self, top: float = 1.0) -> None:
        self._top = top

    def fit(self, rows: Any, labels: Any = None) -> Any:
        return self

    def transform(self, rows: Any) -> Any:
        return np.minimum(rows, self._top)


class Raises:
    """Whatever is asked of it raises."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no attributes")


def test_scikit_learns_own_estimators_take_a_matrix_however_they_are_put_together() -> None:
    plain = LogisticRegression()
    for model in (
        plain,
        make_pipeline(SimpleImputer(), StandardScaler(), plain),
        make_pipeline(make_union(StandardScaler(), SimpleImputer()), plain),
        GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [1, 2]}, cv=2),
        CalibratedClassifierCV(FrozenEstimator(fitted(LogisticRegression()))),
        VotingClassifier([("a", plain), ("b", GradientBoostingClassifier(n_estimators=2))]),
        StackingClassifier([("a", plain), ("b", plain)]),
        HistGradientBoostingClassifier(max_iter=2),
    ):
        assert takes_matrix(fitted(model), DOUBLES), model
    several = MultiOutputClassifier(plain).fit(FRAME, np.column_stack([LABELS, LABELS]))
    assert takes_matrix(several, DOUBLES)


def test_what_looks_columns_up_by_name_gets_a_data_frame_wherever_it_is_hidden() -> None:
    for model in (
        by_name(),
        GridSearchCV(by_name(), {"logisticregression__C": [1, 2]}, cv=2),
        CalibratedClassifierCV(FrozenEstimator(fitted(by_name()))),
        make_pipeline(FunctionTransformer(lambda rows: rows), LogisticRegression()),
        make_pipeline(OrdinalEncoder(), LogisticRegression()),
        make_pipeline(StandardScaler().set_output(transform="pandas"), LogisticRegression()),
        make_pipeline(Mine(), LogisticRegression()),
        VotingClassifier([("a", LogisticRegression()), ("b", by_name())]),
    ):
        assert not takes_matrix(fitted(model), DOUBLES), model


def test_an_estimator_that_is_not_scikit_learns_gets_a_data_frame() -> None:
    assert takes_matrix(BaggingClassifier(LogisticRegression()), DOUBLES)
    assert not takes_matrix(BaggingClassifier(Mine()), DOUBLES)
    assert not takes_matrix(make_pipeline(StandardScaler(), Mine()), DOUBLES)
    hidden = fitted(LogisticRegression())
    hidden.helper = [{"a": (Mine(),)}]
    assert not takes_matrix(hidden, DOUBLES)
    replaced = fitted(LogisticRegression())
    replaced.predict = lambda rows: rows["x"]
    assert not takes_matrix(replaced, DOUBLES)


@pytest.mark.parametrize("missing", ["C", "steps", "classes_", "feature_names_in_", "verbose"])
def test_an_estimator_of_another_version_may_lack_attributes(missing: str) -> None:
    model = fitted(make_pipeline(StandardScaler(), LogisticRegression()))
    for part in (model, *model.named_steps.values()):
        vars(part).pop(missing, None)
    assert isinstance(takes_matrix(model, DOUBLES), bool)


def test_what_raises_while_it_is_looked_at_gets_a_data_frame() -> None:
    assert not takes_matrix(Raises(), DOUBLES)
    assert not takes_matrix(make_pipeline(Raises()), DOUBLES)
    circle = fitted(LogisticRegression())
    circle.itself = [circle]
    assert takes_matrix(circle, DOUBLES)


def test_columns_that_are_not_those_it_was_fitted_on_get_a_data_frame() -> None:
    model = LogisticRegression().fit(FRAME[["y", "x"]], LABELS)
    assert not takes_matrix(model, DOUBLES)
    assert takes_matrix(model, DOUBLES[::-1])
    assert not takes_matrix(model, [Column("y", "double"), Column("x", "double", required=False)])
    assert not takes_matrix(model, [Column("y", "double"), Column("x", "boolean")])
    assert not takes_matrix(model, [])


def test_columns_of_a_part_that_are_not_those_it_was_fitted_on_get_a_data_frame() -> None:
    part = LogisticRegression().fit(FRAME[["y", "x"]], LABELS)
    outer = CalibratedClassifierCV(FrozenEstimator(part)).fit(ROWS, LABELS)
    assert not takes_matrix(outer, DOUBLES)


def test_a_matrix_is_what_a_data_frame_of_the_same_columns_becomes() -> None:
    table = pa.table({"a": pa.array([1, 2], "int32"), "b": pa.array([0.5, None], "float32")})
    matrix = as_matrix(table)
    expected = table.to_pandas().to_numpy()
    assert matrix.dtype == expected.dtype
    assert matrix.flags.f_contiguous
    assert expected.flags.f_contiguous
    assert np.array_equal(matrix, expected, equal_nan=True)
