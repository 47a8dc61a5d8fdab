"""Reading Parquet for a signature: what pandas and MLflow's schema check make of it together."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.models.utils import _enforce_schema
from mlflow.types import ColSpec, Schema
from pyarrow import parquet

from runner.engine.drivers.bad_file import BadFile
from runner.engine.drivers.formats import read_table
from runner.engine.mlmodel import SCALARS, Column

DAY = datetime.date(2024, 1, 2)
TIME = datetime.datetime(2024, 1, 2, 3, 4, 5)
ARROW: dict[str, pa.Array] = {
    "null": pa.nulls(2),
    "bool": pa.array([True, False]),
    "bool with a gap": pa.array([True, None]),
    **{f"{kind}": pa.array([1, 7], kind) for kind in ("int8", "int16", "int32", "int64")},
    **{f"{kind}": pa.array([1, 7], kind) for kind in ("uint8", "uint16", "uint32", "uint64")},
    **{f"{kind} with a gap": pa.array([1, None], kind) for kind in ("int8", "int32", "int64")},
    "uint64 with a gap": pa.array([None, 2**63], "uint64"),
    "int64 large with a gap": pa.array([2**53 + 1, None], "int64"),
    "int64 of zeros and ones": pa.array([1, 0], "int64"),
    "int64 of zeros with a gap": pa.array([None, 0], "int64"),
    "float16": pa.array([np.float16(1.5), None], "float16"),
    "float32": pa.array([0.1, None], "float32"),
    "float64": pa.array([0.1, None], "float64"),
    "float64 whole": pa.array([1.0, 2.0], "float64"),
    "string": pa.array(["x", None]),
    "large string": pa.array(["x", "1"], pa.large_string()),
    "times as text": pa.array(["2024-01-02", "2024-01-02T03:04:05Z"]),
    "binary": pa.array([b"x", None]),
    "fixed binary": pa.array([b"xy", b"zz"], pa.binary(2)),
    "dictionary": pa.array(["x", "y"]).dictionary_encode(),
    "dictionary of numbers": pa.array([1.5, 2.5]).dictionary_encode(),
    "date": pa.array([DAY, None]),
    "time": pa.array([datetime.time(1, 2), None]),
    "decimal": pa.array([decimal.Decimal("1.10"), None]),
    **{f"{kind}": pa.array([TIME, None], kind) for kind in map(pa.timestamp, ("ms", "us", "ns"))},
    "timestamp before nanoseconds": pa.array([datetime.datetime(1500, 1, 1)], pa.timestamp("us")),
    "timestamp with a zone": pa.array([TIME, None], pa.timestamp("us", "Asia/Seoul")),
    "duration": pa.array([datetime.timedelta(1), None]),
    "list": pa.array([[1, 2], None]),
    "struct": pa.array([{"a": 1}, None]),
}  # fmt: skip
PANDAS: dict[str, Any] = {
    "Int64": pd.array([1, 2], "Int64"),
    "Int64 with a gap": pd.array([1, None], "Int64"),
    "Int32 with a gap": pd.array([1, None], "Int32"),
    "Int16": pd.array([1, 2], "Int16"),
    "Float64 with a gap": pd.array([1.5, None], "Float64"),
    "boolean": pd.array([True, False], "boolean"),
    "boolean with a gap": pd.array([True, None], "boolean"),
    "string": pd.array(["x", None], "string"),
    "category": pd.Categorical(["x", "y"]),
    "int64[pyarrow] with a gap": pd.array([1, None], "int64[pyarrow]"),
    "double[pyarrow] with a gap": pd.array([1.5, None], "double[pyarrow]"),
    "datetime": pd.to_datetime(["2024-01-02", "NaT"]),
    "datetime with a zone": pd.to_datetime(["2024-01-02", "NaT"]).tz_localize("UTC"),
}


def as_mlflow_converts(path: Path, kind: str) -> list[Any] | None:
    try:
        frame = _enforce_schema(pd.read_parquet(path), Schema([ColSpec(kind, "a")]))
    except Exception:
        return None
    return [None if pd.api.types.is_scalar(x) and pd.isna(x) else x for x in frame["a"]]


def as_read(path: Path, kind: str) -> list[Any] | None:
    try:
        table, _ = read_table(path, [Column("a", kind)])
    except BadFile:
        return None
    frame = table.to_pandas()
    return [None if pd.api.types.is_scalar(x) and pd.isna(x) else x for x in frame["a"]]


def hold_against_mlflow(path: Path, kind: str) -> None:
    expected = as_mlflow_converts(path, kind)
    found = as_read(path, kind)
    assert repr(found) == repr(expected)


@pytest.mark.parametrize("kind", SCALARS)
@pytest.mark.parametrize("name", ARROW)
def test_a_column_of_any_arrow_type_is_what_mlflow_makes_of_it_or_refused(
    tmp_path: Path, name: str, kind: str
) -> None:
    path = tmp_path / "f.pqt"
    parquet.write_table(pa.table({"a": ARROW[name]}), path)
    hold_against_mlflow(path, kind)


@pytest.mark.parametrize("kind", SCALARS)
@pytest.mark.parametrize("name", PANDAS)
def test_a_column_that_pandas_wrote_is_what_mlflow_makes_of_it_or_refused(
    tmp_path: Path, name: str, kind: str
) -> None:
    path = tmp_path / "f.parquet"
    pd.DataFrame({"a": PANDAS[name]}).to_parquet(path)
    hold_against_mlflow(path, kind)


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        (pa.array([1, 2]), "double", "column 'a': MLflow does not convert int64 to double"
         " (save the column as double)"),
        (pa.array([1.5]), "float", "column 'a': MLflow does not convert double to float"),
        (pa.array(["u"]).dictionary_encode(), "string", "column 'a': MLflow does not convert"
         " dictionary<values=string, indices=int32, ordered=0> to string (write pandas' categories"
         " after `.astype(str)`)"),
        (pa.array([1, None], "int32"), "long", "row 1, column 'a': an empty cell is not a long"),
        (pa.array([TIME], pa.timestamp("us", "UTC")), "datetime", "column 'a': MLflow does not"
         " convert timestamp[us, tz=UTC] to datetime (only times without a zone)"),
    ],
)  # fmt: skip
def test_a_column_that_mlflow_does_not_convert_is_named(
    tmp_path: Path, values: pa.Array, kind: str, text: str
) -> None:
    parquet.write_table(pa.table({"a": values}), tmp_path / "f.parquet")
    with pytest.raises(BadFile) as raised:
        read_table(tmp_path / "f.parquet", [Column("a", kind)])
    assert str(raised.value) == text


def test_a_column_that_pandas_made_the_index_is_no_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0], "b": [2.0]}).set_index("a")
    frame.to_parquet(tmp_path / "f.parquet")
    with pytest.raises(BadFile) as raised:
        read_table(tmp_path / "f.parquet", [Column("a", "double")])
    assert str(raised.value) == (
        "has no column 'a', which the model needs; it has 'b'; 'a' is its index in pandas: write"
        " it after `reset_index()`"
    )
