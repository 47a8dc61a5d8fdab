"""The sample penguins and the program that makes them."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "data" / "penguins"
HEADER = ["Island", "CulmenLength", "CulmenDepth", "FlipperLength", "BodyMass"]


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


def test_another_seed_gives_other_penguins(tmp_path: Path) -> None:
    other, committed = contents(generate(tmp_path, "--seed", "21")), contents(DATA)
    assert other.keys() == committed.keys()
    assert all(other[name] != committed[name] for name in committed)


def test_a_few_labelled_rows_have_gaps_and_every_penguin_lives_where_its_species_does() -> None:
    header, rows = read(DATA / "labeled.csv")
    assert (header, len(rows)) == ([*HEADER, "Species"], 344)
    assert 0 < sum("" in row for row in rows) < 20
    assert {(row[0], row[-1]) for row in rows} == {
        ("Torgersen", "0"),
        ("Biscoe", "0"),
        ("Dream", "0"),
        ("Biscoe", "1"),
        ("Dream", "2"),
    }
    count = Counter(row[-1] for row in rows)
    assert count["0"] > count["1"] > count["2"] > 50


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_unlabelled_file_has_fifty_whole_penguins_without_their_species(number: int) -> None:
    header, rows = read(DATA / "unlabeled" / f"penguins-{number}.csv")
    assert (header, len(rows)) == (HEADER, 50)
    assert all(cell for row in rows for cell in row)


def test_as_many_penguins_are_written_as_are_asked_for(tmp_path: Path) -> None:
    generate(tmp_path, "--rows", "0", "--files", "12", "--rows-per-file", "3")
    names = sorted(path.name for path in (tmp_path / "unlabeled").iterdir())
    assert names == [f"penguins-{number:02}.csv" for number in range(1, 13)]
    assert not (tmp_path / "labeled.csv").exists()
    assert all(len(read(tmp_path / "unlabeled" / name)[1]) == 3 for name in names)
