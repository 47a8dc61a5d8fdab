"""Request bodies: the forms that Azure and MLflow take, and what is wrong with others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.engine.mlmodel import Column
from runner.local.serving.tables import BadRequest, any_columns, as_split, is_split, split_columns

COLUMNS = (Column("a", "double"), Column("b", "long"))
ROWS: dict[str, list[Any]] = {"a": [1.5, 2.5], "b": [1, 2]}

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
    {"inputs": [{"a": 1.5, "b": 1}, {"a": 2.5, "b": 2}]},
]


def cells(document: Any, columns: tuple[Column, ...] = COLUMNS) -> dict[str, list[Any]]:
    ((form, content),) = document.items()
    return any_columns(form, content, columns)


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
        cells({"input_data": {"columns": ["k" * 10_000], "data": [[1, 2]]}})
    assert len(str(refused.value)) < 300


def test_azure_reads_an_object_of_columns_index_and_data() -> None:
    assert is_split({"columns": [], "data": []})
    assert is_split({"columns": [], "index": [], "data": []})
    assert not is_split({"columns": [], "data": [], "more": 1})
    assert not is_split({"data": []})
    assert not is_split([[1, 2]])


TABLES: list[dict[str, Any]] = [
    {"columns": ["b", "x", "a"], "data": [[1, 0, 1.5], [2, 0, 2.5]]},
    {"columns": ["a", "b", "a"], "index": ["p", "q"], "data": [[1.5, 1, 9], [2.5, 2, 9]]},
    {"columns": ["a", "b"], "data": [{"b": 1, "a": 1.5}, {"a": 2.5, "b": 2, "x": 0}]},
    {"columns": ["a", "b"], "data": {"a": [1.5, 2.5], "b": [1, 2]}},
]


@pytest.mark.parametrize("table", TABLES, ids=json.dumps)
def test_a_split_table_is_read_as_pandas_reads_it(table: Any) -> None:
    assert split_columns(table, COLUMNS) == ROWS


def test_missing_cells_of_a_split_table_are_null() -> None:
    short = {"columns": ["a", "b"], "data": [[1.5, 1], [2.5]]}
    assert split_columns(short, COLUMNS) == {"a": [1.5, 2.5], "b": [1, None]}
    records = {"columns": ["a", "b"], "data": [{"a": 1.5}, {"b": 2}]}
    assert split_columns(records, COLUMNS) == {"a": [1.5, None], "b": [None, 2]}


def test_one_cell_goes_for_every_row_of_the_index() -> None:
    table = {"columns": ["a", "b"], "index": [7, 8], "data": 1}
    assert split_columns(table, COLUMNS) == {"a": [1, 1], "b": [1, 1]}


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"columns": ["a"], "data": [[1]]}, "no column 'b'"),
        ({"columns": None, "data": [[1]]}, "columns must be a list of names"),
        ({"columns": ["a", {}], "data": [[1]]}, "columns must be a list of names"),
        ({"columns": ["a", "b"], "data": [[1]]}, "row 0 has 1 cells, and there are 2 columns"),
        ({"columns": ["a", "b"], "data": [[1, 2, 3]]}, "row 0 has 3 cells, and there are 2"),
        ({"columns": ["a", "b"], "data": [[1, 2], 3]}, "row 1 is not a list of cells"),
        ({"columns": ["a", "b"], "data": [{}, [1, 2]]}, "row 1 is not an object"),
        ({"columns": ["a", "b"], "index": [1], "data": [[1, 2]] * 2}, "a list of 2 labels"),
        ({"columns": ["a", "b"], "index": 1, "data": [[1, 2]]}, "index must be a list of labels"),
        ({"columns": ["a", "b"], "data": 1}, "index must be a list of labels"),
        ({"columns": ["a", "b"], "data": {"a": [1], "b": [1, 2]}}, "not of one length"),
    ],
    ids=json.dumps,
)
def test_a_split_table_that_pandas_can_not_read_is_refused(table: Any, reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        split_columns(table, COLUMNS)
    assert reason in str(refused.value)


def test_a_table_by_columns_becomes_one_that_azure_takes() -> None:
    assert as_split(ROWS) == {"columns": ["a", "b"], "data": [[1.5, 1], [2.5, 2]]}
