"""The programs the runner is measured against: they must do the same work."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.predictions import count_predictions

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "diabetes" / "model"
SAMPLE = ROOT / "data" / "diabetes" / "unlabeled"


@pytest.fixture(scope="module")
def expected() -> pd.DataFrame:
    """Return the predictions of mlflow.pyfunc, in the order of the files' names."""
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(str(MODEL))
    parts = []
    for path in sorted(SAMPLE.glob("*.csv")):
        predictions = model.predict(pd.read_csv(path, dtype="float64"))
        parts.append(pd.DataFrame({"prediction": predictions, "file": path.name}))
    return pd.concat(parts)


def read_output(output: Path) -> pd.DataFrame:
    return pd.read_csv(output, index_col=0, names=["row", "prediction", "file"])


@pytest.mark.parametrize(
    ("peer", "model"), [("floor", MODEL / "model.pkl"), ("pyfunc_loop", MODEL)]
)
def test_a_peer_writes_the_predictions_of_mlflow_pyfunc(
    peer: str,
    model: Path,
    expected: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "1.csv"
    monkeypatch.setattr("sys.argv", [peer, str(model), str(SAMPLE), str(output)])
    runpy.run_module(f"benchmarks.peers.{peer}", run_name="__main__")
    pd.testing.assert_frame_equal(read_output(output), expected, check_names=False)
    counts = expected["prediction"].value_counts()
    assert count_predictions([output]) == {"0": counts[0], "1": counts[1]}


def test_the_floor_in_two_processes_fails_when_one_of_them_does(
    expected: pd.DataFrame, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(SAMPLE, data)
    (data / "patients-9.csv").write_text("no,such,columns\n1,2,3\n")
    outputs = [tmp_path / "1.csv", tmp_path / "2.csv"]
    command = [sys.executable, "-m", "benchmarks.peers.floor_two", str(MODEL / "model.pkl")]
    done = subprocess.run([*command, str(data), *map(str, outputs)], cwd=ROOT)
    assert done.returncode == 1
    # The other process has scored its half.
    scored = read_output(outputs[0])
    assert 0 < len(scored) < len(expected)
    pd.testing.assert_frame_equal(scored, expected.iloc[: len(scored)], check_names=False)


def test_counting_takes_an_empty_part_for_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("0,1,x.csv\n1,0,x.csv\n2,1,x.csv\n")
    (tmp_path / "b.csv").write_text("")
    assert count_predictions([tmp_path / "a.csv", tmp_path / "b.csv"]) == {"0": 1, "1": 2}
