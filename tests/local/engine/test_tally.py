"""Counting predictions so that the counts of mini-batches add up."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from runner.local.engine.tally import MOST_CLASSES, OTHER, Tally, bucket, histogram, merge, middle

numbers = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda value: value == 0 or 1e-300 < abs(value) < 1e300
)


@given(numbers)
def test_a_bucket_stands_for_its_numbers_within_one_percent(value: float) -> None:
    assert math.isclose(middle(bucket(value)), value, rel_tol=0.01 + 1e-9)


@given(st.lists(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 9)), max_size=8))
def test_classes_add_up(parts: list[dict[str, int]]) -> None:
    merged = merge({"classes": part} for part in parts)
    assert merged.classes == {
        name: sum(part.get(name, 0) for part in parts) for name in {n for p in parts for n in p}
    }
    assert not merged.buckets


@given(st.lists(st.lists(numbers, max_size=9), max_size=5))
def test_numbers_add_up_however_they_are_split(parts: list[list[float]]) -> None:
    def tally(values: list[float]) -> dict[str, dict[str, int]]:
        buckets: dict[str, int] = {}
        for value in values:
            buckets[bucket(value)] = buckets.get(bucket(value), 0) + 1
        return {"buckets": buckets}

    split = merge(tally(part) for part in parts)
    assert split.buckets == tally([value for part in parts for value in part])["buckets"]
    assert sum(bar.count for bar in histogram(split)) == sum(map(len, parts))


def test_classes_that_turn_out_too_many_become_buckets_when_they_are_numbers() -> None:
    half = MOST_CLASSES // 2 + 1
    merged = merge(
        {"classes": {str(i): 1 for i in range(start, start + half)}} for start in (0, half)
    )
    assert not merged.classes
    assert sum(merged.buckets.values()) == 2 * half


def test_of_free_text_in_too_many_kinds_the_most_frequent_are_told() -> None:
    texts = {f"text {i}": 1 for i in range(MOST_CLASSES + 1)} | {"often": 9}
    merged = merge([{"classes": texts}, {"classes": {OTHER: 5}}])
    assert len(merged.classes) == MOST_CLASSES
    assert merged.classes["often"] == 9
    assert sum(merged.classes.values()) == sum(texts.values()) + 5


def test_whole_numbers_join_the_histogram_of_other_mini_batches() -> None:
    merged = merge([{"classes": {"3": 2, "(empty)": 1}}, {"buckets": {bucket(3.0): 5}}])
    assert merged.buckets == {bucket(3.0): 7}


def test_bars_are_of_one_width_and_cover_the_numbers() -> None:
    bars = histogram(merge([{"buckets": {bucket(value): 1 for value in (-4.0, 0.0, 8.0)}}]), 6)
    assert len(bars) == 6
    assert bars[0].low <= -3.9
    assert bars[-1].high >= 7.9
    assert [bar.count for bar in bars] == [1, 0, 1, 0, 0, 1]


def test_equal_numbers_are_one_bar_and_classes_are_none() -> None:
    assert [bar.count for bar in histogram(Tally(buckets={"0": 3}))] == [3]
    assert histogram(Tally(classes={"a": 1})) == []
