"""Reading the body of a request to an MLflow model.

Azure's MLflow deployments take `input_data`; MLflow's own server takes the other four. All of
them hold rows or columns, by name or by position.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from runner.engine.mlmodel import Column

Form = Literal["input_data", "dataframe_split", "dataframe_records", "instances", "inputs"]
FORMS: tuple[Form, ...] = get_args(Form)
MAX_BODY = 10_000_000  # bytes; what a managed online endpoint takes

_SPLIT = frozenset({"columns", "index", "data"})
_LONGEST_SHOWN = 60  # characters of a value in a message


class BadRequest(Exception):
    """A body that can't be scored; its text says why and names row and column."""


@dataclass(frozen=True)
class ScoringRequest:
    """A body as it was read: one of the forms, and the model's parameters."""

    form: Form
    content: Any
    params: Mapping[str, Any] | None = None

    @property
    def is_split(self) -> bool:
        """Whether the content is a table as pandas splits it: columns, index, data."""
        return (
            isinstance(self.content, dict)
            and "data" in self.content
            and self.content.keys() <= _SPLIT
        )


def read_request(body: bytes) -> ScoringRequest:
    """Read a body. Raises BadRequest unless it is a JSON object with exactly one of the forms."""
    try:
        document = json.loads(body.decode())
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"the body is not JSON: {error.msg} ({place})") from None
    except (RecursionError, ValueError):
        raise BadRequest("the body is JSON nested too deep, or with a number too long") from None
    allowed = ", ".join(FORMS)
    if not isinstance(document, dict):
        raise BadRequest(f"the body must be a JSON object with one of {allowed}")
    found = [key for key in document if key in FORMS]
    unknown = [key for key in document if key not in (*FORMS, "params")]
    if len(found) != 1 or unknown:
        keys = ", ".join(map(shown, document)) or "none"
        raise BadRequest(
            f"the body must have exactly one of {allowed}, and may have params: {keys}"
        )
    params = document.get("params")
    if params is not None and not isinstance(params, dict):
        raise BadRequest("params must be an object")
    return ScoringRequest(cast(Form, found[0]), document[found[0]], params)


def take_columns(request: ScoringRequest, columns: Sequence[Column]) -> dict[str, list[Any]]:
    """The cells of each of a signature's columns, in its order; an optional one may be absent.

    What has no names is taken by position. Other columns are ignored, as MLflow does.
    Raises BadRequest naming the column that is missing, or the row that is not like the others.
    """
    content = request.content
    names = [one.name for one in columns]
    if request.form == "dataframe_split" and not request.is_split:
        raise BadRequest("dataframe_split must be an object of columns, index and data")
    if request.form == "dataframe_records" and not isinstance(content, list):
        raise BadRequest("dataframe_records must be a list of objects")
    if request.is_split:
        cells = _from_split(content, names)
    elif isinstance(content, list) and content and all(isinstance(one, dict) for one in content):
        cells = _from_records(content, columns)
    elif isinstance(content, list) and request.form != "dataframe_records":
        cells = _from_rows(content, names)
    elif isinstance(content, dict):
        cells = _from_columns(content)
    else:
        raise BadRequest(f"{request.form} must hold rows or columns")
    return _chosen(cells, columns)


def shown(value: Any) -> str:
    """A value as a message shows it: on one line, and not all of a long one."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


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
            raise BadRequest(
                f"row {number} has {len(row)} cells, and there are {len(names)} columns:"
                f" {', '.join(map(shown, names))}"
            )
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
    missing = [shown(one.name) for one in columns if one.required and one.name not in cells]
    if missing:
        raise BadRequest(f"no column {', '.join(missing)}, which the model needs")
    chosen = {one.name: cells[one.name] for one in columns if one.name in cells}
    if not chosen or not next(iter(chosen.values())):
        raise BadRequest("there are no rows")
    return chosen
