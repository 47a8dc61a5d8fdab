from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from runner.drift.comparison import ColumnDrift, Comparison, compare_profiles
from runner.profile.profile import Profile, decode, encode, without_rare
from runner.profile.sketch import Profiler

KEY = b"key"


def left_by(inputs: dict[str, Any], key: bytes = KEY) -> Profile:
    """Return the profile that a job with these columns leaves, read back."""
    profiler = Profiler()
    arrays = {name: pa.array(values) for name, values in inputs.items()}
    profiler.add(arrays, None, {}, len(next(iter(arrays.values()))))
    profile = profiler.finish()
    assert profile is not None
    return decode(encode(without_rare(profile, key)))


def compared(before: dict[str, Any], after: dict[str, Any]) -> Comparison:
    return compare_profiles("old", left_by(before), "new", left_by(after))


def column(before: Any, after: Any) -> ColumnDrift:
    (found,) = compared({"column": before}, {"column": after}).columns
    return found


def normal(rows: int, mean: float = 0) -> Any:
    return np.random.default_rng(rows).normal(mean, 1, rows)


def test_drift_is_said_above_the_threshold_and_above_chance_alone() -> None:
    small = column(normal(20), normal(22, 0.1))
    assert small.judged is not None
    assert small.judged.chance is not None
    assert small.judged.value > 0.1
    assert small.judged.value < small.judged.chance
    assert not small.drifted
    # Of many rows a shift that is no chance, and too small to matter.
    many = column(normal(50_000), normal(50_001, 0.05))
    assert many.judged is not None
    assert many.judged.chance is not None
    assert many.judged.chance < many.judged.value < 0.1
    assert not many.drifted
    assert column(normal(400), normal(401, 1)).drifted


@pytest.mark.parametrize(
    ("before", "after", "note"),
    [
        ([1.0, 2.0], ["a", "b"], "a number in old, text in new"),
        (["a", "b"], [1, 2], "text in old, a number in new"),
        ([None, None], [1.0, 2.0], "no value in old"),
        ([None], ["a"], "no value in old"),
        ([1.0], pa.array([None], pa.float64()), "no value in new"),
        ([None], [None], "no value in old and new"),
        ([[1], [2]], [[1], [2]], "neither numbers nor texts"),
        ([str(number) for number in range(5_000)], ["a"], "text of more than 4,096 kinds"),
    ],
)
def test_what_can_not_be_compared_is_said(before: Any, after: Any, note: str) -> None:
    found = column(before, after)
    assert (found.kind, found.measures, found.drifted) == (None, (), False)
    assert found.note is not None
    assert found.note.startswith(note)


def test_a_column_that_one_job_lacks_is_named() -> None:
    found = compared({"a": [1.0, 2.0], "b": [1.0, 2.0]}, {"a": [1.0, 2.0], "c": ["x", "y"]})
    assert [(each.name, each.note) for each in found.columns] == [
        ("a", None),
        ("b", "only in old"),
        ("c", "only in new"),
    ]
    assert found.compared == 1


def test_missing_values_are_told_apart_and_change_no_metric() -> None:
    found = column([*[None] * 100, *normal(300)], [*normal(300)])
    assert found.baseline is not None
    assert found.other is not None
    assert (found.baseline.nulls, found.baseline.null_rate) == (100, 0.25)
    assert found.other.null_rate == 0
    assert found.judged is not None
    assert found.judged.value == 0


@pytest.mark.parametrize("rows", [1, 20, 400])
def test_a_sample_of_any_size_is_compared_with_itself(rows: int) -> None:
    found = column(normal(rows), normal(rows))
    assert found.kind == "number"
    assert not found.drifted
    assert all(measure.value in (0, 1) for measure in found.measures)
    if rows == 1:
        assert found.judged is None
        assert found.note == "old has no standard deviation to measure a distance by"


def test_the_greatest_numbers_there_are_have_no_distance_and_break_nothing() -> None:
    found = column(normal(400) * 1e307, normal(300))
    assert found.judged is None
    assert found.note == "old has no standard deviation to measure a distance by"
    assert found.measure("JensenShannonDistance") is not None


def test_texts_are_compared_whether_they_are_told_or_not() -> None:
    before = {"town": ["Oslo"] * 300 + ["Bergen"] * 95 + ["Hamar"] * 5}
    after = {"town": ["Oslo"] * 200 + ["Bergen"] * 195 + ["Hamar"] * 5}
    (found,) = compared(before, after).columns
    assert found.kind == "category"
    assert found.drifted
    told = left_by(before)
    assert b"Hamar" not in encode(told)
    (other_key,) = compare_profiles("old", told, "new", left_by(after, b"other")).columns
    assert other_key.note == "texts of two workspaces, whose codes are not the same"


def test_classes_are_categories_and_so_are_whole_numbers_of_few_values() -> None:
    found = column([0] * 300 + [1] * 100, [0] * 200 + [1] * 200)
    assert (found.kind, found.drifted) == ("category", True)
    assert found.measure("PearsonsChiSquaredTest") is not None


def test_whole_numbers_and_others_are_compared_and_it_is_said_that_azure_does_not() -> None:
    found = column([1, 2, 3], [1.0, 2.5, 3.0])
    assert found.kind == "number"
    assert found.note == ("whole numbers in old and others in new, which Azure does not compare")


def test_what_is_infinite_is_left_out_and_told() -> None:
    found = column([1.0, 2.0, float("inf")], [1.0, 2.0])
    assert found.note == "without what is infinite: 1 in old"
    assert found.baseline is not None
    assert found.baseline.values == 3
    assert found.judged is not None
    assert found.judged.value == 0


def test_only_what_is_infinite_is_no_value_to_compare() -> None:
    assert column([float("inf")] * 3, [1.0, 2.0]).note == "no value in old"
