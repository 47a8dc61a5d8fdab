"""Counts the rows of a batch job's output, in any of the forms that Azure writes.

The form depends on the age of the service and on the deployment: rows of an MLflow model have cells
between commas (see `runner.predictions`) or are Python lists (`['file', 'prediction']`), and the
DataFrame of a scoring script has blanks between its cells.
"""

from __future__ import annotations

import csv
import json
from ast import literal_eval
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from runner.predictions import read_line
from runner.tally import ONLY, Tally, count_texts, merge

_ROWS_AT_ONCE = 50_000  # counted together; bounds the memory that a large output takes
_LONGEST_CELL = (1 << 31) - 1  # characters; the default of Python's reader is 131,072
_MOST_COLUMNS = 20  # more columns are an embedding, which nobody wants counted


def count(files: list[Path]) -> tuple[int, int, Tally]:
    """Return the number of rows, the number of files that they name, and the predictions' tally.

    The last two are known for an MLflow model only, and are 0 and empty for any other output. An
    MLflow model's rows are numbered from 0 in each file, or are lists of a file and a prediction.
    """
    rows, names, begun = 0, set[str](), set[str]()
    numbered, listed = 0, 0
    counted = Tally()
    for file in files:
        for lines in _batches(_rows(file)):
            rows += len(lines)
            answers: dict[str, list[str]] = {}
            for line in lines:
                if isinstance(line, _Listed):
                    listed += 1
                    answers.setdefault(ONLY, []).append(line[1])
                elif known := read_line(line):
                    numbered += 1
                    names.add(known.file)
                    if known.row == "0":
                        begun.add(known.file)
                    for name, cell in _columns(known.prediction):
                        answers.setdefault(name, []).append(cell)
            counted = merge([counted.as_dict(), _document(answers)])
    shaped = listed or numbered
    named = len(names) if numbered == rows and begun == names else 0
    return rows, named, counted if shaped == rows else Tally()


class _Listed(list[str]):
    """A row that was a Python list of a file and its prediction."""


def _rows(file: Path) -> Iterator[list[str]]:
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        first = lines.readline()
        lines.seek(0)
        if first.startswith("["):
            yield from map(_listed, lines)
        else:
            csv.field_size_limit(_LONGEST_CELL)
            yield from csv.reader(lines, delimiter=_delimiter(first))


def _delimiter(line: str) -> str:
    return "," if "," in line or " " not in line else " "


def _listed(line: str) -> list[str]:
    try:
        elements = literal_eval(line.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return [line]
    if isinstance(elements, list) and len(elements) == 2 and isinstance(elements[0], str):
        return _Listed(map(str, elements))
    return [line]


def _columns(cells: Sequence[str]) -> list[tuple[str, str]]:
    """Return an answer's values by column: the parts of a JSON cell, or several cells by place."""
    if len(cells) > 1:
        named = [(str(place), cell) for place, cell in enumerate(cells)]
        return named if len(named) <= _MOST_COLUMNS else []
    if not cells[0].startswith(("{", "[")):
        return [(ONLY, cells[0])]
    try:
        answer = json.loads(cells[0])
    except ValueError:
        return []
    parts = answer.items() if isinstance(answer, dict) else enumerate(answer)
    if len(answer) > _MOST_COLUMNS:
        return []
    scalars = ((name, value) for name, value in parts if not isinstance(value, (dict, list)))
    return [(str(name), "" if value is None else str(value)) for name, value in scalars]


def _document(answers: dict[str, list[str]]) -> dict[str, Any]:
    counted = {name: count_texts(cells) for name, cells in answers.items()}
    if counted.keys() <= {ONLY}:
        return counted.get(ONLY, {})
    return {"columns": counted}


def _batches(rows: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    batch: list[list[str]] = []
    for row in rows:
        batch.append(row)
        if len(batch) >= _ROWS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
