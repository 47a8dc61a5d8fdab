"""Every value a model may return reads back from its cell as it was."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import io
import json
import math
from ast import literal_eval
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.drivers.answers import as_answers
from runner.engine.drivers.predictions import tally_of

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
MOMENT = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))
DECIMAL = st.decimals(
    allow_nan=False, allow_infinity=False, places=4, min_value=-1e9, max_value=1e9
)
DURATION = st.timedeltas(dt.timedelta(days=-9999), dt.timedelta(days=9999))


def read(predictions: Any) -> list[str]:
    """Return the cells of what a model returned, as a reader of CSV finds them."""
    cells = as_answers(predictions).cells.to_pylist()
    lines = "".join(f"{cell or ''},end\n" for cell in cells)
    rows = list(csv.reader(io.StringIO(lines, newline="")))
    assert [row[1:] for row in rows] == [["end"]] * len(cells)
    return [row[0] for row in rows]


def strictly(cell: str) -> Any:
    """Read the JSON in a cell and refuse a NaN, which Python would take."""
    return json.loads(cell, parse_constant=pytest.fail)


def boolean(cell: str) -> bool:
    return {"True": True, "False": False}[cell]


KINDS: list[tuple[str, Any, st.SearchStrategy[Any], Callable[[str], Any]]] = [
    ("Int64", "Int64", INT64, int),
    ("UInt64", "UInt64", st.integers(0, 2**64 - 1), int),
    ("Int8", "Int8", st.integers(-128, 127), int),
    ("Float64", "Float64", st.floats(allow_nan=False), float),
    (
        "Float32",
        "Float32",
        st.floats(allow_nan=False, width=32),
        lambda cell: float(np.float32(cell)),
    ),
    ("boolean", "boolean", st.booleans(), boolean),
    ("string", "string", TEXT, str),
    ("str", "str", TEXT, str),
    ("arrow int64", pd.ArrowDtype(pa.int64()), INT64, int),
    ("arrow bool", pd.ArrowDtype(pa.bool_()), st.booleans(), boolean),
    ("arrow string", pd.ArrowDtype(pa.large_string()), TEXT, str),
    ("arrow decimal", pd.ArrowDtype(pa.decimal128(20, 4)), DECIMAL, Decimal),
    ("arrow date", pd.ArrowDtype(pa.date32()), st.dates(), dt.date.fromisoformat),
    ("arrow time", pd.ArrowDtype(pa.timestamp("us", "UTC")), MOMENT, pd.Timestamp),
    ("datetime", "datetime64[us]", MOMENT, dt.datetime.fromisoformat),
    ("zone", "datetime64[us, Asia/Seoul]", MOMENT, dt.datetime.fromisoformat),
    ("duration", "timedelta64[us]", DURATION, pd.Timedelta),
    ("period", "period[D]", st.dates(dt.date(1700, 1, 1), dt.date(2200, 1, 1)), pd.Period),
    ("object decimal", object, DECIMAL, Decimal),
    ("object date", object, st.dates(), dt.date.fromisoformat),
    ("object int", object, st.integers(), int),
    ("object bytes", object, st.binary(), literal_eval),
]


@pytest.mark.parametrize(
    ("dtype", "values", "parse"), [kind[1:] for kind in KINDS], ids=[kind[0] for kind in KINDS]
)
@given(data=st.data())
@settings(deadline=None, max_examples=20)
def test_a_series_reads_back_and_so_does_its_category_and_its_column(
    dtype: Any, values: st.SearchStrategy[Any], parse: Callable[[str], Any], data: st.DataObject
) -> None:
    drawn = data.draw(st.lists(st.none() | values, min_size=1, max_size=8))
    series = pd.Series(drawn, dtype=dtype)
    for returned in (series, series.astype("category")):
        cells = read(returned)
        for value, cell in zip(series, cells, strict=True):
            if pd.isna(value):
                assert cell == ""
            else:
                assert parse(cell) == value
    frame = pd.DataFrame({"one": series, "two": 1})
    for cell, record in zip(cells, map(strictly, read(frame)), strict=True):
        assert record["two"] == 1
        value = record["one"]
        if cell == "":
            assert value is None
        elif isinstance(value, str) and parse is literal_eval:
            assert base64.b64decode(value) == parse(cell)
        elif isinstance(value, str):
            assert parse(value) == parse(cell)
        else:
            assert value == parse(cell)


ARRAYS = [
    np.array([1, 2**63 - 1]),
    np.array([0, 2**64 - 1], dtype="uint64"),
    np.array([0.1, 1e300, -0.0, 5e-324]),
    np.array([0.1, 65504], dtype="float16"),
    np.array([0.1, 3.4e38], dtype="float32"),
    np.array([0.1, 2], dtype="longdouble"),
    np.array([1 + 2j, 3]),
    np.array([True, False]),
    np.array(["a,b", 'c"d']),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
def test_an_array_its_list_and_its_elements_in_a_list_read_back(
    array: np.ndarray[Any, Any],
) -> None:
    for returned in (array, array.tolist(), list(array), array[:, None], array.astype(object)):
        cells = read(returned)
        for value, cell in zip(array, cells, strict=True):
            if array.dtype.kind == "b":
                assert boolean(cell) == value
            else:
                assert array.dtype.type(cell) == value


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array(["2024-01-02", "NaT"], dtype="datetime64[D]"), ["2024-01-02", ""]),
        (np.array([b"yes", b"no"]), ["b'yes'", "b'no'"]),
        (np.ma.array([1, 2**60 + 1], mask=[True, False]), ["", "1152921504606846977"]),
        (pd.arrays.SparseArray([0, 0, 3]), ["0", "0", "3"]),
        (pd.Series(pd.arrays.SparseArray([0.0, 2.5])), ["0.0", "2.5"]),
        (pd.Index([1, 2]), ["1", "2"]),
        (pd.array([1, None], dtype="Int64"), ["1", ""]),
        (pa.array([2**60 + 1, None]), ["1152921504606846977", ""]),
        (pa.chunked_array([[1], [None]]), ["1", ""]),
        (pd.Series([pd.Interval(0, 1), None]), ["(0.0, 1.0]", ""]),
        ((value for value in "ab"), ["a", "b"]),
        ({3: 0}.keys(), ["3"]),
        (range(3), ["0", "1", "2"]),
        ([Decimal("1.10"), Decimal("NaN")], ["1.10", ""]),
        ([None, math.nan, pd.NA, pd.NaT, np.float32("nan")], [""] * 5),
        ([1, 2.5, "a", True, None], ["1", "2.5", "a", "True", ""]),
        ([np.int64(1), None, np.float64(0.5)], ["1", "", "0.5"]),
        ([2**60 + 1, 0.5], ["1152921504606846977", "0.5"]),
        ([True, 2], ["True", "2"]),
        ([1e-7, 1e16, math.inf], ["1e-7", "1e+16", "inf"]),
        ([1e-7, 1e16, math.inf, "a"], ["1e-7", "1e+16", "inf", "a"]),
    ],
)
def test_what_has_a_type_of_its_own_is_its_own_text(array: Any, expected: list[str]) -> None:
    assert read(array) == expected


class Tensor:
    """An array as a framework for deep learning returns it, as far as NumPy sees it."""

    def __init__(self, values: Any, gradient: bool = False) -> None:
        self._values, self._gradient = np.asarray(values), gradient
        self.ndim = self._values.ndim

    def __array__(self, *_: Any, **__: Any) -> np.ndarray[Any, Any]:
        if self._gradient:
            raise RuntimeError("call detach() first")
        return self._values

    def __iter__(self) -> Any:
        return (Tensor(value, self._gradient) for value in self._values)

    def item(self) -> Any:
        return self._values.item()

    def tolist(self) -> Any:
        return self._values.tolist()


@pytest.mark.parametrize("gradient", [False, True])
def test_a_tensor_is_its_numbers(gradient: bool) -> None:
    assert read(Tensor([0.5, 2.0], gradient)) == ["0.5", "2.0"]
    assert list(map(strictly, read(Tensor([[0.5, 2.0]], gradient)))) == [[0.5, 2.0]]
    assert read([Tensor(0.5, gradient), Tensor(2.0, gradient)]) == ["0.5", "2.0"]


def test_a_sparse_matrix_is_its_rows() -> None:
    sparse = pytest.importorskip("scipy.sparse")

    matrix = sparse.csr_matrix(np.array([[0, 1], [2, 0]]))
    assert list(map(strictly, read(matrix))) == [[0, 1], [2, 0]]


def test_a_structured_array_is_an_object_a_row() -> None:
    array = np.array([("a", 1), ("b", 2)], dtype=[("label", "U1"), ("n", "i8")])
    assert list(map(strictly, read(array))) == [{"label": "a", "n": 1}, {"label": "b", "n": 2}]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def readable(value: Any) -> Any:
    """Return a value as it reads back: JSON has no NaN and no infinity."""
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [readable(inner) for inner in value]
    if isinstance(value, dict):
        return {name: readable(inner) for name, inner in value.items()}
    return value


@given(
    st.lists(st.lists(documents, max_size=3) | st.dictionaries(st.text(), documents), min_size=1)
)
@settings(deadline=None, max_examples=50)
def test_an_answer_of_several_values_is_json_that_any_reader_takes(answers: list[Any]) -> None:
    assert list(map(strictly, read(answers))) == readable(answers)


@given(st.lists(st.lists(st.floats(), min_size=2, max_size=2), min_size=1))
@settings(deadline=None, max_examples=50)
def test_rows_of_numbers_are_json_with_and_without_infinity(rows: list[list[float]]) -> None:
    assert list(map(strictly, read(np.array(rows)))) == readable(rows)
    frame = pd.DataFrame(rows, columns=["a", "b"])
    assert list(map(strictly, read(frame))) == [
        dict(zip("ab", readable(row), strict=True)) for row in rows
    ]
    assert float("-Infinity") == -math.inf


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        ({"label": ["a", "b"], "model": "v1"}, [{"label": label, "model": "v1"} for label in "ab"]),
        ({"n": [2**53 + 1, None], "m": 1}, [{"n": 2**53 + 1, "m": 1}, {"n": None, "m": 1}]),
        (np.array([["2024-01-02", "NaT"]], dtype="M8[s]"), [["2024-01-02T00:00:00", None]]),
        (
            np.array([["2024-01-02", "NaT"]], dtype="M8[ns]"),
            [["2024-01-02T00:00:00.000000000", None]],
        ),
        ([{"t": np.array(["2024-01-02"], dtype="datetime64[D]")}], [{"t": ["2024-01-02"]}]),
        (pd.MultiIndex.from_tuples([(1, "a"), (2, "b")]), [[1, "a"], [2, "b"]]),
        ({"a": 1, "b": "x"}, [{"a": 1, "b": "x"}]),
        ({"a": [1, 2], "b": [1]}, [{"a": [1, 2], "b": [1]}]),
        ({"a": np.array(1), "b": np.ones((2, 1))}, [{"a": 1, "b": [1.0]}] * 2),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), [{"a": 1, "a.1": 2}]),
        (pd.DataFrame([[1, 2, 3]], columns=["a", "a.1", "a"]), [{"a": 1, "a.1": 2, "a.2": 3}]),
        (pd.DataFrame({("x", "y"): [1], ("x", "z"): [2]}), [{"('x', 'y')": 1, "('x', 'z')": 2}]),
        (pd.DataFrame([[1, 2]]), [{"0": 1, "1": 2}]),
        (pd.DataFrame(index=[0, 1]), [{}, {}]),
        (
            pd.DataFrame({"d": [dt.date(2024, 1, 2)], "n": [Decimal("0.10")]}),
            [{"d": "2024-01-02", "n": "0.10"}],
        ),
        (pd.DataFrame({"t": [np.array([[1, 2]])], "b": [b"ab"]}), [{"t": [[1, 2]], "b": "YWI="}]),
        ([pd.Series([1, 2]), pd.DataFrame({"a": [1]})], [[1, 2], [{"a": 1}]]),
        ([np.array([1.5, math.nan]), (1, 2)], [[1.5, None], [1, 2]]),
        ([{None: 1, True: 2, (5, 6): math.nan}], [{"null": 1, "true": 2, "(5, 6)": None}]),
        ([{None: 1, True: 2}], [{"null": 1, "true": 2}]),
        ([{"t": np.datetime64("2024-01-02"), "n": np.int8(3)}], [{"t": "2024-01-02", "n": 3}]),
    ],
)
def test_several_values_are_named_as_the_model_names_them(
    predictions: Any, expected: list[Any]
) -> None:
    assert list(map(strictly, read(predictions))) == expected


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1, None, 2**53 + 1], dtype="Int64"),
        pd.Series([True, None], dtype="boolean"),
        pd.Series(["a,b", "c\nd", 'e"f'], dtype="string"),
        pd.Series(["a", None, "b"], dtype="category"),
        pd.Series([3, 1, 3], dtype="category"),
        pd.Series([Decimal("1.10"), None]),
        pd.Series([1, "a", None, 2.5], dtype=object),
        pd.Series([dt.date(2024, 1, 2), None]),
        pd.Series([0.1, 2.0, None]),
        pd.Series(pd.to_datetime(["2024-01-02 03:04:05"]).tz_localize("Asia/Seoul")),
        pd.Series(pd.to_timedelta(["1 days 02:03:04"])),
        pd.Series(pd.period_range("2024-01", periods=2, freq="M")),
        pd.Series([b"ab"]),
    ],
    ids=lambda values: str(values.dtype),
)
def test_a_column_of_single_values_is_as_pandas_writes_it(values: Any) -> None:
    written = pd.DataFrame({"p": values, "end": "end"}).to_csv(index=False, header=False)
    assert read(values) == [row[0] for row in csv.reader(io.StringIO(written, newline=""))]


def test_numbers_of_several_types_are_counted_as_numbers_and_words_as_classes() -> None:
    assert tally_of([1, 2.5, None, Decimal("0.5")])["sum"] == 4.0
    assert tally_of([1, "a", "a"]) == {"classes": {"1": 1, "a": 2}}
    assert tally_of([dt.date(2024, 1, 2)]) == {"classes": {"2024-01-02": 1}}
    nullable = pd.Series([1, None, 1], dtype="Int64")
    assert tally_of(nullable) == {"classes": {"1": 2, "(empty)": 1}}
    assert tally_of(["\udcff"]) == {"classes": {"\\udcff": 1}}
