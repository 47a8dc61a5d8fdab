"""The report of a comparison as JSON, and what is no such report."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from runner.comparison.records import cut
from runner.comparison.report import Comparison, from_json, to_json
from runner.errors import WrongUsage
from tests.comparison.reports import hostile_report, report


@pytest.mark.parametrize("made", [report(), hostile_report(), report(floor=None)])
def test_a_report_is_read_back_from_its_json(made: Comparison) -> None:
    assert from_json(json.dumps(to_json(made))) == made


def test_a_number_that_json_does_not_have_is_null_and_read_as_none_at_all() -> None:
    numbers = hostile_report().answers[1].numbers
    assert numbers is not None
    answer = replace(report().answers[0], classes=None, numbers=replace(numbers, old_mean=math.inf))
    text = json.dumps(to_json(report(answers=(answer,))), allow_nan=False)
    read = from_json(text).answers[0].numbers
    assert read is not None
    assert math.isnan(read.old_mean)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": 2},
        {"rows": "400"},
        {"rows": True},
        {"rows": 4.5},
        {"breaks": None},
        {"breaks": [{"kind": "other", "side": "new", "text": "x"}]},
        {"answers": [[]]},
        {"answers": [{}]},
        {"old": "x"},
        {"endpoint": 3},
        {"data": "x" * 10_000_000},
        {"notices": ["x"] * 100_000},
        {"more": 1},
    ],
)
def test_what_is_no_report_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(WrongUsage, match=r"r\.json is no report of") as refused:
        from_json(json.dumps({**to_json(report()), **changes}), "r.json")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("text", ["", "[]", "null", "[" * 100_000, b"\xff\xfe\xfa", "{}"])
def test_what_is_not_even_an_object_is_refused(text: str | bytes) -> None:
    with pytest.raises(WrongUsage, match="is no report of"):
        from_json(text)


def test_a_long_name_is_cut() -> None:
    assert cut("x" * 10_000_000) == "x" * 199 + "…"
    assert cut("short") == "short"


def test_shares_are_of_the_rows_that_were_compared_and_above_the_floor() -> None:
    assert report().share == pytest.approx(0.095)
    assert hostile_report().above_floor == pytest.approx(0.4)
    assert report(rows=0, changed=0, floor=None).above_floor == 0
