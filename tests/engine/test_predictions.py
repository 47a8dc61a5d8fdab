"""Predictions as lines of CSV and as a tally."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
import os
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.drivers import predictions as predictions_module
from runner.engine.drivers.answers import BadPredictions, as_answers
from runner.engine.drivers.predictions import tally_of, write_lines
from runner.tally import MOST_CLASSES, OTHER, bucket


def lines(predictions: Any, name: str = "f.csv", first_row: int = 0) -> str:
    written: list[bytes] = []
    answers = as_answers(predictions)
    write_lines(answers, name, lambda part: written.append(bytes(part)), first_row)
    return b"".join(written).decode()


def cells(predictions: Any, rows: int = 2) -> list[str]:
    table = list(csv.reader(io.StringIO(lines(predictions), newline="")))
    assert [(row[0], row[2]) for row in table] == [(str(i), "f.csv") for i in range(rows)]
    return [row[1] for row in table]


def test_a_line_is_row_number_prediction_and_file_name() -> None:
    assert lines(np.array([1, 0]), name="a.csv") == "0,1,a.csv\n1,0,a.csv\n"


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        (np.array([1, 0], dtype="int8"), ["1", "0"]),
        (np.array([2**63, 1], dtype="uint64"), ["9223372036854775808", "1"]),
        ([2**70, 1], ["1180591620717411303424", "1"]),
        (np.array([1.0, -0.0]), ["1.0", "-0.0"]),
        (np.array([0.1, 2.5], dtype="float32"), ["0.1", "2.5"]),
        ([1e300, 1e-7], ["1e+300", "1e-7"]),
        ([math.inf, math.nan], ["inf", ""]),
        ([1.0, None], ["1.0", ""]),
        ([None, None], ["", ""]),
        ([True, False], ["True", "False"]),
        (["a,b", 'c"d\ne'], ["a,b", 'c"d\ne']),
        (["a\rb", " c "], ["a\rb", " c "]),
        ([dt.date(2024, 1, 2), None], ["2024-01-02", ""]),
        (pd.Series(["a", "b,c"], dtype="category"), ["a", "b,c"]),
        (pd.Series([1, 2], index=[7, 8]), ["1", "2"]),
        (pd.DataFrame({"p": [1, 2]}), ["1", "2"]),
        ({"p": [1, 2]}, ["1", "2"]),
        (np.array([[1], [2]]), ["1", "2"]),
        ((1, 2), ["1", "2"]),
    ],
)
def test_a_prediction_of_one_value_is_its_text(predictions: Any, expected: list[str]) -> None:
    assert cells(predictions) == expected


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        (np.array([[0.25, 0.75], [1, 0]]), [[0.25, 0.75], [1.0, 0.0]]),
        (np.arange(8).reshape(2, 2, 2), [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]),
        (pd.DataFrame({"a": [1, 2], "b": ["x", "y,"]}), [{"a": 1, "b": "x"}, {"a": 2, "b": "y,"}]),
        ({"a": np.array([1, 2]), "b": [[1], [3]]}, [{"a": 1, "b": [1]}, {"a": 2, "b": [3]}]),
        ([[1], [1, 2]], [[1], [1, 2]]),
        ([np.array([1]), np.array([1, 2])], [[1], [1, 2]]),
        ([{"a": 1}, {"b": None}], [{"a": 1}, {"b": None}]),
        (
            pd.DataFrame({"v": [np.array([1, 2]), np.array([3])], "n": [1, 2]}),
            [{"v": [1, 2], "n": 1}, {"v": [3], "n": 2}],
        ),
    ],
)
def test_a_prediction_of_several_values_is_one_cell_of_json(
    predictions: Any, expected: list[Any]
) -> None:
    assert [json.loads(cell) for cell in cells(predictions)] == expected


@given(st.lists(st.floats(), min_size=1, max_size=20))
@settings(deadline=None)
def test_a_float_reads_back_to_the_last_bit_and_keeps_its_point(numbers: list[float]) -> None:
    texts = cells(np.array(numbers), len(numbers))
    for number, text in zip(numbers, texts, strict=True):
        assert text == "" if math.isnan(number) else float(text) == number
        assert not text.lstrip("-").isdigit()


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
@settings(deadline=None)
def test_a_text_of_any_kind_reads_back(texts: list[str]) -> None:
    assert cells(texts, len(texts)) == texts


@pytest.mark.parametrize("name", ["a.csv", "환자.csv", 'a,"b"\nc.csv', "n" * 255])
def test_predictions_parse_with_csv_and_pandas_whatever_the_file_is_called(name: str) -> None:
    text = lines([1, 0], name=name)
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["0", "1", name], ["1", "0", name]]
    frame = pd.read_csv(io.StringIO(text), index_col=0, names=["row", "prediction", "file"])
    assert frame["prediction"].tolist() == [1, 0]
    assert frame["file"].tolist() == [name, name]


def test_undecodable_bytes_of_a_name_show_as_escapes() -> None:
    assert lines([1], os.fsdecode(b"\xff.csv")) == "0,1,\\udcff.csv\n"


def test_more_rows_than_are_written_at_once_are_numbered_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(predictions_module, "_ROWS_AT_ONCE", 3)
    assert cells(np.arange(10), 10) == [str(number) for number in range(10)]


def test_answers_of_a_slice_are_numbered_from_its_first_row() -> None:
    assert lines([7, 8], first_row=41) == "41,7,f.csv\n42,8,f.csv\n"


@pytest.mark.parametrize(
    ("predictions", "kind"),
    [
        (None, "NoneType"),
        (3, "int"),
        (5.0, "float"),
        ("ab", "str"),
        (b"ab", "bytes"),
        (np.array(3), "ndarray"),
        (np.float64(3), "float64"),
    ],
)
def test_a_single_value_is_refused(predictions: Any, kind: str) -> None:
    with pytest.raises(BadPredictions) as raised:
        as_answers(predictions)
    assert str(raised.value) == (
        f"the model returned a single {kind};"
        " it must return a list, an array, a dict or a DataFrame"
    )


@pytest.mark.parametrize("predictions", [[], np.array([]), pd.DataFrame({"a": []}), {}])
def test_no_answer_at_all_is_refused_and_nothing_written(predictions: Any) -> None:
    answers = as_answers(predictions)
    assert len(answers) == 0
    with pytest.raises(BadPredictions, match="the model returned no predictions"):
        write_lines(answers, "f.csv", pytest.fail)


def test_classes_are_counted_by_name() -> None:
    assert tally_of([1, 0, 1]) == {"classes": {"0": 1, "1": 2}}
    assert tally_of([True, False, True]) == {"classes": {"True": 2, "False": 1}}
    assert tally_of(["a,b", None, "a,b"]) == {"classes": {"a,b": 2, "(empty)": 1}}


def test_numbers_are_counted_in_buckets_and_what_is_no_number_is_left_out() -> None:
    assert tally_of([0.5, 0.5, math.nan, math.inf, -2.0]) == {
        "buckets": {bucket(0.5): 2, bucket(-2.0): 1},
        "sum": -1.0,
        "min": -2.0,
        "max": 0.5,
    }
    assert tally_of([math.nan, math.inf]) == {}


def test_answers_of_several_values_are_counted_by_column() -> None:
    frame = pd.DataFrame({"label": ["a", "b", "a"], "score": [0.5, 0.25, 1.0]})
    counted = tally_of(frame)["columns"]
    assert counted["label"] == {"classes": {"a": 2, "b": 1}}
    assert (counted["score"]["sum"], counted["score"]["max"]) == (1.75, 1.0)
    assert tally_of(frame.to_dict(orient="list")) == {"columns": counted}
    probabilities = tally_of(np.array([[0.25, 0.75], [0.5, 0.5]]))["columns"]
    assert {name: tally["sum"] for name, tally in probabilities.items()} == {"0": 0.75, "1": 1.25}
    assert tally_of(np.zeros((2, 768))) == {}


def test_the_ends_of_whole_numbers_are_exact() -> None:
    counted = tally_of(np.arange(2**53 - 100, 2**53 + 2))
    assert (counted["min"], counted["max"]) == (2**53 - 100, 2**53 + 1)


def test_a_sum_beyond_what_a_float_holds_is_not_told() -> None:
    counted = tally_of([1.7e308, 1.7e308])
    assert "sum" not in counted
    assert counted["max"] == 1.7e308


def test_more_whole_numbers_than_classes_are_buckets_and_as_many_texts_are_other() -> None:
    many = MOST_CLASSES + 1
    assert sum(tally_of(np.arange(many))["buckets"].values()) == many
    assert tally_of([f"text {number}" for number in range(many)]) == {"classes": {OTHER: many}}
