"""Models in an environment of their own, of another Python and of older packages than these."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from runner.engine.needs import MLFLOW_MODEL
from runner.local.serving.deployment import Deployment
from runner.local.serving.plan import DeploymentPlan
from tests.local.serving.scripts import posted
from tests.pythons import python_with

from .job import score
from .models import inputs, lay_model

PINS = ("numpy==1.26.4", "pandas==1.5.3", "scikit-learn==1.5.2", "mlflow-skinny<3")
ROWS = "".join(f"{x / 7!r},{x % 5},{'ab'[x % 2]}\n" for x in range(400))
FILES = {"a.csv": f"x,y,kind\n{ROWS}".encode(), "b.csv": b"x,y,kind\n0.5,1,a\n,2,b\n"}
# Trained there, as nothing here can write what scikit-learn 1.5 writes; MLflow there says what its
# predictions are.
TRAIN = """
import json, sys, warnings
import mlflow.pyfunc, mlflow.sklearn, pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

warnings.simplefilter("ignore")
folder, *files = sys.argv[1:]
frame = pd.read_csv(files[0])
encode = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
model = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=20))
model.fit(frame, (frame["x"] > 20) ^ (frame["kind"] == "a"))
types = {"x": "float64", "y": "int64", "kind": "object"}
signature = infer_signature(frame.astype(types))
pinned = ["scikit-learn==1.5.2"]
mlflow.sklearn.save_model(model, folder, signature=signature, pip_requirements=pinned)
loaded = mlflow.pyfunc.load_model(folder)
print(json.dumps([loaded.predict(pd.read_csv(file, dtype=types)).tolist() for file in files]))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return python_with(tmp_path_factory, "3.9", *PINS, *MLFLOW_MODEL)


@pytest.fixture(scope="module")
def trained(python: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[bool]]]:
    """Return a model, and its predictions for each of `FILES` by MLflow."""
    place = tmp_path_factory.mktemp("trained")
    for name, content in FILES.items():
        (place / name).write_bytes(content)
    command = [python, "-I", "-c", TRAIN, str(place / "model"), *(str(place / f) for f in FILES)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place / "model", json.loads(done.stdout)


def test_a_model_of_older_packages_predicts_what_mlflow_predicts_with_them(
    python: str, trained: tuple[Path, list[list[bool]]], tmp_path: Path
) -> None:
    model, expected = trained
    outcome = score(tmp_path / "there", FILES, model=model, python=python, processes=2)
    assert (outcome.error, outcome.said) == (None, ())
    assert outcome.output is not None
    assert outcome.output.decode().splitlines() == [
        f"{row},{prediction},{name}"
        for name, predictions in zip(FILES, expected, strict=True)
        for row, prediction in enumerate(predictions)
    ]
    # A model that these packages load needs no other ones.
    here = score(tmp_path / "here", FILES, model=model)
    assert "scikit-learn 1.5.2" in str(here.error)
    assert "--env-manager uv" in str(here.error)


def test_an_online_deployment_of_it_answers_the_same(
    python: str, trained: tuple[Path, list[list[bool]]]
) -> None:
    model, (expected, _) = trained
    rows = json.loads(pd.read_csv(model.parent / "a.csv").to_json(orient="split"))
    plan = DeploymentPlan("blue", model=str(model), python=python, request_timeout=60.0)
    with Deployment(plan) as deployment:
        deployment.start()
        answer = deployment.score(posted(json.dumps({"input_data": rows}).encode()))
    assert (answer.status, json.loads(answer.body)) == (200, expected)


def test_a_table_with_every_type_is_read_alike_by_older_packages(
    python: str, tmp_path: Path
) -> None:
    types = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")
    rows = pd.DataFrame(
        {
            "boolean": [True, False, True],
            "integer": pd.Series([1, -2, 2**31 - 1], dtype="int32"),
            "long": [2**53 + 1, 0, -(2**63)],
            "float": pd.Series([0.1, None, 3.4e38], dtype="float32"),
            "double": [0.1, 1 / 3, None],
            "string": ['a "word", and more', None, "é\n"],
            "binary": [b"\x00\xff", b"", None],
            "datetime": pd.Series(["2024-01-02T03:04:05.123456789", None, "1970-01-01"]).astype(
                "datetime64[ns]"
            ),
        }
    )
    parquet.write_table(pa.Table.from_pandas(rows), tmp_path / "table.parquet")
    text = rows.assign(binary=["AP8=", "", ""])
    files = {
        "table.parquet": (tmp_path / "table.parquet").read_bytes(),
        "table.csv": text.to_csv(index=False).encode(),
        # What Arrow reads otherwise than pandas: words for numbers, blanks, quotes within a cell.
        "odd.csv": b'long,double,boolean,string,float,integer,binary,datetime\r 7,+1e5,1,a"b"c,'
        b'inf,1.0,,2024-01-02 03:04+09:00\r\r8,NaN,0,"x ""y""z",-0,0,eA==,2024-01-02T03:04Z\r',
    }
    # It answers with what it is given, so that the lines show how a table was read.
    echo = pickle.dumps(SimpleNamespace(predict=copy.copy))
    signature = inputs(**{kind: kind for kind in types})
    model = lay_model(tmp_path / "model", signature, pickle=echo)
    here = score(tmp_path / "here", files, model=model)
    there = score(tmp_path / "there", files, model=model, python=python)
    assert (here.error, there.error) == (None, None)
    assert here.output == there.output
    assert here.output is not None
    assert here.output.count(b"\n") == 8
