"""Cells as the numbers of a signature."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from runner.engine.mlmodel import Column
from runner.local.serving.numbers import are_numbers, typed_table
from runner.local.serving.tables import BadRequest


def read(kind: str, *cells: Any) -> list[Any]:
    values: list[Any] = typed_table({"x": cells}, [Column("x", kind)]).column("x").to_pylist()
    return values


def test_numbers_are_read_as_pandas_reads_them() -> None:
    assert read("double", 1, 2.5, True, "3.5") == [1.0, 2.5, 1.0, 3.5]
    assert read("long", 1, False, "3", 2**53 + 1) == [1, 0, 3, 2**53 + 1]
    assert read("integer", -(2**31), 2**31 - 1) == [-(2**31), 2**31 - 1]
    assert read("float", 0.1) == [pytest.approx(0.1)]


def test_the_last_bit_of_a_number_is_that_of_pandas_parser() -> None:
    import io
    import random

    import pandas as pd

    draw = random.Random(5)  # noqa: S311 (numbers, not secrets)
    numbers = [draw.uniform(-1, 1) * 10 ** draw.randint(-20, 20) for _ in range(2000)]
    numbers += [round(draw.uniform(0, 100), draw.randint(0, 5)) for _ in range(2000)]
    numbers += [1.7, 5e-324, 1.7976931348623157e308, 1e16, 123456789012345.67, -0.0]
    table = io.StringIO(json.dumps({"columns": ["x"], "data": [[number] for number in numbers]}))
    theirs = pd.read_json(table, orient="split", dtype=False)
    assert read("double", *numbers) == theirs["x"].tolist()


def test_a_whole_number_is_cut_off_and_goes_round_as_in_pandas() -> None:
    assert read("long", 1.7, -1.7, 2.0) == [1, -1, 2]
    assert read("long", 2**63) == [-(2**63)]
    assert read("integer", 2**31, -(2**31) - 1) == [-(2**31), 2**31 - 1]


def test_null_is_a_missing_number_where_the_type_has_one() -> None:
    assert math.isnan(read("double", None)[0])
    with pytest.raises(BadRequest, match="row 1, column 'x': null is not a long"):
        read("long", 1, None)


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("double", "old"),
        ("double", [1]),
        ("double", {}),
        ("long", "1.0"),
        ("long", math.inf),
        ("long", math.nan),
        ("long", 2**64),
        ("integer", "3000000000"),
    ],
)
def test_what_is_no_such_number_is_refused_with_its_place(kind: str, cell: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        read(kind, 1, cell)
    article = "an" if kind == "integer" else "a"
    assert str(refused.value) == f"row 1, column 'x': {cell!r} is not {article} {kind}"


def test_only_numbers_that_must_be_there_are_all_numbers() -> None:
    assert are_numbers([Column("x", "double"), Column("y", "integer")])
    assert not are_numbers([])
    assert not are_numbers([Column("x", "string")])
    assert not are_numbers([Column("x", "double", required=False)])


def test_columns_that_pandas_may_take_for_dates_or_numbers_are_not_counted() -> None:
    for name in ("1", "2024-01-31", "May", "nan", "12h", "t"):
        assert not are_numbers([Column(name, "double")])
        assert are_numbers([Column(name, "double"), Column("age", "double")])
