"""The sample patients and the program that makes them."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "data" / "diabetes"
FEATURES = [
    "Pregnancies",
    "PlasmaGlucose",
    "DiastolicBloodPressure",
    "TricepsThickness",
    "SerumInsulin",
    "BMI",
    "DiabetesPedigree",
    "Age",
]
WHOLE = set(FEATURES) - {"BMI", "DiabetesPedigree"}


def generate(output: Path, *options: str) -> Path:
    command = [sys.executable, str(DATA / "generate.py"), "--output", str(output), *options]
    subprocess.run(command, check=True, capture_output=True)
    return output


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.csv")
    }


def test_generating_again_gives_the_committed_bytes(tmp_path: Path) -> None:
    assert contents(generate(tmp_path)) == contents(DATA)


def test_another_seed_gives_other_patients(tmp_path: Path) -> None:
    other = contents(generate(tmp_path, "--seed", "21"))
    committed = contents(DATA)
    assert other.keys() == committed.keys()
    assert all(other[name] != committed[name] for name in committed)


def test_the_labelled_table_has_the_eight_features_and_the_label() -> None:
    header, rows = read(DATA / "labeled.csv")
    assert header == [*FEATURES, "Diabetic"]
    assert len(rows) == 2000
    diabetic = sum(row[-1] == "1" for row in rows)
    assert {row[-1] for row in rows} == {"0", "1"}
    assert 0.28 < diabetic / len(rows) < 0.38


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_each_unlabelled_file_has_a_hundred_patients_without_the_label(number: int) -> None:
    header, rows = read(DATA / "unlabeled" / f"patients-{number}.csv")
    assert header == FEATURES
    assert len(rows) == 100


def test_only_two_columns_are_written_with_decimals() -> None:
    header, rows = read(DATA / "labeled.csv")
    for name, values in zip(header, zip(*rows, strict=True), strict=True):
        whole = name in WHOLE or name == "Diabetic"
        assert all(value.isdigit() == whole for value in values), name


def test_the_size_of_the_labelled_table_does_not_change_the_other_patients(tmp_path: Path) -> None:
    generate(tmp_path, "--rows", "10")
    assert contents(tmp_path / "unlabeled") == contents(DATA / "unlabeled")


def test_many_files_are_named_so_that_they_sort_by_number(tmp_path: Path) -> None:
    generate(tmp_path, "--rows", "0", "--files", "12", "--rows-per-file", "3")
    names = sorted(path.name for path in (tmp_path / "unlabeled").iterdir())
    assert names == [f"patients-{number:02}.csv" for number in range(1, 13)]
    assert not (tmp_path / "labeled.csv").exists()
    assert all(len(read(tmp_path / "unlabeled" / name)[1]) == 3 for name in names)
