"""Reads the tables that requests to MLflow models hold: as Azure does, and in more forms.

Azure takes `input_data` with a table as pandas splits it, and reads it with pandas; MLflow's own
server takes the other four forms. All of them hold rows or columns, by name or by position.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from runner.engine.mlmodel import Column

MLFLOW_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
MAX_BODY = 10_000_000  # bytes; what a managed online endpoint takes
WRITTEN_OTHERWISE = "input_data must be an object of columns, index and data"

_SPLIT = frozenset({"columns", "index", "data"})
_LONGEST_SHOWN = 60  # characters of a value in a message


class BadRequest(Exception):
    """The body can't be scored; the text says why and names row and column."""


def is_split(content: Any) -> bool:
    """Return whether Azure can read it as a table: an object of columns, index and data."""
    return isinstance(content, dict) and "columns" in content and content.keys() <= _SPLIT


def split_columns(content: Mapping[str, Any], columns: Sequence[Column]) -> dict[str, list[Any]]:
    """Return the cells of a signature's columns from a table that `is_split`, as pandas reads it.

    Missing cells are None; other columns are ignored, as MLflow does. Raises BadRequest naming
    the column that is missing, or the row that is not like the others.
    """
    given, data, index = content["columns"], content.get("data"), content.get("index")
    names = _told_apart(given)
    places = {name: place for place, name in enumerate(names)}
    missing = [shown(column.name) for column in columns if column.name not in places]
    if missing:
        raise BadRequest(f"no column {', '.join(missing)}, which the model needs")
    chosen = {column.name: places[column.name] for column in columns}
    if isinstance(data, list):
        cells = _from_any_rows(data, names, chosen)
    elif isinstance(data, dict):
        original = list(given)
        named = {name: data.get(original[place]) for name, place in chosen.items()}
        cells = _of_one_length(named, None if index is None else len(_labels(index)))
    else:
        # One cell for the whole table; the index tells how many rows it has.
        cells = {name: [data] * len(_labels(index)) for name in chosen}
    rows = len(next(iter(cells.values())))
    if index is not None and len(_labels(index)) != rows:
        raise BadRequest(f"index must be a list of {rows} labels, one for each row")
    return cells


def any_columns(form: str, content: Any, columns: Sequence[Column]) -> dict[str, list[Any]]:
    """Return the cells of a signature's columns from any form; an optional column may be absent.

    Cells without names are taken by position. Other columns are ignored, as MLflow does. Raises
    BadRequest naming the column that is missing, or the row that is not like the others.
    """
    names = [column.name for column in columns]
    split = isinstance(content, dict) and "data" in content and content.keys() <= _SPLIT
    if form == "dataframe_split" and not split:
        raise BadRequest("dataframe_split must be an object of columns, index and data")
    if form == "dataframe_records" and not isinstance(content, list):
        raise BadRequest("dataframe_records must be a list of objects")
    if split:
        cells = _from_split(content, names)
    elif isinstance(content, list) and content and all(isinstance(row, dict) for row in content):
        cells = _from_records(content, columns)
    elif isinstance(content, list) and form != "dataframe_records":
        cells = _from_rows(content, names)
    elif isinstance(content, dict):
        cells = _from_columns(content)
    else:
        raise BadRequest(f"{form} must hold rows or columns")
    return _chosen(cells, columns)


def as_split(cells: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Return a table's columns as Azure takes them."""
    return {"columns": list(cells), "data": [list(row) for row in zip(*cells.values())]}


def shown(value: Any) -> str:
    """Return a value as a message shows it: on one line, and not all of a long one."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _told_apart(given: Any) -> list[Hashable]:
    """Return names of columns, a repeated name with a number behind it, as pandas makes them."""
    if not isinstance(given, (list, dict, str)):
        raise BadRequest("columns must be a list of names")
    names: list[Hashable] = [tuple(name) if isinstance(name, list) else name for name in given]
    try:
        if len(set(names)) == len(names):
            return names
    except TypeError:
        raise BadRequest("columns must be a list of names") from None
    counts: dict[Hashable, int] = {}
    for place, name in enumerate(names):
        count = counts.get(name, 0)
        while count > 0:
            counts[name] = count + 1
            name = f"{name}.{count}"
            count = counts.get(name, 0)
        names[place] = name
        counts[name] = count + 1
    return names


def _labels(index: Any) -> Sequence[Any]:
    if isinstance(index, (list, dict)) and not (index and all(isinstance(x, list) for x in index)):
        return list(index)
    raise BadRequest("index must be a list of labels, one for each row")


def _from_any_rows(
    rows: Sequence[Any], names: Sequence[Hashable], chosen: Mapping[str, int]
) -> dict[str, list[Any]]:
    """Return the cells of the columns at the chosen places; the first row tells what rows are."""
    if set(map(type, rows)) == {list} and set(map(len, rows)) == {len(names)}:
        return {name: [row[place] for row in rows] for name, place in chosen.items()}
    if rows and isinstance(rows[0], dict):
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                raise BadRequest(f"row {number} is not an object, and others are")
        return {name: [row.get(names[place]) for row in rows] for name, place in chosen.items()}
    if rows and not isinstance(rows[0], list) and len(names) == 1:
        return {name: list(rows) for name in chosen}
    widest = 0
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            raise BadRequest(f"row {number} is not a list of cells")
        widest = max(widest, len(row))
        if len(row) > len(names):
            raise _not_as_wide(number, row, names)
    if rows and widest < len(names):
        raise _not_as_wide(0, rows[0], names)
    # pandas fills up short rows, as long as one of them is whole.
    return {
        name: [row[place] if place < len(row) else None for row in rows]
        for name, place in chosen.items()
    }


def _not_as_wide(number: int, row: Sequence[Any], names: Sequence[Hashable]) -> BadRequest:
    return BadRequest(
        f"row {number} has {len(row)} cells, and there are {len(names)} columns:"
        f" {', '.join(map(shown, names))}"
    )


def _of_one_length(cells: Mapping[str, Any], rows: int | None) -> dict[str, list[Any]]:
    """Return columns as lists of one length; a single cell goes for every row."""
    lengths = {len(value) for value in cells.values() if isinstance(value, list)}
    if rows is not None:
        lengths.add(rows)
    if len(lengths) != 1:
        raise BadRequest("the columns are not of one length")
    length = lengths.pop()
    return {
        name: value if isinstance(value, list) else [value] * length
        for name, value in cells.items()
    }


def _from_split(content: Mapping[str, Any], names: Sequence[str]) -> dict[str, list[Any]]:
    data, index = content["data"], content.get("index")
    given = content.get("columns")
    if given is None:
        given = names
    if not isinstance(given, (list, tuple)) or not all(isinstance(name, str) for name in given):
        raise BadRequest("columns must be a list of names")
    doubled = [name for name in given if given.count(name) > 1]
    if doubled:
        raise BadRequest(f"column {shown(doubled[0])} stands in columns more than once")
    if not isinstance(data, list):
        raise BadRequest("data must be a list of rows")
    if index is not None and (not isinstance(index, list) or len(index) != len(data)):
        raise BadRequest(f"index must be a list of {len(data)} labels, one for each row")
    return _from_rows(data, given)


def _from_rows(rows: Sequence[Any], names: Sequence[str]) -> dict[str, list[Any]]:
    if len(names) == 1 and not any(isinstance(row, list) for row in rows):
        return {names[0]: list(rows)}
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            raise BadRequest(f"row {number} is not a list of cells")
        if len(row) != len(names):
            raise _not_as_wide(number, row, names)
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _from_records(
    records: Sequence[Mapping[str, Any]], columns: Sequence[Column]
) -> dict[str, list[Any]]:
    cells: dict[str, list[Any]] = {}
    for column in columns:
        holders = [number for number, record in enumerate(records) if column.name in record]
        if not holders:
            continue
        if column.required and len(holders) < len(records):
            lacking = next(n for n, record in enumerate(records) if column.name not in record)
            raise BadRequest(f"row {lacking} has no column {shown(column.name)}")
        cells[column.name] = [record.get(column.name) for record in records]
    return cells


def _from_columns(content: Mapping[str, Any]) -> dict[str, list[Any]]:
    single = not any(isinstance(value, list) for value in content.values())
    cells = {name: [value] if single else value for name, value in content.items()}
    for name, value in cells.items():
        if not isinstance(value, list):
            raise BadRequest(f"column {shown(name)} is not a list, and others are")
    lengths = {len(value) for value in cells.values()}
    if len(lengths) > 1:
        raise BadRequest("the columns are not of one length")
    return cells


def _chosen(cells: Mapping[str, list[Any]], columns: Sequence[Column]) -> dict[str, list[Any]]:
    missing = [
        shown(column.name) for column in columns if column.required and column.name not in cells
    ]
    if missing:
        raise BadRequest(f"no column {', '.join(missing)}, which the model needs")
    chosen = {column.name: cells[column.name] for column in columns if column.name in cells}
    if not chosen or not next(iter(chosen.values())):
        raise BadRequest("there are no rows")
    return chosen
