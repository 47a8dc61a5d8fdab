from __future__ import annotations

import json

import numpy as np
import pytest

from runner.engine.sealed import seal, unseal
from runner.profile.column import Numbers, Opaque, Texts
from runner.profile.profile import Profile, decode, encode, merge_profiles, without_rare
from runner.profile.sketch import sketch_numbers

KEY = b"key"


def of(column: object) -> Profile:
    return Profile(30, {"column": column}, 30, {})  # type: ignore[dict-item]


def test_rows_of_a_part_that_lacks_a_column_count_as_missing() -> None:
    some = Profile(2, {"a": sketch_numbers(np.array([1.0, 2.0]))}, 2, {"p": Texts(2, 0, {"x": 2})})
    other = Profile(3, {"b": Texts(3, 0, {"y": 3})}, 3, {"p": Texts(3, 0, {"y": 3})})
    merged = merge_profiles([some, Profile(0), other])
    assert (merged.rows, merged.answers) == (5, 5)
    assert (merged.inputs["a"].count, merged.inputs["a"].nulls) == (2, 3)
    assert merged.inputs["b"] == Texts(3, 2, {"y": 3})
    assert merged.outputs["p"] == Texts(5, 0, {"x": 2, "y": 3})


def test_a_profile_is_read_back_as_it_was_written() -> None:
    profile = without_rare(Profile(3, {"a": Texts(3, 0, {"x": 3})}, 3, {"p": Opaque(3)}), KEY)
    assert decode(encode(profile)) == profile


def test_texts_of_few_rows_have_codes_and_those_of_many_are_told() -> None:
    finished = without_rare(of(Texts(30, 0, {"north": 20, "Ada Lovelace": 1, "e" * 81: 9})), KEY)
    column = finished.inputs["column"]
    assert isinstance(column, Texts)
    assert column.names is not None
    assert column.kinds is not None
    assert list(column.names.values()) == ["north"]
    assert sorted(column.kinds.values()) == [1, 9, 20]
    assert b"Ada" not in encode(finished)
    assert b"north" in encode(finished)


def test_a_long_text_is_never_told() -> None:
    assert b"eee" not in encode(without_rare(of(Texts(99, 0, {"e" * 81: 99})), KEY))


def test_codes_are_the_same_for_one_key_and_others_for_another() -> None:
    column = of(Texts(2, 0, {"a": 1, "b": 1}))
    assert without_rare(column, KEY) == without_rare(column, KEY)
    assert without_rare(column, KEY).codes != without_rare(column, b"other").codes
    assert without_rare(column, KEY).inputs != without_rare(column, b"other").inputs


def test_numbers_that_may_be_of_people_are_kept_in_a_few_bins() -> None:
    people = np.random.default_rng(1).choice(10**9, 400, replace=False)
    column = without_rare(of(sketch_numbers(people)), KEY).inputs["column"]
    assert isinstance(column, Numbers)
    assert (list(column.values), column.bins is None) == ([], False)
    assert column.bins is not None
    assert len(column.bins.counts) <= 64
    assert sum(column.bins.counts) == 400


@pytest.mark.parametrize(
    "values",
    [np.arange(400), np.random.default_rng(1).normal(size=400), np.arange(19) * 10**6],
    ids=["one after another", "not whole", "too few to tell"],
)
def test_other_numbers_are_counted_one_by_one(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    column = without_rare(of(sketch_numbers(values)), KEY).inputs["column"]
    assert isinstance(column, Numbers)
    assert len(column.values) == len(values)


def test_a_damaged_profile_is_refused() -> None:
    content = encode(of(Texts(30, 0, {"a": 30})))
    for damaged in (content[:-9], content.replace(b"30", b"31", 1), b"", b"\xff{}"):
        with pytest.raises(ValueError):  # noqa: PT011 - its text is of whatever is wrong
            decode(damaged)


def test_a_profile_of_another_version_is_refused() -> None:
    document = unseal(encode(of(Opaque(30))))
    del document["rows"]
    with pytest.raises(ValueError, match="KeyError"):
        decode(seal(document))
    with pytest.raises(ValueError, match="version 2"):
        decode(seal({**json.loads(json.dumps(document)), "version": 2}))
