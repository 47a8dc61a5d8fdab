"""Cutting a file into slices: the rows of the slices are the rows of the file."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from runner.engine.drivers import csv_text, cutting
from runner.engine.drivers.bad_file import BadFile
from runner.engine.drivers.formats import cut, read_table
from runner.engine.mlmodel import Column
from runner.engine.slices import Slice
from tests.engine.csv_files import KINDS, csv_bytes, looking_at

COLUMNS = st.lists(
    st.builds(Column, st.sampled_from(["a", "b", "c"]), st.sampled_from(KINDS)),
    min_size=1,
    max_size=3,
    unique_by=lambda column: column.name,
)


def file(folder: Path, content: str | bytes, name: str = "f.csv") -> Path:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def whole(path: Path, columns: list[Column]) -> pa.Table | None:
    try:
        return read_table(path, columns)[0]
    except BadFile:
        return None


def together(path: Path, columns: list[Column], size: int) -> pa.Table | None:
    try:
        slices = list(cut(path, size, block=1))
        tables = [read_table(path, columns, part)[0] for part in slices]
    except BadFile:
        return None
    assert [part.first_row for part in slices] == [
        sum(part.rows for part in slices[:index]) for index in range(len(slices))
    ]
    assert [part.rows for part in slices] == [len(table) for table in tables]
    return pa.concat_tables(tables)


@given(csv_bytes(), COLUMNS, st.integers(1, 40), st.integers(1, 60))
@settings(deadline=None, max_examples=200)
def test_the_slices_of_any_file_hold_what_the_file_holds_or_both_are_refused(
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes,
    columns: list[Column],
    size: int,
    window: int,
) -> None:
    path = file(tmp_path_factory.getbasetemp(), content)
    expected = whole(path, columns)
    with looking_at(window):
        found = together(path, columns, size)
    if expected is None and found is not None:
        # Words in one slice and numbers in another: pandas, too, looks at a part at a time.
        texts = whole(path, [Column(column.name, "string") for column in columns])
        assert texts is not None
        cells = {
            str(cell).lower() for name in texts.column_names for cell in texts[name].to_pylist()
        }
        assert cells & {"true", "false"}
        return
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.equals(expected)


def rows_of(path: Path, size: int, **options: int) -> list[int]:
    return [part.rows for part in cut(path, size, **options)]


def test_a_slice_holds_a_multiple_of_4096_rows_and_the_last_one_no_fewer(tmp_path: Path) -> None:
    path = file(tmp_path, "a\n" + "12345\n" * 20_000)
    assert rows_of(path, 6 * 10_000) == [8192, 11_808]
    assert rows_of(path, 6 * 4100) == [4096, 4096, 4096, 7712]
    assert rows_of(path, 10) == [4096, 4096, 4096, 7712]
    assert rows_of(path, 1 << 30) == [20_000]
    assert rows_of(file(tmp_path, "a\n" + "12345\n" * 8191), 10) == [8191]


def test_rows_so_wide_that_4096_of_them_are_too_much_make_smaller_slices(tmp_path: Path) -> None:
    path = file(tmp_path, "a\n" + ("1" * 99 + "\n") * 5000)
    with mock.patch.object(cutting, "_LARGEST", 60_000):
        assert rows_of(path, 10) == [512] * 8 + [904]


def test_a_row_larger_than_a_slice_is_a_slice(tmp_path: Path) -> None:
    path = file(tmp_path, 'a\n1\n"' + "2" * 100 + "\n3" * 9 + '"\n4\n5\n')
    assert rows_of(path, 4, block=1) == [1, 1, 2]


def test_slices_lie_next_to_each_other_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    path = file(tmp_path, "\ufeffa,b\r\n1,2\r\n\r\n \t\r\n3,4\r\n5,6\r\n\r\n")
    assert list(cut(path, 6, block=1)) == [
        Slice(0, 1, 8, 13),
        Slice(1, 1, 13, 24),
        Slice(2, 1, 24, 29),
    ]
    with_one_row = read_table(path, [Column("b", "long")], Slice(1, 1, 13, 24))[0]
    assert with_one_row.to_pydict() == {"b": [4]}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "is empty"),
        (" \r\n", "is empty"),
        ("a,b\n", "has a header and no rows"),
        ("a,b\n\n \n", "has a header and no rows"),
        ('a,"b\n1,2\n', "has a quote in its header that is never closed"),
        ('a,b\n1,2\n3,"4\n5,6\n', "row 1: has a quote that is never closed"),
        ('a,b\n1,2\n3,4\n"5"",6', "row 2: has a quote that is never closed"),
    ],
)
def test_a_file_that_can_not_be_cut_says_what_reading_it_would_say(
    tmp_path: Path, content: str, text: str
) -> None:
    path = file(tmp_path, content)
    for read in (lambda: list(cut(path, 4)), lambda: read_table(path, [Column("a", "long")])):
        with pytest.raises(BadFile) as raised:
            read()
        assert str(raised.value) == text


def test_a_quote_never_closed_costs_no_more_memory_than_the_longest_row(tmp_path: Path) -> None:
    path = file(tmp_path, 'a\n1\n"' + "2\n" * 4_000_000)
    with (
        mock.patch.object(cutting, "_LONGEST_ROW", 1 << 21),
        mock.patch.object(csv_text, "rows", wraps=csv_text.rows) as rows,
        pytest.raises(BadFile, match="row 1: has a quote that is never closed"),
    ):
        list(cut(path, 1 << 20))
    assert max(len(call.args[0]) for call in rows.call_args_list) <= 1 << 22


def test_a_row_longer_than_any_window_is_a_slice_and_no_open_quote(tmp_path: Path) -> None:
    path = file(tmp_path, "a,s\n1,x\n2," + "y" * 5_000_000 + "\n3,z\n")
    with mock.patch.object(cutting, "_LONGEST_ROW", 1 << 21):
        assert rows_of(path, 4, block=1) == [1, 1, 1]
    with (
        mock.patch.object(cutting, "_LONGEST_ROW", 1 << 21),
        mock.patch.object(cutting, "_LONGEST_LINE", 1 << 21),
        pytest.raises(BadFile, match="row 1: is longer than"),
    ):
        list(cut(path, 4, block=1))


def test_rows_of_a_slice_are_counted_from_the_files_first(tmp_path: Path) -> None:
    path = file(tmp_path, "a,s\n1,x\n2,x\n3,x\nno,x\n5\n6,\n7,x,\n")
    slices = list(cut(path, 9, block=1))
    columns = [Column("a", "long")]
    with pytest.raises(BadFile, match=r"^row 3, column 'a': 'no' is not a long$"):
        read_table(path, columns, slices[1])
    assert read_table(path, columns, slices[2])[1] == [
        "columns the model doesn't know are ignored: 's'",
        "row 4 has 1 cell and the header 2; cells that a row lacks are empty",
    ]
    with pytest.raises(
        BadFile, match=r"^row 6: has 3 cells and the header 2: take the comma off its end$"
    ):
        read_table(path, columns, slices[3])


def test_a_slice_of_a_file_that_has_changed_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "a\n1\n2\n3\n4\n")
    last = list(cut(path, 4, block=1))[-1]
    for changed in ("a\n1\n2\n3\n", "a\n1\n2\n33\n", "a\n1\n2\n3\n\n"):
        file(tmp_path, changed)
        with pytest.raises(BadFile, match="it has changed since the job began"):
            read_table(path, [Column("a", "long")], last)


def test_row_groups_of_parquet_are_put_together_up_to_the_size(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    table = pa.table({"a": [float(number) for number in range(1000)]})
    parquet.write_table(table, path, row_group_size=100)
    group = parquet.ParquetFile(path).metadata.row_group(0).total_byte_size
    slices = list(cut(path, 3 * group + group // 2, block=1))
    assert [(part.start, part.end) for part in slices] == [(0, 3), (3, 6), (6, 9), (9, 10)]
    assert [part.first_row for part in slices] == [0, 300, 600, 900]
    assert together(path, [Column("a", "double")], 3 * group) == table
    assert rows_of(path, 1, block=1) == [100] * 10
    assert rows_of(path, 1, block=250) == [300, 300, 400]
    parquet.write_table(table[:500], path, row_group_size=100)
    with pytest.raises(BadFile, match="has changed since the job began"):
        read_table(path, [Column("a", "double")], slices[-1])


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="can't be read: No such file or directory"):
        list(cut(tmp_path / "gone.csv", 9))
    with pytest.raises(BadFile, match="is not a readable Parquet file"):
        list(cut(file(tmp_path, "a\n1\n", "f.pqt"), 9))
    parquet.write_table(pa.table({"a": pa.array([], "int64")}), tmp_path / "g.parquet")
    with pytest.raises(BadFile, match="has no rows"):
        list(cut(tmp_path / "g.parquet", 9))
