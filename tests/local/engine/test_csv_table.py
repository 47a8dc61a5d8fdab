"""Reading CSV: the values that pandas reads, or an error where pandas has one."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.local.engine.drivers.tables import BadFile, read_table
from runner.local.engine.mlmodel import Column
from tests.local.engine.csv_files import KINDS, PANDAS_TYPES, csv_bytes

COLUMNS = st.lists(
    st.builds(Column, st.sampled_from(["a", "b", "c"]), st.sampled_from(KINDS)),
    min_size=1,
    max_size=3,
    unique_by=lambda column: column.name,
)
Values = dict[str, list[Any]]


def as_pandas_reads_it(path: Path, columns: list[Column]) -> Values | None:
    """None where pandas refuses, or where the table of differences says that the runner does."""
    types = {column.name: PANDAS_TYPES[column.type] for column in columns}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            frame = pd.read_csv(path, engine="c", dtype=dict(types))
        except (ValueError, OverflowError):
            return None
        if not len(frame) or takes_labels(path):
            return None
        if any(column.name not in frame for column in columns):
            return None
        singles = [column.name for column in columns if column.type == "float"]
        if singles:
            doubles = pd.read_csv(
                path, engine="c", dtype={**types, **dict.fromkeys(singles, "float64")}
            )
            for name in singles:
                if (frame[name].abs() == math.inf).sum() > (doubles[name].abs() == math.inf).sum():
                    return None
    return {
        column.name: [None if pd.isna(cell) else cell for cell in frame[column.name]]
        for column in columns
    }


def takes_labels(path: Path) -> bool:
    """True where the first row has more cells than the header: pandas makes labels of them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pd.read_csv(path, engine="c", index_col=False)
    return any("does not match length of data" in str(warning.message) for warning in caught)


def read(path: Path, columns: list[Column]) -> pa.Table | None:
    try:
        return read_table(path, columns)[0]
    except BadFile:
        return None


def alike(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and theirs is not None:
        return ours == theirs or math.isclose(ours, theirs, rel_tol=1e-15)
    return bool(ours == theirs)


@given(csv_bytes(), COLUMNS)
@settings(deadline=None, max_examples=300)
def test_any_file_reads_as_in_pandas_or_both_refuse_it(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, columns: list[Column]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    theirs = as_pandas_reads_it(path, columns)
    table = read(path, columns)
    if table is None:
        # pandas rounds what is written as a decimal beyond 2**53; the runner refuses it.
        assert theirs is None or any(
            abs(cell) >= 2**53
            for column in columns
            if column.type == "long"
            for cell in theirs[column.name]
        )
        return
    assert theirs is not None
    ours = table.to_pydict()
    for column in columns:
        assert len(ours[column.name]) == len(theirs[column.name])
        for our, their in zip(ours[column.name], theirs[column.name], strict=True):
            if column.type == "long" and abs(our) > 2**53 and our != their:
                assert float(our) == float(their)  # exact here, rounded in pandas
            else:
                assert alike(our, their), (column, our, their)
