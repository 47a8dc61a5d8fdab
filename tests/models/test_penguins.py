"""The penguins: their model, and their declarations as Microsoft's own package reads them.

That they train, serve and score is in the walk over the lab.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import yaml

from runner.declarations import SparkJob, read
from tests.java import SHORT_LIVED, needs_java
from tests.projects import ROOT

MODEL = ROOT / "models" / "penguins"
DATA = ROOT / "data" / "penguins"
# One JVM for all that is asked of the model: the scorer of `runner serve`, MLflow's own server,
# and how often it is right.
ASK = """
import json, sys
import pandas as pd
from pathlib import Path
from mlflow import pyfunc
from mlflow.pyfunc.scoring_server import invocations
from runner.local.serving.mlflow_scorer import load
from tests.local.serving.scripts import posted

model, labeled, *bodies = sys.argv[1:]
scorer = load(Path(model))
loaded = scorer.model.loaded
schema = loaded.metadata.get_input_schema()
told = []
for body in bodies:
    ours = scorer.score(posted(body.encode()))
    try:
        theirs = invocations(body, "application/json", loaded, schema).response
    except Exception as error:
        theirs = type(error).__name__
    told.append([ours.status, ours.body.decode(), theirs])
table = pd.read_csv(labeled).dropna()
table = table.astype({"FlipperLength": float, "BodyMass": float})
right = loaded.predict(table.drop(columns="Species")) == table["Species"]
print(json.dumps({"told": told, "right": float(right.mean())}))
"""
ROW = {
    "Island": "Biscoe",
    "CulmenLength": 48.7,
    "CulmenDepth": 14.1,
    "FlipperLength": 210,
    "BodyMass": 4450,
}
SPLIT = {"columns": list(ROW), "data": [list(ROW.values())]}


def test_the_models_signature_takes_doubles_and_text_and_names_what_it_needs() -> None:
    declared = yaml.safe_load((MODEL / "model" / "MLmodel").read_text())
    inputs = json.loads(declared["signature"]["inputs"])
    assert {column["name"]: column["type"] for column in inputs} == {
        name: "string" if name == "Island" else "double" for name in ROW
    }
    outputs = json.loads(declared["signature"]["outputs"])
    assert [(output["name"], output["type"]) for output in outputs] == [("prediction", "double")]
    needed = (MODEL / "model" / "requirements.txt").read_text()
    assert "pyspark==" in needed


def test_the_model_folder_names_no_place_and_nobody() -> None:
    for path in (MODEL / "model").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for trace in (b"/home", b"/root", b"/Users", b"/work", b"/tmp", b"\\Users"):
            assert trace not in content, f"{path.name}: {trace!r}"


@needs_java
def test_the_model_answers_as_mlflows_own_server_does_and_is_mostly_right() -> None:
    bodies = [
        {"dataframe_records": [ROW, {**ROW, "Island": "Torgersen", "CulmenLength": 36.0}]},
        {"dataframe_split": SPLIT},
        {"inputs": {name: [value] for name, value in ROW.items()}},
        {"instances": [ROW]},
        {"input_data": {**SPLIT, "index": [0]}},
        {"dataframe_records": [{"Island": "Biscoe"}]},
        {"dataframe_records": [{**ROW, "BodyMass": "heavy"}]},
    ]
    program = [sys.executable, "-c", "import sys; sys.modules['__main__'].__file__ = 'a'\n" + ASK]
    done = subprocess.run(
        [*program, str(MODEL / "model"), str(DATA / "labeled.csv"), *map(json.dumps, bodies)],
        capture_output=True,
        text=True,
        env={**os.environ, **SHORT_LIVED, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    told = found["told"]
    assert told[0][:2] == [200, '{"predictions": [1.0, 0.0]}']
    for status, ours, theirs in told[:4]:
        assert (status, ours) == (200, theirs)
    assert told[4][:2] == [200, "[1.0]"]
    assert [status for status, _, _ in told[5:]] == [400, 400]
    assert all(theirs.startswith("Mlflow") for _, _, theirs in told[5:])
    assert "no column 'CulmenLength'" in told[5][1]
    assert found["right"] > 0.9


def test_the_job_is_one_that_azure_ai_ml_takes() -> None:
    from azure.ai.ml import load_job

    file = MODEL / "train.yml"
    ours = read(file)
    assert isinstance(ours, SparkJob)
    theirs: Any = load_job(file)
    theirs._to_rest_object()  # checks what `load_job` doesn't
    assert (theirs.type, theirs.entry.entry) == ("spark", ours.entry.file)
    assert theirs.args == ours.args
    assert set(theirs.inputs) == set(ours.inputs)
    assert theirs.driver_memory == ours.conf["spark.driver.memory"]


@pytest.mark.parametrize(
    ("loader", "file"),
    [
        ("load_model", "model.yml"),
        ("load_data", "data.yml"),
        ("load_batch_endpoint", "batch-endpoint.yml"),
        ("load_online_endpoint", "online-endpoint.yml"),
        ("load_online_deployment", "online-deployment.yml"),
    ],
)
def test_the_other_declarations_are_what_azure_ai_ml_takes(loader: str, file: str) -> None:
    from azure.ai import ml

    assert getattr(ml, loader)(MODEL / file).name
