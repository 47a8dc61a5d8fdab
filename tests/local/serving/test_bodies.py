"""Request bodies: the forms that Azure and MLflow take, and what is wrong with others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.engine.mlmodel import Column
from runner.local.serving.bodies import BadRequest, read_request, take_columns

COLUMNS = (Column("a", "double"), Column("b", "long"))
ROWS = {"a": [1.5, 2.5], "b": [1, 2]}

FORMS: list[dict[str, Any]] = [
    {"input_data": {"columns": ["b", "a"], "index": [7, 8], "data": [[1, 1.5], [2, 2.5]]}},
    {"input_data": {"columns": ["a", "b"], "data": [[1.5, 1], [2.5, 2]]}},
    {"input_data": [[1.5, 1], [2.5, 2]]},
    {"input_data": {"a": [1.5, 2.5], "b": [1, 2]}},
    {"dataframe_split": {"columns": ["x", "a", "b"], "data": [[0, 1.5, 1], [0, 2.5, 2]]}},
    {"dataframe_records": [{"a": 1.5, "b": 1, "x": 0}, {"b": 2, "a": 2.5}]},
    {"instances": [{"a": 1.5, "b": 1}, {"a": 2.5, "b": 2}]},
    {"instances": [[1.5, 1], [2.5, 2]]},
    {"inputs": {"a": [1.5, 2.5], "b": [1, 2]}},
    {"inputs": [{"a": 1.5, "b": 1}, {"a": 2.5, "b": 2}], "params": {"k": 1}},
]


def cells(document: Any, columns: tuple[Column, ...] = COLUMNS) -> dict[str, list[Any]]:
    return take_columns(read_request(json.dumps(document).encode()), columns)


@pytest.mark.parametrize("document", FORMS, ids=json.dumps)
def test_every_form_holds_the_same_columns_in_the_signatures_order(document: Any) -> None:
    found = cells(document)
    assert found == ROWS
    assert list(found) == ["a", "b"]


def test_a_dictionary_of_single_values_is_one_row() -> None:
    assert cells({"inputs": {"a": 1.5, "b": 1}}) == {"a": [1.5], "b": [1]}


def test_the_only_column_takes_a_flat_list() -> None:
    assert cells({"inputs": [1, 2, 3]}, (Column("a", "double"),)) == {"a": [1, 2, 3]}


def test_an_optional_column_may_be_absent_and_may_have_gaps() -> None:
    columns = (Column("a", "double"), Column("b", "long", required=False))
    assert cells({"dataframe_records": [{"a": 1}]}, columns) == {"a": [1]}
    given = {"dataframe_records": [{"a": 1}, {"a": 2, "b": 3}]}
    assert cells(given, columns) == {"a": [1, 2], "b": [None, 3]}


def test_params_come_beside_the_data() -> None:
    request = read_request(b'{"inputs": [1], "params": {"k": 1}}')
    assert (request.form, request.content, request.params) == ("inputs", [1], {"k": 1})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON: Expecting value (line 1, column 1)"),
        (b'{"inputs": [1,]}', "line 1, column"),
        (b"\xff\xfe", "not UTF-8 (byte 0)"),
        (b"[" * 100_000, "nested too deep"),
        (b"[1]", "must be a JSON object"),
        (b"{}", "exactly one of input_data"),
        (b'{"data": [[1]]}', "'data'"),
        (b'{"inputs": [1], "instances": [1]}', "exactly one of"),
        (b'{"inputs": [1], "parms": {}}', "'parms'"),
        (b'{"inputs": [1], "params": [1]}', "params must be an object"),
    ],
)
def test_a_body_in_no_known_form_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_request(body)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"input_data": {"columns": ["a"], "data": [[1]]}}, "no column 'b'"),
        ({"dataframe_records": [{"a": 1, "b": 1}, {"a": 1}]}, "row 1 has no column 'b'"),
        ({"inputs": {"a": [1]}}, "no column 'b'"),
        ({"input_data": [[1, 2], [3]]}, "row 1 has 1 cells, and there are 2 columns: 'a', 'b'"),
        ({"input_data": [[1, 2], 3]}, "row 1 is not a list of cells"),
        ({"inputs": {"a": [1, 2], "b": [1]}}, "not of one length"),
        ({"inputs": {"a": [1, 2], "b": 1}}, "column 'b' is not a list"),
        ({"input_data": {"columns": ["a", "a"], "data": []}}, "'a' stands in columns more than"),
        ({"input_data": {"columns": "ab", "data": []}}, "columns must be a list of names"),
        ({"input_data": {"columns": ["a", "b"], "data": 1}}, "data must be a list of rows"),
        ({"input_data": {"index": [1], "data": [[1, 2], [3, 4]]}}, "a list of 2 labels"),
        ({"input_data": []}, "there are no rows"),
        ({"input_data": 1}, "must hold rows or columns"),
        ({"dataframe_split": [[1, 2]]}, "dataframe_split must be an object"),
        ({"dataframe_records": {"a": [1]}}, "dataframe_records must be a list"),
        ({"dataframe_records": [[1, 2]]}, "must hold rows or columns"),
    ],
    ids=json.dumps,
)
def test_what_does_not_fit_the_signature_is_refused_by_name(document: Any, reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        cells(document)
    assert reason in str(refused.value)


def test_a_message_shows_only_the_beginning_of_what_is_long() -> None:
    with pytest.raises(BadRequest) as refused:
        read_request(json.dumps({"k" * 10_000: 1}).encode())
    assert len(str(refused.value)) < 300
