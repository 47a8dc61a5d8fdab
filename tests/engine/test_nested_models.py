"""Nested scikit-learn models, by the small loader and by `mlflow.pyfunc`."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, event, given, reject, settings
from hypothesis import strategies as st
from mlflow.models import infer_signature
from sklearn import compose, ensemble, preprocessing
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from runner.engine.drivers.formats import read_table
from runner.engine.drivers.matrix import takes_matrix
from runner.engine.drivers.sklearn_model import load
from runner.engine.mlmodel import read_mlmodel

pytestmark = pytest.mark.filterwarnings("ignore")

Draw = Callable[[Any], Any]
_RANDOM = np.random.default_rng(11)
FRAME = pd.DataFrame(
    {
        "x": _RANDOM.normal(size=30).round(3),
        "y": _RANDOM.normal(size=30),
        "whole": _RANDOM.integers(0, 4, 30),
        "narrow": _RANDOM.normal(size=30).astype("float32"),
        "large": 2**53 + _RANDOM.integers(0, 3, 30),  # no double holds all of these
    }
)
TARGET = (FRAME["x"] + FRAME["whole"] > 1).astype(int).to_numpy()


# What people write themselves. Their modules are none of scikit-learn's, and `get_params` can't
# find parameters that are kept under other names.


class Capped(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    def __init__(self, top: float) -> None:
        self._top = top

    def fit(self, rows: Any, labels: Any = None) -> Any:
        return self

    def transform(self, rows: Any) -> Any:
        return np.minimum(rows, self._top)


class ByName(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, rows: Any, labels: Any) -> Any:
        self.classes_ = np.unique(labels)
        self._middle = rows["x"].median()
        return self

    def predict(self, rows: Any) -> Any:
        return (rows["x"] > self._middle).astype(int).to_numpy()

    def predict_proba(self, rows: Any) -> Any:
        return np.eye(len(self.classes_))[self.predict(rows)]


class ByKind(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Answers a matrix otherwise than a DataFrame, without a word."""

    def fit(self, rows: Any, labels: Any) -> Any:
        self.classes_ = np.unique(labels)
        return self

    def predict(self, rows: Any) -> Any:
        return np.full(len(rows), int(isinstance(rows, pd.DataFrame)))

    def predict_proba(self, rows: Any) -> Any:
        return np.eye(2)[self.predict(rows)]


class Hides(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    def __init__(self, inner: Any) -> None:
        self._hidden = {"model": [inner]}

    def fit(self, rows: Any, labels: Any) -> Any:
        self._hidden["model"][0].fit(rows, labels)
        self.classes_ = np.unique(labels)
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._hidden["model"][0], name)


def sum_of(rows: Any) -> Any:
    return np.asarray(rows)[:, :2] + (1 if isinstance(rows, pd.DataFrame) else 0)


def numbers(rows: Any) -> list[str]:
    return list(rows.columns[:2])


# Estimators within estimators.


def column_transformer(draw: Draw) -> Any:
    columns = draw(
        st.sampled_from(
            [["x"], [0, 1], slice(0, 2), slice("x", "y"), [True, True, False, False, False],
             numbers, compose.make_column_selector(dtype_include="float64"), "y", []]
        )
    )  # fmt: skip
    if isinstance(columns, str):
        part: Any = SimpleImputer() if draw(st.booleans()) else "passthrough"
        columns = [columns]
    else:
        part = transformer(draw, 0)
    return compose.ColumnTransformer(
        [("part", part, columns)],
        remainder=draw(st.sampled_from(["passthrough", "drop", preprocessing.StandardScaler()])),
    )


def transformer(draw: Draw, depth: int) -> Any:
    makers: list[Callable[[], Any]] = [
        preprocessing.StandardScaler,
        preprocessing.PowerTransformer,
        lambda: preprocessing.PolynomialFeatures(include_bias=False),
        lambda: preprocessing.QuantileTransformer(n_quantiles=5),
        lambda: preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        lambda: preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        lambda: preprocessing.KBinsDiscretizer(3, encode="ordinal"),
        lambda: preprocessing.FunctionTransformer(draw(st.sampled_from([np.abs, sum_of]))),
        lambda: SimpleImputer(add_indicator=True),
        lambda: PCA(1),
        lambda: SelectKBest(k=1),
        lambda: Capped(0.5),
    ]
    if depth:
        makers += [
            lambda: column_transformer(draw),
            lambda: column_transformer(draw),
            lambda: FeatureUnion(
                [
                    (name, transformer(draw, depth - 1))
                    for name in draw(st.sampled_from(["a", "ab"]))
                ]
            ),
            lambda: Pipeline([(name, transformer(draw, depth - 1)) for name in "ab"]),
        ]
    made = draw(st.sampled_from(makers))()
    if draw(st.integers(0, 4)) == 0 and hasattr(made, "set_output"):
        made.set_output(transform=draw(st.sampled_from(["pandas", "default"])))
    return made


def classifier(draw: Draw, depth: int) -> Any:
    makers: list[Callable[[], Any]] = [
        LogisticRegression,
        GaussianNB,
        KNeighborsClassifier,
        lambda: SVC(gamma="scale"),
        lambda: DecisionTreeClassifier(random_state=0),
        lambda: ensemble.HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=3),
        lambda: ensemble.GradientBoostingClassifier(n_estimators=2, random_state=0),
        ByName,
        ByKind,
    ]
    if depth:
        inner = [lambda: classifier(draw, depth - 1)]
        piped = lambda: Pipeline(  # noqa: E731
            [("t", transformer(draw, depth)), ("c", inner[0]())]
        )
        makers = [
            piped,
            piped,
            piped,
            lambda: GridSearchCV(inner[0](), {}, cv=2),
            lambda: CalibratedClassifierCV(inner[0](), cv=2),
            lambda: CalibratedClassifierCV(FrozenEstimator(fit(draw, inner[0]()))),
            lambda: FrozenEstimator(fit(draw, inner[0]())),
            lambda: ensemble.VotingClassifier(
                [(name, inner[0]()) for name in "ab"],
                voting=draw(st.sampled_from(["hard", "soft"])),
            ),
            lambda: ensemble.StackingClassifier(
                [(name, inner[0]()) for name in "ab"], passthrough=draw(st.booleans()), cv=2
            ),
            lambda: ensemble.BaggingClassifier(inner[0](), n_estimators=2, random_state=0),
            lambda: OneVsRestClassifier(inner[0]()),
            lambda: Hides(inner[0]()),
        ]
    return draw(st.sampled_from(makers))()


def regressor(draw: Draw) -> Any:
    inner = Pipeline([("t", transformer(draw, 1)), ("r", LinearRegression())])
    return compose.TransformedTargetRegressor(
        inner, **draw(st.sampled_from([{}, {"func": np.exp, "inverse_func": np.log}]))
    )


def fit(draw: Draw, model: Any) -> Any:
    """Fit on a DataFrame mostly; on an array, or on the columns in another order, too."""
    target = (
        np.column_stack([TARGET, 1 - TARGET]) if type(model) is MultiOutputClassifier else TARGET
    )
    rows = draw(
        st.sampled_from([FRAME, FRAME, FRAME, FRAME.to_numpy(), FRAME[FRAME.columns[::-1]]])
    )
    try:
        return model.fit(rows, target)
    except Exception:
        reject()  # no model: something in it can't take what it is given


@st.composite
def models(draw: Draw) -> Any:
    kind = draw(st.sampled_from(["classifier"] * 6 + ["several outputs", "regressor"]))
    made = regressor(draw) if kind == "regressor" else classifier(draw, draw(st.integers(0, 3)))
    if kind == "several outputs":
        made = MultiOutputClassifier(made)
    return fit(draw, made)


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """Silence MLflow, which says at each save of a pickle that it is one."""
    logger = logging.getLogger("mlflow.sklearn")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


def outcome(predict: Callable[[Any], Any], rows: Any) -> Any:
    try:
        return predict(rows)
    except Exception as error:
        return error


@given(
    model=models(),
    function=st.sampled_from(["predict", "predict", "predict_proba"]),
    parameters=st.sampled_from([None, {"depth": 3}]),
)
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
def test_what_mlflow_scores_is_scored_the_same_and_what_it_refuses_is_refused(
    model: Any, function: str, parameters: dict[str, Any] | None
) -> None:
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder, file = Path(place) / "model", Path(place) / "rows.parquet"
        mlflow.sklearn.save_model(
            model,
            str(folder),
            serialization_format="cloudpickle",
            signature=infer_signature(FRAME, params=parameters),
            pyfunc_predict_fn=function if hasattr(model, function) else "predict",
            pip_requirements=[],
        )
        FRAME.to_parquet(file)
        described = read_mlmodel(folder)
        assert described.is_plain_sklearn
        table, _ = read_table(file, described.signature.columns)
        loaded = outcome(mlflow.pyfunc.load_model, str(folder))
        ours = outcome(lambda rows: load(described)(rows), table)
        if isinstance(loaded, Exception):
            assert isinstance(ours, Exception)
            return
        theirs = outcome(loaded.predict, pd.read_parquet(file))
    event("matrix" if takes_matrix(model, described.signature.columns) else "DataFrame")
    event("refused" if isinstance(theirs, Exception) else "scored")
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        assert type(ours) is type(theirs), (ours, theirs)
        return
    assert np.asarray(ours).dtype == np.asarray(theirs).dtype
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
