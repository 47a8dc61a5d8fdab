from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from runner.profile.column import MOST_TEXTS, MOST_VALUES, Column, Numbers, Opaque, Texts
from runner.profile.sketch import Profiler, frame_columns, sketch_numbers, wanted


def profiled(values: Any) -> Column:
    profiler = Profiler()
    profiler.add({"column": pa.array(values)}, len(values), {}, 0)
    profile = profiler.finish()
    assert profile is not None
    return profile.inputs["column"]


def numbers(values: Any) -> Numbers:
    found = profiled(values)
    assert isinstance(found, Numbers)
    return found


def test_each_value_is_counted_and_missing_ones_apart() -> None:
    found = numbers([1.5, None, 1.5, 4.0, float("nan"), float("inf"), float("-inf")])
    assert (list(found.values), list(found.counts)) == ([1.5, 4.0], [2, 1])
    assert (found.count, found.nulls, found.infinite, found.whole) == (3, 2, 2, False)


@pytest.mark.parametrize(
    ("values", "whole"),
    [
        (np.array([3, -1, 3], np.int8), True),
        (np.array([3, 2**62], np.uint64), True),
        (np.array([0.5, 3], np.float32), False),
        ([Decimal("0.10"), Decimal("3.00")], False),
    ],
)
def test_numbers_of_every_type_are_numbers(values: Any, whole: bool) -> None:
    found = numbers(values)
    assert found.whole is whole
    assert list(found.values) == sorted({float(value) for value in values})


@pytest.mark.parametrize("digits", [0, 1, 2, 3, 4, 5])
def test_numbers_with_few_digits_are_counted_as_those_that_are_sorted(digits: int) -> None:
    rows = np.round(np.random.default_rng(digits).normal(30, 1, 20_000), digits)
    values, counts = np.unique(rows, return_counts=True)
    found = sketch_numbers(rows)
    if len(values) <= MOST_VALUES:
        assert (list(found.values), list(found.counts)) == (values.tolist(), counts.tolist())
    else:
        assert found.bins is not None


def test_a_number_just_beside_one_of_few_digits_is_another_one() -> None:
    rows = np.array([*[0.1] * 70, np.nextafter(0.1, 1), 0.3, 0.1 + 0.2])
    assert list(sketch_numbers(rows).values) == sorted(set(rows.tolist()))


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        (["a", "b", None, "a"], {"a": 2, "b": 1}),
        ([True, False, None, True], {"true": 2, "false": 1}),
        ([pd.Timestamp("2024-05-01"), None], {"2024-05-01 00:00:00.000000": 1}),
    ],
)
def test_texts_truth_values_and_times_are_counted_by_kind(
    values: list[Any], kinds: dict[str, int]
) -> None:
    found = profiled(pa.array(values, from_pandas=True))
    assert isinstance(found, Texts)
    assert (found.kinds, found.nulls) == (kinds, 1 if None in values else 0)


def test_text_of_too_many_kinds_is_only_counted() -> None:
    assert profiled([f"note {row}" for row in range(MOST_TEXTS + 1)]) == Texts(4_097, 0, None)


@pytest.mark.parametrize("values", [[[1, 2], None], [{"a": 1}, None], [b"\xff", None]])
def test_what_is_neither_number_nor_text_is_only_counted(values: list[Any]) -> None:
    assert profiled(values) == Opaque(1, 1)


def test_a_column_without_a_value_is_no_type() -> None:
    assert profiled([None, None]) == Opaque(0, 2)


def test_a_column_that_a_file_lacks_is_missing_in_its_rows() -> None:
    profiler = Profiler()
    profiler.add({"a": pa.array([1.0])}, 1, {}, 1)
    profiler.add({"b": pa.array(["x", "y"])}, 2, {}, 2)
    profile = profiler.finish()
    assert profile is not None
    assert (profile.rows, profile.answers) == (3, 3)
    assert (profile.inputs["a"].count, profile.inputs["a"].nulls) == (1, 2)
    assert (profile.inputs["b"].count, profile.inputs["b"].nulls) == (2, 1)


def test_columns_of_a_data_frame_that_arrow_can_not_hold_are_only_counted() -> None:
    frame = pd.DataFrame({"a": [1, "x", None], "b": [1.5, np.nan, 2], 7: ["u", None, "v"]})
    profiler = Profiler()
    profiler.add(frame_columns(frame), None, {}, 3)
    profile = profiler.finish()
    assert profile is not None
    assert profile.inputs["a"] == Opaque(3)
    assert (profile.inputs["b"].count, profile.inputs["b"].nulls) == (2, 1)
    assert profile.inputs["7"] == Texts(2, 1, {"u": 1, "v": 1})


def test_what_can_not_be_counted_costs_the_profile_and_no_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    profiler = Profiler()
    profiler.add({"a": object()}, 1, {}, 0)
    assert profiler.finish() is None
    assert "AttributeError" in capsys.readouterr().err


def test_a_profile_is_made_unless_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNNER_PROFILE", raising=False)
    assert wanted()
    monkeypatch.setenv("RUNNER_PROFILE", "off")
    assert not wanted()
