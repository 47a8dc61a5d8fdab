"""The programs the runner is measured against: they must do the same work."""

from __future__ import annotations

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
    """What mlflow.pyfunc predicts, in the order of the files' names."""
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(str(MODEL))
    parts = []
    for path in sorted(SAMPLE.glob("*.csv")):
        predictions = model.predict(pd.read_csv(path, dtype="float64"))
        parts.append(pd.DataFrame({"prediction": predictions, "file": path.name}))
    return pd.concat(parts)


def run_peer(name: str, model: Path, data: Path, *outputs: Path) -> pd.DataFrame:
    subprocess.run(
        [sys.executable, "-m", f"benchmarks.peers.{name}", *map(str, (model, data, *outputs))],
        check=True,
        cwd=ROOT,
    )
    names = ["row", "prediction", "file"]
    return pd.concat([pd.read_csv(path, index_col=0, names=names) for path in outputs])


@pytest.mark.parametrize(
    ("peer", "model", "outputs"),
    [
        ("floor", MODEL / "model.pkl", 1),
        ("floor_two", MODEL / "model.pkl", 2),
        ("pyfunc_loop", MODEL, 1),
    ],
)
def test_a_peer_writes_the_predictions_of_mlflow_pyfunc(
    peer: str, model: Path, outputs: int, expected: pd.DataFrame, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.csv" for number in range(outputs)]
    written = run_peer(peer, model, SAMPLE, *paths)
    pd.testing.assert_frame_equal(written, expected, check_names=False)
    counts = expected["prediction"].value_counts()
    assert count_predictions(paths) == {"0": counts[0], "1": counts[1]}


def test_the_floor_in_two_processes_fails_when_one_of_them_does(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for path in SAMPLE.glob("*.csv"):
        (data / path.name).write_bytes(path.read_bytes())
    (data / "patients-4.csv").write_text("no,such,columns\n1,2,3\n")
    with pytest.raises(subprocess.CalledProcessError):
        run_peer("floor_two", MODEL / "model.pkl", data, tmp_path / "1.csv", tmp_path / "2.csv")


def test_counting_takes_an_empty_part_for_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("0,1,x.csv\n1,0,x.csv\n2,1,x.csv\n")
    (tmp_path / "b.csv").write_text("")
    assert count_predictions([tmp_path / "a.csv", tmp_path / "b.csv"]) == {"0": 1, "1": 2}
