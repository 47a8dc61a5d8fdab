from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runner.profile.column import (
    MOST_TEXTS,
    MOST_VALUES,
    Column,
    Numbers,
    Opaque,
    Texts,
    as_document,
    exponent_for,
    from_document,
    merge_columns,
    place,
)
from runner.profile.sketch import sketch_numbers

RANDOM = np.random.default_rng(5)


def numbers(column: Column) -> Numbers:
    assert isinstance(column, Numbers)
    return column


def distribution(column: Column) -> object:
    found = numbers(column)
    return list(found.values), list(found.counts), found.bins


@pytest.mark.parametrize(
    "rows",
    [
        RANDOM.normal(size=3_000),
        RANDOM.normal(size=40_000),
        np.round(RANDOM.normal(30, 5, 30_000), 1),
        RANDOM.integers(-5, 90, 30_000),
        RANDOM.integers(-(10**12), 10**12, 30_000),
        np.concatenate([RANDOM.normal(size=30_000), [1e9, -3e7]]),
    ],
    ids=["few", "many", "decimals", "whole", "far apart", "outliers"],
)
def test_however_rows_are_dealt_out_their_columns_merge_to_the_same(
    rows: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    whole = sketch_numbers(rows)
    shuffled = RANDOM.permutation(rows)
    for parts in (2, 7, 50):
        cut = np.sort(RANDOM.integers(0, len(rows), parts))
        merged = merge_columns([sketch_numbers(part) for part in np.split(shuffled, cut)])
        assert distribution(merged) == distribution(whole)
        found = numbers(merged)
        assert (found.count, found.low, found.high) == (whole.count, whole.low, whole.high)
        assert found.mean == pytest.approx(whole.mean, rel=1e-12, abs=1e-9)
        assert found.deviation == pytest.approx(whole.deviation, rel=1e-9)


@pytest.mark.parametrize("low", [0.0, 5.0, -5.0])
@pytest.mark.parametrize("few", [[0.05], [0.05] * 1_000, [0.05, 0.05 + 1e-9]])
def test_a_part_of_few_close_values_keeps_its_place_among_narrow_bins(
    low: float, few: list[float]
) -> None:
    many, few_there = low + RANDOM.random(40_000) / 10, low + np.array(few)
    merged = merge_columns([sketch_numbers(many), sketch_numbers(few_there)])
    assert distribution(merged) == distribution(sketch_numbers(np.concatenate([many, few_there])))


def test_a_part_of_one_great_value_is_counted() -> None:
    many, greatest = RANDOM.random(40_000) * 1e307, np.array([1.5e306])
    merged = merge_columns([sketch_numbers(many), sketch_numbers(greatest)])
    assert distribution(merged) == distribution(sketch_numbers(np.concatenate([many, greatest])))


def test_merging_in_groups_is_merging_at_once() -> None:
    parts = [sketch_numbers(RANDOM.normal(size=1_500) * 10.0**scale) for scale in range(20)]
    groups = [merge_columns(parts[start : start + 4]) for start in range(0, 20, 4)]
    assert distribution(merge_columns(groups)) == distribution(merge_columns(parts))


def test_the_mean_and_deviation_are_those_of_the_rows() -> None:
    rows = RANDOM.gamma(2, 3, 50_000) + 1e6
    found = merge_columns([sketch_numbers(part) for part in np.array_split(rows, 9)])
    assert numbers(found).mean == pytest.approx(rows.mean(), rel=1e-14)
    assert numbers(found).deviation == pytest.approx(rows.std(ddof=1), rel=1e-9)


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_bins_are_as_narrow_as_they_may_be(some: float, other: float) -> None:
    low, high = min(some, other), max(some, other)
    # As far apart as they are where there are values for so many bins.
    assume(high / 2 - low / 2 > MOST_VALUES * math.ulp(max(-low, high)))
    exponent = exponent_for(low, high)
    assert place(high, exponent) - place(low, exponent) < MOST_VALUES
    if exponent > -900:
        assert place(high, exponent - 1) - place(low, exponent - 1) >= MOST_VALUES


def test_a_bin_is_narrower_than_the_range_by_8192() -> None:
    found = sketch_numbers(RANDOM.random(30_000) * 77)
    assert found.bins is not None
    assert found.bins.width < (found.high - found.low) / 8_192


def test_the_greatest_numbers_are_counted_too() -> None:
    found = sketch_numbers(np.linspace(-1, 1, 20_001) * 1.7e308)
    assert found.bins is not None
    assert sum(found.bins.counts) == 20_001
    assert math.isfinite(found.mean)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_part_without_a_value_says_nothing_of_the_type(order: Sequence[int]) -> None:
    parts: list[Column] = [Opaque(0, 3), Numbers(0, 2), sketch_numbers(np.array([1.0, 2.0]))]
    found = numbers(merge_columns(parts[index] for index in order))
    assert (found.count, found.nulls, list(found.values)) == (2, 5, [1.0, 2.0])


def test_numbers_here_and_texts_there_are_neither() -> None:
    found = merge_columns([sketch_numbers(np.array([1.0])), Texts(2, 1, {"a": 2})])
    assert found == Opaque(3, 1)


def test_texts_add_up_until_they_are_too_many_kinds() -> None:
    some = Texts(3, 0, {"a": 2, "b": 1})
    assert merge_columns([some, Texts(1, 1, {"b": 1})]) == Texts(4, 1, {"a": 2, "b": 2})
    many = Texts(MOST_TEXTS, 0, {f"n{number}": 1 for number in range(MOST_TEXTS)})
    assert merge_columns([many, some]) == Texts(MOST_TEXTS + 3, 0, None)
    assert merge_columns([Texts(5, 0, None), some]) == Texts(8, 0, None)


@pytest.mark.parametrize(
    "column",
    [
        sketch_numbers(RANDOM.normal(size=50)),
        sketch_numbers(RANDOM.normal(size=30_000)),
        sketch_numbers(np.array([3], np.int64).repeat(70_000), nulls=4),
        sketch_numbers(np.array([np.inf, np.nan])),
        Numbers(0),
        Texts(3, 1, {"a": 2, "b": 1}),
        Texts(3, 1, {"0f": 3}, {"0f": "a"}),
        Texts(3, 1, None),
        Opaque(3, 1),
    ],
    ids=lambda column: type(column).__name__,
)
def test_a_column_is_read_back_as_it_was_written(column: Column) -> None:
    found = from_document(as_document(column))
    if isinstance(column, Numbers):
        assert distribution(found) == distribution(column)
        assert as_document(found) == as_document(column)
    else:
        assert found == column


def test_folding_keeps_every_row_in_its_bin() -> None:
    rows = RANDOM.uniform(-40, 90, 30_000)
    bins = sketch_numbers(rows).bins
    assert bins is not None
    for exponent in (bins.exponent + 1, bins.exponent + 5, bins.exponent + 30):
        folded = bins.folded(exponent)
        expected = [0] * len(folded.counts)
        for value in rows.tolist():
            expected[place(value, exponent) - folded.first] += 1
        assert list(folded.counts) == expected
