"""The four ways of logging a model: each trained, registered and scored, as a person would."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WAYS = ("autolog", "sklearn-autolog", "inferred-signature", "written-signature")
WHOLE = ("Pregnancies", "PlasmaGlucose", "DiastolicBloodPressure", "SerumInsulin", "Age")
# MLflow guesses a model's packages in a process that takes seconds, and nothing here reads them.
UNASKED = {"MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "0"}
# The file that each signature takes, of one patient each: an API of whole numbers hides this until
# the first half, or the first file of another format.
TAKEN = {
    "long": {"whole.csv", "whole.parquet"},
    "double": {"whole.csv", "halves.csv", "halves.parquet"},
}


@dataclass(frozen=True)
class Trained:
    """What came of one way."""

    job: Mapping[str, Any]
    model: Mapping[str, Any]
    scored: set[str]  # the files that did not fail
    failures: Sequence[Mapping[str, str]]

    @property
    def run(self) -> Mapping[str, Any]:
        run: Mapping[str, Any] = self.job["run"]
        return run

    def inputs(self) -> dict[str, str]:
        """Return the types of the model's columns, by name."""
        signature = yaml.safe_load((Path(self.model["path"]) / "MLmodel").read_text())["signature"]
        return {column["name"]: column["type"] for column in json.loads(signature["inputs"])}


def runner(project: Path, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "runner", *words, "-o", "json"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT), **UNASKED},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def try_way(project: Path, way: str) -> Trained:
    job = runner(project, "train", "diabetes", way)
    model = runner(
        project, "models", "register", "--from-job", job["name"], "--name", "diabetes-mlflow"
    )
    data = str(project / "patients")
    runner(project, "score", "diabetes-batch", "--deployment", "mlflow", "--data", data)
    shown = runner(project, "jobs", "show")
    with (Path(shown["folder"]) / "failures.csv").open(newline="") as file:
        failures = list(csv.DictReader(file))
    every = {path.name for path in (project / "patients").iterdir()}
    return Trained(job, model, every - {failure["file"] for failure in failures}, failures)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sample, with a file of one patient in each form that a signature may refuse.

    The ways share it and its tracking store, which takes seconds to make.
    """
    project = tmp_path_factory.mktemp("ways") / "project"
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "models", project / "models", ignore=leave)
    shutil.copytree(ROOT / "data", project / "data")
    shutil.copy(ROOT / "Pulumi.yaml", project)
    folder = project / "patients"
    folder.mkdir()
    whole = pd.read_csv(ROOT / "data" / "diabetes" / "labeled.csv").drop(columns="Diabetic")[:1]
    halves = whole.assign(PlasmaGlucose=whole["PlasmaGlucose"] + 0.5)
    whole.to_csv(folder / "whole.csv", index=False)
    halves.to_csv(folder / "halves.csv", index=False)
    whole.to_parquet(folder / "whole.parquet")
    halves.astype("float64").to_parquet(folder / "halves.parquet")
    return project


@pytest.mark.parametrize("way", WAYS)
def test_a_way_trains_registers_and_scores_the_numbers_of_its_signature(
    project: Path, way: str
) -> None:
    tried = try_way(project, way)
    tracks_one_model(tried.run)
    knows_where_it_came_from(tried)
    types = tried.inputs()
    (type_,) = {types[column] for column in WHOLE}
    assert (type_, types["BMI"]) == ("double" if way == "written-signature" else "long", "double")
    assert tried.scored == TAKEN[type_]
    reasons = {failure["file"]: failure["reason"] for failure in tried.failures}
    if type_ == "long":
        assert "92.5" in reasons["halves.csv"]
        assert "PlasmaGlucose" in reasons["halves.csv"]


def tracks_one_model(run: Mapping[str, Any]) -> None:
    assert (run["experiment"], run["status"]) == ("diabetes", "FINISHED")
    assert float(parameter(run, "C")) == 1.0
    assert any(0.7 < metric["value"] <= 1 for metric in run["metrics"].values())
    (model,) = run["models"]
    assert (model["name"], "sklearn" in model["flavors"]) == ("model", True)


def parameter(run: Mapping[str, Any], name: str) -> str:
    """Return a parameter of the classifier; a pipeline's autologging names its step, too."""
    found: list[str] = [
        value for key, value in run["parameters"].items() if key.rpartition("__")[2] == name
    ]
    return found[0]


def knows_where_it_came_from(tried: Trained) -> None:
    job, model = tried.job, tried.model
    assert (model["job"], model["type"]) == (job["name"], "mlflow_model")
    assert model["origin"]["run"] == job["run"]["id"]
    assert model["origin"]["metrics"].keys() == job["run"]["metrics"].keys()


def test_nothing_is_written_beside_the_scripts() -> None:
    beside = {path.name for path in (ROOT / "models" / "diabetes" / "ways").iterdir()}
    assert beside - {"__pycache__"} == {
        "conda.yml",
        "patients.py",
        *(f"{way.replace('-', '_')}.py" for way in WAYS),
    }
