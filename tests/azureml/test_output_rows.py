"""The rows of an output are counted in every form that Azure writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from runner.azureml import output_rows
from runner.azureml.output_rows import count
from runner.engine.drivers.answers import as_answers
from runner.engine.drivers.predictions import write_lines
from runner.tally import merge, told


def counted(tmp_path: Path, lines: str) -> tuple[int, int, dict[str, Any]]:
    (tmp_path / "predictions.csv").write_text(lines)
    rows, named, tally = count([tmp_path / "predictions.csv"])
    return rows, named, told(tally)


def classes(**rows: int) -> dict[str, Any]:
    return {"prediction": {"classes": {name.lstrip("_"): number for name, number in rows.items()}}}


@pytest.mark.parametrize(
    ("lines", "known"),
    [
        ("0,1,a.csv\n1,1,a.csv\n0,0,b.csv\n", (3, 2, classes(_0=1, _1=2))),
        ("0 1 a.csv\n1 1 a.csv\n0 0 b.csv\n", (3, 2, classes(_0=1, _1=2))),
        ("7,1,a.csv\n9,1,a.csv\n", (2, 0, classes(_1=2))),  # a script's, with a key of its own
        ("0,1,a.csv\nanything\n", (2, 0, {})),
        ("['a.csv', '1']\n['a.csv', '0']\n", (2, 0, classes(_0=1, _1=1))),
        ("['a.csv', 'it\\'s']\n", (1, 0, {"prediction": {"classes": {"it's": 1}}})),
        ("['a.csv', 1, 2]\n['a.csv', 0, 2]\n", (2, 0, {})),
        ("[0.25 0.75]\n", (1, 0, {})),
        ("['a.csv', '1']\ncut off [\n", (2, 0, {})),
        ('a.png 161 "two\nlines"\nb.png 162 x\n', (2, 0, {})),
        ("word\nother\n", (2, 0, {})),
        ("", (0, 0, {})),
    ],
)
def test_rows_tell_their_files_and_classes_where_they_are_laid_out_as_a_models(
    tmp_path: Path, lines: str, known: object
) -> None:
    assert counted(tmp_path, lines) == known


@pytest.mark.parametrize(
    "predictions",
    [
        np.array([0.5, 1.25, 3.0]),
        np.array([2, 10, 1]),
        np.arange(2000),
        ["a", "b,c", "a"],
        [True, False, True],
        [1.5, None, 2.5],
        ["a", None, "b"],
        [f"text {number}" for number in range(60)],
        np.array([[0.25, 0.75], [1.0, 0.0]]),
        pd.DataFrame({"label": ["a", "b"], "score": [0.5, 0.75], "more": [[1], [2]]}),
        np.zeros((2, 768)),
        [[1], [1, 2]],
        [{"a": 1.5, "b": None}, {"a": 2.5, "c": [1]}],
        [["a", 1.0], ["b", float("inf")]],
    ],
)
def test_what_was_written_here_is_counted_as_it_was_here(tmp_path: Path, predictions: Any) -> None:
    path = tmp_path / "predictions.csv"
    with path.open("wb") as file:
        tally = write_lines(as_answers(predictions), "a.csv", file.write)
    rows, named, found = count([path])
    assert (rows, named) == (len(predictions), 1)
    assert told(found) == told(merge([tally]))


def test_an_output_of_many_rows_is_counted_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_rows, "_ROWS_AT_ONCE", 3)
    lines = "".join(f"{row},{row / 2},a.csv\n" for row in range(10))
    rows, named, columns = counted(tmp_path, lines)
    assert (rows, named) == (10, 1)
    figures = columns["prediction"]
    assert (figures["count"], figures["min"], figures["mean"], figures["max"]) == (10, 0, 2.25, 4.5)


def test_several_cells_are_columns(tmp_path: Path) -> None:
    rows, named, columns = counted(tmp_path, "0,yes,0.9,a.csv\n1,no,0.8,a.csv\n")
    assert (rows, named, list(columns)) == (2, 1, ["0", "1"])
    assert columns["0"] == {"classes": {"no": 1, "yes": 1}}


def test_an_answer_may_be_longer_than_a_cell_that_python_reads_by_itself(tmp_path: Path) -> None:
    embedding = str([0.123456] * 20_000)
    assert counted(tmp_path, f'0,"{embedding}",a.csv\n1,"{embedding}",a.csv\n') == (2, 1, {})
