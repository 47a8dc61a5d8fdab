"""MLflow models without a script, held against MLflow itself."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types.schema import Array, ColSpec, Schema
from sklearn.linear_model import LinearRegression

from runner.engine.mlmodel import read_mlmodel
from runner.errors import JobFailed
from runner.local.serving.mlflow_scorer import MlflowScorer, PyfuncModel, SklearnModel, load
from tests.projects import ROOT

from .recorded_models import save_python, telling
from .scripts import posted

MODEL = ROOT / "models" / "diabetes" / "model"
PATIENTS = ROOT / "data" / "diabetes" / "unlabeled" / "patients-1.csv"
REQUEST = ROOT / "data" / "diabetes" / "request.json"
COMPRESSED = gzip.compress(b"{}", mtime=0)  # the same in whatever second it is made


@pytest.fixture(scope="module")
def scorers() -> dict[str, MlflowScorer]:
    return {"fast": load(MODEL), "pyfunc": MlflowScorer(PyfuncModel(read_mlmodel(MODEL)))}


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    return pd.read_csv(PATIENTS).head(40)


@pytest.fixture(scope="module")
def predictions(patients: pd.DataFrame) -> list[int]:
    predicted: list[int] = (
        mlflow.pyfunc.load_model(str(MODEL)).predict(patients.astype(float)).tolist()
    )
    return predicted


def forms(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    split = frame.to_dict(orient="split")
    records = frame.to_dict(orient="records")
    columns = frame.to_dict(orient="list")
    shuffled = frame[frame.columns[::-1]].assign(more="x").to_dict(orient="split")
    return {
        "split": {"input_data": split},
        "rows": {"input_data": split["data"]},
        "columns": {"input_data": columns},
        "shuffled": {"input_data": shuffled},
        "dataframe_split": {"dataframe_split": split},
        "dataframe_records": {"dataframe_records": records},
        "instances": {"instances": records},
        "inputs": {"inputs": columns, "params": {}},
    }


@pytest.mark.parametrize("form", forms(pd.DataFrame({"a": [1]})))
@pytest.mark.parametrize("scorer", ["fast", "pyfunc"])
def test_predictions_are_mlflows_in_azures_shape_or_in_mlflows(
    scorers: dict[str, MlflowScorer],
    patients: pd.DataFrame,
    predictions: list[int],
    scorer: str,
    form: str,
) -> None:
    body = forms(patients)[form]
    answer = scorers[scorer].score(posted(json.dumps(body).encode()))
    expected = predictions if "input_data" in body else {"predictions": predictions}
    assert answer.body == json.dumps(expected).encode()
    assert (answer.status, answer.by_model) == (200, True)


def test_the_fast_way_is_taken_for_a_pickled_model_over_numbers() -> None:
    assert isinstance(load(MODEL).model, SklearnModel)


def test_mlflows_own_server_gives_its_own_forms_the_same_bytes(patients: pd.DataFrame) -> None:
    from mlflow.pyfunc.scoring_server import invocations

    model = mlflow.pyfunc.load_model(str(MODEL))
    scorer = load(MODEL)
    for form in ("dataframe_split", "dataframe_records", "inputs"):
        body = json.dumps(forms(patients)[form])
        schema = model.metadata.get_input_schema()
        theirs = invocations(body, "application/json", model, schema)  # type: ignore[no-untyped-call]
        assert scorer.score(posted(body.encode())).body == theirs.response.encode()


def broken(column: str, value: Any) -> bytes:
    request = json.loads(REQUEST.read_text())["input_data"]
    request["data"][1][request["columns"].index(column)] = value
    return json.dumps({"input_data": request}).encode()


@pytest.mark.parametrize("scorer", ["fast", "pyfunc"])
def test_a_wrong_type_is_a_bad_request_that_names_the_column(
    scorers: dict[str, MlflowScorer], scorer: str
) -> None:
    answer = scorers[scorer].score(posted(broken("BMI", "heavy")))
    message = "row 1, column 'BMI': 'heavy' is not a double"
    assert (answer.status, json.loads(answer.body)) == (500, {"message": message})
    assert ("x-ms-run-function-failed", "True") in answer.headers


@pytest.mark.parametrize("scorer", ["fast", "pyfunc"])
def test_a_missing_column_is_a_bad_request_that_names_it(
    scorers: dict[str, MlflowScorer], scorer: str, patients: pd.DataFrame
) -> None:
    body = {"input_data": patients.drop(columns="Age").to_dict(orient="split")}
    answer = scorers[scorer].score(posted(json.dumps(body).encode()))
    assert answer.status == 500
    assert "'Age'" in json.loads(answer.body)["message"]


def save(folder: Path, **more: Any) -> Path:
    model = LinearRegression().fit(np.array([[0.0], [1.0]]), [[0.0, 1.0], [1.0, 3.0]])
    # Without requirements given, MLflow starts a process to find them out.
    mlflow.sklearn.save_model(
        model, str(folder), serialization_format="cloudpickle", pip_requirements=[], **more
    )
    return folder


def test_a_model_without_a_signature_takes_arrays(tmp_path: Path) -> None:
    scorer = load(save(tmp_path / "model"))
    assert isinstance(scorer.model, PyfuncModel)
    answer = scorer.score(posted(b'{"input_data": [[0], [2]]}'))
    assert np.allclose(json.loads(answer.body), [[0, 1], [2, 5]])
    answer = scorer.score(posted(b'{"inputs": [[2]]}'))
    assert np.allclose(json.loads(answer.body)["predictions"], [[2, 5]])


def test_a_tensor_of_the_wrong_shape_is_a_bad_request(tmp_path: Path) -> None:
    signature = mlflow.models.infer_signature(np.zeros((3, 1)))
    scorer = load(save(tmp_path / "model", signature=signature))
    assert np.allclose(json.loads(scorer.score(posted(b'{"input_data": [[2.0]]}')).body), [[2, 5]])
    answer = scorer.score(posted(b'{"input_data": [[2.0, 3.0]]}'))
    message = json.loads(answer.body)["message"]
    assert answer.status == 500
    assert "shape" in message
    assert "\n" not in message


def test_a_model_that_azure_does_not_start_answers_and_says_so(tmp_path: Path) -> None:
    signature = ModelSignature(Schema([ColSpec(Array("double"), "list"), ColSpec("long", "n")]))
    save_python(tmp_path / "model", telling(), signature=signature)
    table = {"columns": ["list", "n"], "data": [[[1.5], 2]]}
    answer = load(tmp_path / "model").score(posted(json.dumps({"input_data": table}).encode()))
    assert answer.status == 200
    assert "'list' object [[1.5]]" in json.loads(answer.body)["given"]
    assert answer.notice is not None
    assert answer.notice.startswith("Azure does not start this model, for its signature: ")


SIZE = Schema([ColSpec("double", "size")])
SIZES = b'{"input_data": {"columns": ["size"], "index": [0], "data": [[1.5]]}}'


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"input_example": {"size": 1.5}}, "the sample of size is no array"),
        (
            {"signature": ModelSignature(SIZE, Schema([ColSpec(Array("double"), "both")]))},
            "some of the inputs types are not DataType.",
        ),
    ],
)
def test_a_model_over_numbers_that_azure_does_not_start_says_so_too(
    tmp_path: Path, more: dict[str, Any], reason: str
) -> None:
    folder = save(tmp_path / "model", **{"signature": ModelSignature(SIZE), **more})
    scorer = load(folder)
    answer = scorer.score(posted(SIZES))
    assert answer.status == 200
    assert answer.notice is not None
    assert answer.notice.endswith(reason)
    assert scorer.notice == answer.notice


def test_beside_an_optional_column_that_is_absent_a_wrong_cell_is_named(tmp_path: Path) -> None:
    inputs = Schema([ColSpec("double", "size"), ColSpec("long", "more", required=False)])
    save_python(tmp_path / "model", telling(), signature=ModelSignature(inputs))
    table = {"columns": ["size"], "data": [[1.5], ["wide"]]}
    answer = load(tmp_path / "model").score(posted(json.dumps({"input_data": table}).encode()))
    message = "row 1, column 'size': 'wide' is not a double"
    assert (answer.status, json.loads(answer.body)) == (500, {"message": message})


def test_a_model_that_exits_fails_a_request_and_no_more(tmp_path: Path) -> None:
    def leave(data: Any, params: Any) -> Any:
        raise SystemExit(3)

    save_python(tmp_path / "model", leave)
    answer = load(tmp_path / "model").score(posted(b'{"input_data": [1]}'))
    assert answer.status == 500
    assert "SystemExit" in json.loads(answer.body)["message"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "message"),
    [
        (b"{}", "", 415, "the Content-Type must be application/json, and it is missing"),
        (
            b"{}",
            "text/plain",
            415,
            "the Content-Type must be application/json, and it is text/plain",
        ),
        (b"", "application/json", 400, "the body is empty; it must be a JSON object"),
        (b"{,}", "application/json", 400, "the body is not JSON: "),
        (b"[]", "application/json", 400, "the body must be a JSON object"),
        (b"{}", "application/json", 400, "there is no input_data"),
        (b'{"data": 1}', "application/json", 400, "there is no input_data, but 'data'"),
        (COMPRESSED, "application/json", 500, "the body is compressed with gzip"),
        (b'"\xff"', "application/json", 500, "the body is not UTF-8 (byte 1)"),
        (b"[" * 100_000, "application/json", 500, "the body is JSON nested too deep"),
        (b'{"inputs": [1], "params": 1}', "application/json", 400, "params must be an object"),
    ],
)
def test_what_no_model_is_given_is_refused_with_the_reason(
    scorers: dict[str, MlflowScorer], body: bytes, content_type: str, status: int, message: str
) -> None:
    answer = scorers["fast"].score(posted(body, content_type))
    assert answer.status == status
    assert json.loads(answer.body)["message"].startswith(message)


def test_text_columns_go_through_mlflow(tmp_path: Path) -> None:
    class Longer(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return model_input.assign(length=model_input["word"].str.len())

    signature = mlflow.models.infer_signature(pd.DataFrame({"word": ["a"]}))
    mlflow.pyfunc.save_model(
        str(tmp_path / "model"), python_model=Longer(), signature=signature, pip_requirements=[]
    )
    answer = load(tmp_path / "model").score(posted(b'{"input_data": {"word": ["two", "three"]}}'))
    assert json.loads(answer.body) == [
        {"word": "two", "length": 3},
        {"word": "three", "length": 5},
    ]


def test_a_model_that_cannot_be_loaded_says_so(tmp_path: Path) -> None:
    shutil.copytree(MODEL, tmp_path / "model")
    (tmp_path / "model" / "model.pkl").write_bytes(b"nonsense")
    with pytest.raises(JobFailed, match=r"model\.pkl can't be loaded"):
        load(tmp_path / "model")
