"""The small loader of scikit-learn models, held against `mlflow.pyfunc` on the same files."""

from __future__ import annotations

import csv
import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV

from runner.engine.drivers import sklearn_model
from runner.engine.drivers.matrix import takes_matrix
from runner.engine.drivers.mlflow_model import MlflowDriver
from runner.engine.drivers.packages import way_to_have
from runner.engine.drivers.sklearn_model import load
from runner.engine.mlmodel import read_mlmodel
from runner.errors import JobFailed

from .models import inputs, lay_model

ROWS = 60


def table() -> pd.DataFrame:
    """Return columns of every kind, with whole numbers and texts that look like some."""
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "x": random.normal(size=ROWS).round(4),
            "y": random.normal(size=ROWS),
            "whole": random.integers(0, 9, ROWS),
            "small": random.integers(0, 9, ROWS).astype("int32"),
            "narrow": random.normal(size=ROWS).astype("float32"),
            "flag": random.random(ROWS) > 0.5,
            "colour": random.choice(["red", "grün", 'a "b", c'], ROWS),
            "when": pd.to_datetime(random.integers(0, 2 * 10**9, ROWS), unit="s"),
        }
    )


def gaps(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    frame.loc[frame.index % 5 == 0, "x"] = np.nan
    frame.loc[frame.index % 7 == 0, "colour"] = None
    return frame


@dataclass(frozen=True)
class Case:
    """A model, the columns it is fitted on and how it is saved."""

    make: Callable[[], Any]
    columns: tuple[str, ...] = ("x", "y")
    target: Callable[[pd.DataFrame], Any] = lambda frame: (frame["x"] > 0).astype(int)
    doubles: bool = False  # the signature says double though the file holds whole numbers
    signed: bool = True
    optional: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()  # columns that the signature names once more, at its end
    matrix: bool = False  # the loader may skip the DataFrame
    fit_on_array: bool = False
    with_gaps: bool = False
    leave_out: tuple[str, ...] = ()  # of the file
    save: dict[str, Any] = field(default_factory=dict)


def by_columns(**parts: list[str]) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    steps = {
        "scale": StandardScaler(),
        "encode": OneHotEncoder(handle_unknown="ignore"),
        "keep": "passthrough",
    }
    return make_column_transformer(*((steps[name], columns) for name, columns in parts.items()))


def pipeline(*steps: Any) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(*steps)


def seconds(frame: Any) -> Any:
    return pd.DataFrame({"seconds": frame["when"].astype("datetime64[s]").astype("int64")})


def logistic(**settings: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(**settings)


def forest(kind: str = "Classifier") -> Any:
    import sklearn.ensemble as ensemble

    return getattr(ensemble, f"RandomForest{kind}")(5, random_state=0)


def scaler() -> Any:
    from sklearn.preprocessing import StandardScaler

    return StandardScaler()


def boosting() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=5)


class Capped(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer as people write them, whose `get_params` raises."""

    def __init__(self, top: float) -> None:
        self._top = top

    def fit(self, rows: Any, labels: Any = None) -> Any:
        return self

    def transform(self, rows: Any) -> Any:
        return np.minimum(rows, self._top)


def by_name_and_frozen() -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    frame = table()
    model = pipeline(by_columns(scale=["x"]), logistic())
    return CalibratedClassifierCV(FrozenEstimator(model.fit(frame[["x", "y"]], frame["x"] > 0)))


def by_date() -> Any:
    from sklearn.preprocessing import FunctionTransformer
    from sklearn.tree import DecisionTreeRegressor

    return pipeline(FunctionTransformer(seconds), DecisionTreeRegressor(random_state=0))


def both(frame: pd.DataFrame) -> Any:
    return np.column_stack([frame["x"] * 2, frame["y"] - 1])


CASES = {
    "classifier": Case(forest, matrix=True),
    "classifier of whole numbers read as doubles": Case(
        logistic, ("x", "whole"), doubles=True, matrix=True
    ),
    "classifier with text classes": Case(
        lambda: pipeline(scaler(), logistic()), matrix=True, target=lambda frame: frame["colour"]
    ),
    "classifier of numbers of every width": Case(
        logistic, ("x", "whole", "small", "narrow"), matrix=True
    ),
    "classifier fitted on an array": Case(logistic, fit_on_array=True, matrix=True),
    "regressor": Case(lambda: forest("Regressor"), target=lambda frame: frame["y"], matrix=True),
    "regressor of several outputs": Case(
        lambda: forest("Regressor"), target=both, matrix=True
    ),
    "predict_proba": Case(
        lambda: pipeline(scaler(), logistic()),
        save={"pyfunc_predict_fn": "predict_proba"},
        matrix=True,
    ),
    "gaps in numbers": Case(boosting, with_gaps=True, matrix=True),
    "text columns": Case(
        lambda: pipeline(by_columns(scale=["x"], encode=["colour"]), logistic()), ("x", "colour")
    ),
    "gaps in text": Case(
        lambda: pipeline(by_columns(encode=["colour"]), logistic()), ("x", "colour"),
        with_gaps=True,
    ),
    "booleans and whole numbers": Case(
        lambda: pipeline(by_columns(keep=["flag", "whole", "small"]), logistic()),
        ("flag", "whole", "small"),
    ),
    "a transformer that keeps its parameter under another name": Case(
        lambda: pipeline(Capped(0.5), logistic())
    ),
    "columns by name in a frozen estimator": Case(by_name_and_frozen),
    "dates": Case(by_date, ("when",), target=lambda frame: frame["x"]),
    "a column that the signature names twice": Case(
        lambda: pipeline(scaler(), logistic()), ("x", "whole", "y"), twice=("x", "whole"),
        matrix=True,
    ),
    "an optional column that is absent": Case(
        lambda: pipeline(by_columns(scale=["x"]), logistic()), optional=("y",), leave_out=("y",)
    ),
    "an optional column that is there": Case(
        lambda: pipeline(by_columns(scale=["x", "y"]), logistic()), optional=("y",)
    ),
    "no signature": Case(logistic, ("x", "y", "whole"), signed=False),
    "no signature and text": Case(
        lambda: pipeline(by_columns(scale=["x"], encode=["colour"]), logistic()),
        ("x", "colour"),
        signed=False,
    ),
    "pickle instead of cloudpickle": Case(
        forest, matrix=True, save={"serialization_format": "pickle"}
    ),
}  # fmt: skip


def save(case: Case, folder: Path) -> pd.DataFrame:
    """Fit and save a case's model; return the table it was fitted on."""
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from mlflow.types.schema import ColSpec, Schema

    frame = gaps(table()) if case.with_gaps else table()
    features = frame[list(case.columns)]
    if case.doubles:
        features = features.astype("float64")
    model = case.make()
    model.fit(features.to_numpy() if case.fit_on_array else features, case.target(table()))
    signature = None
    if case.signed:
        signature = infer_signature(features)
        signature.inputs = Schema(
            [
                ColSpec(column.type, column.name, required=column.name not in case.optional)
                for column in signature.inputs.inputs
            ]
            + [column for column in signature.inputs.inputs if column.name in case.twice]
        )
    options = {"serialization_format": "cloudpickle", "pip_requirements": [], **case.save}
    mlflow.sklearn.save_model(model, str(folder), signature=signature, **options)
    return frame[[name for name in case.columns if name not in case.leave_out]]


def as_written(path: Path, case: Case) -> pd.DataFrame:
    """Read a file with pandas, and with the signature's types where pandas' guess isn't them."""
    frame = table()
    types: dict[str, Any] = {
        name: frame[name].dtype for name in ("small", "narrow") if name in case.columns
    }
    if case.doubles:
        types["whole"] = "float64"  # MLflow turns no whole number into a double by itself
    return pd.read_csv(path, dtype=types, parse_dates=[n for n in case.columns if n == "when"])


def scored(model: Path, path: Path) -> list[str]:
    written: list[bytes] = []
    result = MlflowDriver(model).run([path], lambda part: written.append(bytes(part)))
    assert result.files[0].error is None
    text = io.StringIO(b"".join(written).decode(), newline="")
    rows = list(csv.reader(text))
    assert [(row[0], row[2]) for row in rows] == [(str(i), path.name) for i in range(len(rows))]
    return [row[1] for row in rows]


def assert_same(cells: list[str], expected: Any) -> None:
    values = np.asarray(expected)
    assert len(cells) == len(values)
    if values.ndim == 2:
        assert np.array_equal([json.loads(cell) for cell in cells], values)
    elif values.dtype.kind == "f":
        assert np.array_equal([float(cell) for cell in cells], values)
    else:
        assert cells == [str(value) for value in values.tolist()]


@pytest.mark.filterwarnings("ignore:Hint. Inferred schema contains integer", "ignore:X has feature")
@pytest.mark.parametrize("name", CASES)
def test_the_small_loader_predicts_what_mlflow_does(name: str, tmp_path: Path) -> None:
    import mlflow.pyfunc

    case = CASES[name]
    frame = save(case, tmp_path / "model")
    frame.assign(unknown="ignored" if case.signed else 0.0).to_csv(tmp_path / "f.csv", index=False)
    if not case.signed:
        frame.to_csv(tmp_path / "f.csv", index=False)
    model = read_mlmodel(tmp_path / "model")
    assert model.is_plain_sklearn
    assert model.pickle is not None
    estimator = pickle.loads(model.pickle.read_bytes())
    assert takes_matrix(estimator, model.signature.columns) == case.matrix
    expected = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(
        as_written(tmp_path / "f.csv", case)
    )
    assert len(set(map(str, expected))) > 1
    assert_same(scored(tmp_path / "model", tmp_path / "f.csv"), expected)


def test_a_model_saved_as_mlflow_saves_by_default_predicts_the_same(tmp_path: Path) -> None:
    import mlflow.sklearn
    from mlflow.models import infer_signature

    frame = table()[["x", "y"]]
    model = logistic().fit(frame, frame["x"] > 0)
    mlflow.sklearn.save_model(
        model, str(tmp_path / "model"), signature=infer_signature(frame), pip_requirements=[]
    )
    assert not read_mlmodel(tmp_path / "model").is_plain_sklearn  # skops, since MLflow 3.10
    frame.to_csv(tmp_path / "f.csv", index=False)
    assert_same(scored(tmp_path / "model", tmp_path / "f.csv"), model.predict(frame))


def test_columns_in_another_order_are_matched_by_name(tmp_path: Path) -> None:
    frame = save(CASES["classifier"], tmp_path / "model")
    for name, columns in (("one", ["x", "y"]), ("two", ["y", "x"])):
        frame[columns].to_csv(tmp_path / f"{name}.csv", index=False)
    assert scored(tmp_path / "model", tmp_path / "one.csv") == (
        scored(tmp_path / "model", tmp_path / "two.csv")
    )


def refusal(folder: Path) -> str:
    with pytest.raises(JobFailed) as raised:
        load(read_mlmodel(folder))
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "can't be loaded (EOFError: Ran out of input); register the model again"),
        (b"\x80\x05corrupt", "can't be loaded (UnpicklingError: "),
        (pickle.dumps(list(range(999)))[:500], "can't be loaded (UnpicklingError: "),
        (b"cos\nno_such_function\n.", "can't be loaded (AttributeError: "),
    ],
)
def test_a_pickle_that_is_none_says_why(tmp_path: Path, content: bytes, text: str) -> None:
    folder = lay_model(tmp_path / "m", pickle=content)
    assert refusal(folder).startswith(f"model file {folder / 'model.pkl'} {text}")


def test_a_pickle_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = lay_model(tmp_path / "m")
    (folder / "model.pkl").unlink()
    assert "model.pkl can't be loaded (FileNotFoundError: " in refusal(folder)


def test_a_pickle_of_a_package_that_is_not_there_names_it(tmp_path: Path) -> None:
    folder = lay_model(tmp_path / "m", pickle=b"cno_such_package.models\nModel\n.")
    assert refusal(folder) == (
        f"model {folder} needs the package no_such_package, which is not installed and not in its"
        " requirements.txt: install it, or save the model anew with code_paths if it is a module of"
        " your own"
    )


def test_a_model_that_raises_over_a_matrix_is_given_the_data_frame_that_mlflow_would_give_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table()[["x", "y"]]
    content = pickle.dumps(by_name_and_frozen().fit(frame, frame["x"] > 0))
    model = read_mlmodel(lay_model(tmp_path / "m", inputs(x="double", y="double"), pickle=content))
    monkeypatch.setattr(sklearn_model, "takes_matrix", lambda estimator, columns: True)
    expected = pickle.loads(content).predict(frame)
    assert np.array_equal(load(model)(pa.table(frame)), expected)
    monkeypatch.setattr(sklearn_model, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="using strings is only supported"):
        load(model)(pa.table(frame))


WITHOUT_PANDAS = """
import sys
from pathlib import Path

class Lacking:
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in ("pandas", "mlflow"):
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Lacking())
from runner.engine.drivers.mlflow_model import MlflowDriver
model, *files = map(Path, sys.argv[1:])
for file in MlflowDriver(model).run(files, lambda lines: print(bytes(lines).decode())).files:
    assert file.error is None, file.error
"""


def test_a_plain_model_is_scored_without_pandas_and_mlflow(tmp_path: Path) -> None:
    frame = table()[["x", "y"]]
    model = GridSearchCV(pipeline(scaler(), logistic()), {}, cv=2).fit(frame, frame["x"] > 0)
    types = inputs(x="double", y="double")
    lay_model(tmp_path / "m", types, pickle=pickle.dumps(model))
    frame.to_csv(tmp_path / "f.csv", index=False)
    frame.to_parquet(tmp_path / "f.pqt")
    paths = [str(tmp_path / name) for name in ("m", "f.csv", "f.pqt")]
    command = [sys.executable, "-c", WITHOUT_PANDAS, *paths]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    expected = [str(value) for value in model.predict(frame)] * 2
    assert [line.split(",")[1] for line in done.stdout.split()] == expected


def test_a_model_that_is_given_data_frames_says_that_they_need_pandas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table()[["x", "y"]]
    content = pickle.dumps(pipeline(by_columns(scale=["x"]), logistic()).fit(frame, frame["x"] > 0))
    monkeypatch.setitem(sys.modules, "pandas", None)
    for name, signature, why in (
        ("signed", inputs(x="double", y="double"), "is given DataFrames"),
        ("plain", None, "has no signature"),
    ):
        assert refusal(lay_model(tmp_path / name, signature, pickle=content)) == (
            f"model {tmp_path / name} {why}, which needs pandas to read its files:"
            f" {way_to_have(['pandas'], 'mlflow')}"
        )


def test_a_model_without_the_function_it_names_is_refused(tmp_path: Path) -> None:
    folder = lay_model(tmp_path / "m", pickle=pickle.dumps(3))
    assert refusal(folder) == f"model {folder} has no predict()"
