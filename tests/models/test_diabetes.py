"""The sample model, the program that trains it and its scoring script."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "diabetes"
DATA = ROOT / "data" / "diabetes"
FILES = sorted((DATA / "unlabeled").glob("*.csv"))


def predict(model: Path, patients: pd.DataFrame) -> list[int]:
    import mlflow.pyfunc

    loaded = mlflow.pyfunc.load_model(str(model))
    predicted: list[int] = list(loaded.predict(patients.astype("float64")))
    return predicted


def read_patients() -> pd.DataFrame:
    return pd.concat([pd.read_csv(path) for path in FILES], ignore_index=True)


@dataclass(frozen=True)
class Training:
    model: Path
    tracking_uri: str
    printed: str


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """Train once, over a copy of the committed model and with tracking configured."""
    folder = tmp_path_factory.mktemp("training")
    model, uri = folder / "model", f"sqlite:///{folder / 'tracking.db'}"
    shutil.copytree(MODEL / "model", model)
    done = subprocess.run(
        [sys.executable, str(MODEL / "train.py"), "--output", str(model)],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "MLFLOW_TRACKING_URI": uri},
    )
    return Training(model, uri, done.stdout)


def load_script(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the scoring script as a module of its own and call its `init()`."""
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(model_dir))
    spec = spec_from_file_location("score", MODEL / "script" / "score.py")
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    script.init()
    return script


def test_the_model_predicts_both_classes_on_the_sample() -> None:
    predicted = predict(MODEL / "model", read_patients())
    assert len(predicted) == 400
    assert set(predicted) == {0, 1}


def test_the_model_is_right_about_most_labelled_patients() -> None:
    labeled = pd.read_csv(DATA / "labeled.csv")
    predicted = predict(MODEL / "model", labeled.drop(columns="Diabetic"))
    right = (labeled["Diabetic"] == predicted).mean()
    assert right > max(0.75, 1 - labeled["Diabetic"].mean())


def test_training_again_gives_the_committed_predictions(training: Training) -> None:
    assert "AUC 0.8" in training.printed
    patients = read_patients()
    assert predict(training.model, patients) == predict(MODEL / "model", patients)


def test_training_replaces_a_model_that_is_there(training: Training) -> None:
    before = (MODEL / "model" / "MLmodel").read_text()
    assert (training.model / "MLmodel").read_text() != before


def test_training_logs_its_figures_where_tracking_is_configured(training: Training) -> None:
    from mlflow.tracking import MlflowClient

    (run,) = MlflowClient(training.tracking_uri).search_runs(["0"])
    assert run.data.params == {"C": "1.0"}
    assert 0.8 < run.data.metrics["auc"] < 0.95


def test_every_input_of_the_signature_is_a_double_although_the_files_hold_whole_numbers() -> None:
    declared = yaml.safe_load((MODEL / "model" / "MLmodel").read_text())["signature"]
    inputs = json.loads(declared["inputs"])
    header = FILES[0].read_text().splitlines()[0].split(",")
    assert [column["name"] for column in inputs] == header
    assert {column["type"] for column in inputs} == {"double"}
    assert [column["type"] for column in json.loads(declared["outputs"])] == ["long"]
    assert (read_patients().dtypes == "int64").sum() == 6


def test_the_model_folder_names_no_place_and_nobody() -> None:
    for path in (MODEL / "model").iterdir():
        content = path.read_bytes()
        for trace in (b"/home", b"/root", b"/Users", b"/work", b"/tmp", b"file:", b"\\Users"):
            assert trace not in content, f"{path.name}: {trace!r}"


def test_the_script_gives_a_line_for_each_patient_that_agrees_with_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = list(csv.reader(load_script(MODEL, monkeypatch).run([str(path) for path in FILES])))
    assert [line[0] for line in lines] == [path.name for path in FILES for _ in range(100)]
    assert [int(line[1]) for line in lines] == [*range(100)] * 4
    assert [int(line[2]) for line in lines] == predict(MODEL / "model", read_patients())
    assert all(0.5 <= float(line[3]) <= 1 for line in lines)


def test_the_script_finds_the_model_below_its_registered_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(MODEL / "model", tmp_path / "diabetes-mlflow" / "3" / "model")
    script = load_script(tmp_path, monkeypatch)
    assert len(script.run([str(FILES[0])])) == 100


def test_the_script_says_so_when_there_is_no_mlflow_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError, match="no MLmodel file in"):
        load_script(tmp_path, monkeypatch)


def test_the_script_needs_neither_pandas_nor_mlflow() -> None:
    program = f"""
import sys
class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] in ("pandas", "mlflow"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing)
sys.path.insert(0, {str(MODEL / "script")!r})
import score
score.init()
assert len(score.run(sys.argv[1:])) == 400
"""
    subprocess.run(
        [sys.executable, "-c", program, *map(str, FILES)],
        check=True,
        env={**os.environ, "AZUREML_MODEL_DIR": str(MODEL)},
    )


def test_the_script_reads_columns_by_name_in_whatever_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patients = pd.read_csv(FILES[0])
    shuffled = tmp_path / FILES[0].name
    patients[patients.columns[::-1]].to_csv(shuffled, index=False)
    script = load_script(MODEL, monkeypatch)
    assert script.run([str(shuffled)]) == script.run([str(FILES[0])])


def test_the_script_quotes_a_file_name_that_holds_a_comma(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / 'a,"b.csv'
    odd.write_bytes(FILES[0].read_bytes())
    lines = list(csv.reader(load_script(MODEL, monkeypatch).run([str(odd)])))
    assert {line[0] for line in lines} == {odd.name}


def test_the_script_prints_what_it_did_with_each_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load_script(MODEL, monkeypatch).run([str(path) for path in FILES])
    loaded, *files = capsys.readouterr().out.splitlines()
    assert loaded.startswith("loaded model in ")
    assert [line.split(": 100 patients")[0] for line in files] == [path.name for path in FILES]
