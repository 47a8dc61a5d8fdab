"""The lines of predictions.csv, written and read back."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pyarrow as pa
import pytest

from runner.predictions import COLUMNS, READING, Line, join_lines, read_line


def written() -> str:
    lines = join_lines(pa.array(["0", "1"]), pa.array(["a", None]), "f.csv")
    return "".join(lines.to_pylist())


def test_lines_are_read_back_as_they_were_written() -> None:
    lines = [read_line(cells) for cells in csv.reader(io.StringIO(written()))]
    assert lines == [Line("0", ["a"], "f.csv"), Line("1", [""], "f.csv")]


def test_pandas_reads_them_by_the_code_that_a_report_shows() -> None:
    arguments = eval(f"dict({' '.join(READING)})")  # noqa: S307
    frame = pd.read_csv(io.StringIO(written()), **arguments)
    assert (frame.index.name, *frame.columns) == COLUMNS
    assert list(frame["file"]) == ["f.csv", "f.csv"]


@pytest.mark.parametrize("cells", [[], ["0", "f.csv"], ["a", "b", "c"]])
def test_cells_that_are_laid_out_otherwise_are_no_line(cells: list[str]) -> None:
    assert read_line(cells) is None
