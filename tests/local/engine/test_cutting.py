"""Cutting a file into slices: the rows of the slices are the rows of the file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.local.engine.drivers.cutting import cut
from runner.local.engine.drivers.tables import BadFile, read_table
from runner.local.engine.mlmodel import Column
from tests.local.engine.csv_files import KINDS, csv_bytes

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
        slices = list(cut(path, size))
        tables = [read_table(path, columns, part)[0] for part in slices]
    except BadFile:
        return None
    assert [part.first_row for part in slices] == [
        sum(part.rows for part in slices[:index]) for index in range(len(slices))
    ]
    assert [part.rows for part in slices] == [len(table) for table in tables]
    return pa.concat_tables(tables)


@given(csv_bytes(), COLUMNS, st.integers(1, 40))
@settings(deadline=None, max_examples=300)
def test_the_slices_of_any_file_hold_what_the_file_holds_or_both_are_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, columns: list[Column], size: int
) -> None:
    path = file(tmp_path_factory.getbasetemp(), content)
    expected = whole(path, columns)
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
