"""Counting predictions so that the counts of mini-batches add up."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.tally import (
    MOST_CLASSES,
    OTHER,
    Numbers,
    Tally,
    bucket,
    buckets_of,
    count_texts,
    histogram,
    in_order,
    merge,
    middle,
    told,
)

numbers = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda value: value == 0 or 1e-300 < abs(value) < 1e300
)


@settings(deadline=None)
@given(numbers)
def test_a_bucket_stands_for_its_numbers_within_one_percent(value: float) -> None:
    assert math.isclose(middle(bucket(value)), value, rel_tol=0.01 + 1e-9)


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 9)), max_size=8))
def test_classes_add_up(parts: list[dict[str, int]]) -> None:
    merged = merge({"classes": part} for part in parts)
    assert merged.classes == {
        name: sum(part.get(name, 0) for part in parts) for name in {n for p in parts for n in p}
    }
    assert not merged.buckets


@settings(deadline=None)
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


@settings(deadline=None)
@given(st.lists(numbers, max_size=20))
def test_many_numbers_at_once_fall_into_the_buckets_of_each(values: list[float]) -> None:
    assert buckets_of(np.array(values, dtype=float)) == Counter(map(bucket, values))


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


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(-(10**9), 10**9), max_size=9), max_size=5))
def test_figures_are_those_of_all_numbers_however_they_are_split(parts: list[list[int]]) -> None:
    values = [value + 0.5 for part in parts for value in part]
    split = [count_texts([str(value + 0.5) for value in part]) for part in parts]
    for order in (split, split[::-1]):
        numbers = merge(order).numbers
        if not values:
            assert numbers is None
            continue
        assert numbers is not None
        assert (numbers.count, numbers.min, numbers.max) == (len(values), min(values), max(values))
        assert numbers.mean == math.fsum(values) / len(values)
        median = sorted(values)[(len(values) - 1) // 2]
        assert math.isclose(numbers.median, median, rel_tol=0.011)


def test_the_mean_is_the_same_in_any_order() -> None:
    parts = [{"buckets": {"0": 1}, "sum": value} for value in (0.1, 1e16, -1e16, 0.2)]
    means = {
        merge(order).numbers.mean  # type: ignore[union-attr]
        for order in itertools.permutations(parts)
    }
    assert len(means) == 1


def test_a_merged_tally_merges_again_without_loss() -> None:
    parts = [
        count_texts([str(number / 3) for number in range(start, start + 9)]) for start in (1, 50)
    ]
    assert merge([merge(parts).as_dict()]) == merge(parts)
    columns = [{"columns": {"a": part, "b": {"classes": {"x": 1}}}} for part in parts]
    assert merge([merge(columns).as_dict()]) == merge(columns)
    assert json.loads(json.dumps(merge(columns).as_dict())) == merge(columns).as_dict()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(2, 20))
def test_of_several_columns_few_buckets_are_kept_and_the_median_still_stands_in_the_middle(
    seed: int, wide: int
) -> None:
    values = np.random.default_rng(seed).lognormal(sigma=3, size=4000)
    column = Tally(buckets=buckets_of(values), sum=1.0, min=0.0, max=9.0)
    kept = Tally(columns={str(place): column for place in range(wide)}).as_dict()["columns"]
    assert sum(len(tally["buckets"]) for tally in kept.values()) <= 26 * 20
    for tally in kept.values():
        assert sum(tally["buckets"].values()) == len(values)
        assert (tally["sum"], tally["min"], tally["max"]) == (1.0, 0.0, 9.0)
    numbers = merge([{"buckets": kept["0"]["buckets"]}]).numbers
    assert numbers is not None
    assert 0.46 < (values <= numbers.median).mean() < 0.54


def test_a_journal_of_an_earlier_version_has_figures_from_its_buckets() -> None:
    old = {"buckets": {bucket(10.0): 1, bucket(200.0): 3}}
    for parts in ([old], [old, count_texts(["20.5"])]):
        numbers = merge(parts).numbers
        assert numbers is not None
        assert math.isclose(numbers.min, 10, rel_tol=0.011)
        assert math.isclose(numbers.max, 200, rel_tol=0.011)


def test_whole_numbers_that_join_other_numbers_count_in_the_figures() -> None:
    numbers = merge([{"classes": {"3": 2}}, count_texts(["0.5"])]).numbers
    assert numbers == Numbers(count=3, min=0.5, median=3, mean=6.5 / 3, max=3)


def test_classes_stand_in_the_order_of_their_numbers_and_words_after_them() -> None:
    names = ["b", "10", "(empty)", "2", "-1", "0.5", "a", "11", "0"]
    assert list(in_order(dict.fromkeys(names, 1))) == [
        *("-1", "0", "0.5", "2", "10", "11"),
        *("a", "b", "(empty)"),
    ]


def test_columns_add_up_each_by_itself_and_what_is_one_value_beside_them() -> None:
    merged = merge(
        [
            {"columns": {"label": {"classes": {"a": 1}}, "score": count_texts(["0.5"])}},
            {"columns": {"label": {"classes": {"a": 2}}}},
            {"classes": {"x": 1}},
            {},
        ]
    )
    assert told(merged) == {
        "label": {"classes": {"a": 3}},
        "score": {"count": 1, "min": 0.5, "median": 0.5, "mean": 0.5, "max": 0.5},
        "prediction": {"classes": {"x": 1}},
    }


def test_cells_are_classes_or_numbers_by_how_they_are_written() -> None:
    assert count_texts(["1", "0", "1"]) == {"classes": {"1": 2, "0": 1}}
    assert count_texts(["1.0", "", "inf"])["buckets"] == {bucket(1.0): 1}
    assert count_texts(["a", ""]) == {"classes": {"a": 1, "(empty)": 1}}
    assert count_texts(["nan", "inf"]) == {}
    assert sum(count_texts([str(number) for number in range(60)])["buckets"].values()) == 60
    assert count_texts([f"text {number}" for number in range(60)]) == {"classes": {OTHER: 60}}


def test_bars_are_of_one_width_and_cover_the_numbers() -> None:
    bars = histogram(merge([{"buckets": {bucket(value): 1 for value in (-4.0, 0.0, 8.0)}}]), 6)
    assert len(bars) == 6
    assert bars[0].low <= -3.9
    assert bars[-1].high >= 7.9
    assert [bar.count for bar in bars] == [1, 0, 1, 0, 0, 1]


def test_equal_numbers_are_one_bar_and_classes_are_none() -> None:
    assert [bar.count for bar in histogram(Tally(buckets={"0": 3}))] == [3]
    assert histogram(Tally(classes={"a": 1})) == []
