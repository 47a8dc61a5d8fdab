"""The rows of an input, as segments are made of them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from runner.comparison.input_rows import (
    InputColumns,
    Unreadable,
    choose_columns,
    read_rows,
    sample_rows,
)
from runner.comparison.segments import SegmentCounter


def _csv(path: Path, rows: int) -> None:
    lines = "".join(f"{n},{n % 7 / 2},{'FM'[n % 2]},{n % 3 == 0}\n" for n in range(rows))
    path.write_text("id,share,sex,smokes\n" + lines)


def test_columns_are_numbers_or_texts_and_truth_is_a_text(tmp_path: Path) -> None:
    _csv(tmp_path / "a.csv", 100)
    sample = sample_rows(tmp_path, ["a.csv"])
    assert sample.num_rows == 100
    assert choose_columns(sample) == InputColumns(("id", "share"), ("sex", "smokes"))


def test_a_large_file_is_sampled_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    _csv(tmp_path / "a.csv", 200_000)
    ids = sample_rows(tmp_path, ["a.csv"]).column("id").to_pylist()
    assert 10_000 < len(ids) < 60_000
    assert (ids[0], ids[-1]) == (0, 199_999)
    assert sorted(ids) == ids


def test_all_rows_are_read_in_their_order_of_csv_and_of_parquet(tmp_path: Path) -> None:
    _csv(tmp_path / "a.csv", 300_000)
    columns = InputColumns(("id",), ("smokes",))
    batches = list(read_rows(tmp_path / "a.csv", columns))
    ids = [n for batch in batches for n in batch.column("id").to_pylist()]
    assert ids == list(range(300_000))
    parquet.write_table(
        pa.table({"smokes": [True, False], "more": [1, 2], "id": [0, 1]}), tmp_path / "b.parquet"
    )
    [batch] = read_rows(tmp_path / "b.parquet", columns)
    assert batch.to_pylist() == [{"id": 0.0, "smokes": "true"}, {"id": 1.0, "smokes": "false"}]


@pytest.mark.parametrize(
    "text", ["id\n1\n", "id,smokes\n1,x,y\n2,z\n", "id,smokes\nx,y\n", "", "\x00\x00"]
)
def test_a_file_that_reads_otherwise_has_no_rows_here(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(Unreadable):
        list(read_rows(tmp_path / "a.csv", InputColumns(("id",), ("smokes",))))


@pytest.mark.parametrize("name", ["a.png", "gone.csv"])
def test_data_that_is_no_table_has_no_segments_and_says_so(tmp_path: Path, name: str) -> None:
    if name == "a.png":
        (tmp_path / name).write_bytes(b"\x89PNG")
    counter = SegmentCounter(tmp_path, [name])
    assert counter.result().untried == "the data is no table that can be read by rows"
