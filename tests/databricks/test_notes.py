"""What tags keep of a model's version, within what Unity Catalog takes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.databricks.notes import Note, read_note, tags_of
from runner.errors import WrongUsage
from runner.workspace import Origin

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
NOTES = st.builds(
    Note,
    content_hash=st.just("ab" * 32),
    tags=st.dictionaries(TEXTS, TEXTS, max_size=6),
    properties=st.dictionaries(TEXTS, TEXTS, max_size=6),
    base_name=TEXTS,
    stage=st.none() | TEXTS,
    job=st.none() | TEXTS,
    origin=st.none()
    | st.builds(
        Origin,
        run=TEXTS,
        commit=st.none() | TEXTS,
        data=st.dictionaries(TEXTS, TEXTS, max_size=3),
        metrics=st.dictionaries(TEXTS, st.floats(allow_nan=False), max_size=6),
    ),
)


@given(NOTES)
def test_a_note_is_read_as_it_was_kept(note: Note) -> None:
    tags = tags_of(note)
    assert read_note(tags) == note
    assert len(tags) <= 50
    for key, value in tags.items():
        assert re.fullmatch(r"[^.,\-=/:]{1,255}", key)
        assert 0 < len(value) <= 1000


def test_tags_that_unity_catalog_takes_stay_tags() -> None:
    tags = tags_of(Note("ab", tags={"team": "birds", "a.b": "c", "runner_note": "mine"}))
    assert tags["team"] == "birds"
    assert "a.b" not in tags
    assert read_note(tags).tags == {"team": "birds", "a.b": "c", "runner_note": "mine"}


def test_where_a_model_came_from_can_be_read_by_everybody() -> None:
    tags = tags_of(Note("ab", job="fit-1", origin=Origin("r1", "c0ffee")))
    told = (tags["runner_job"], tags["runner_run"], tags["runner_commit"])
    assert told == ("fit-1", "r1", "c0ffee")


@pytest.mark.parametrize("text", ["no JSON", "[1]"])
def test_tags_of_somebody_else_are_theirs(text: str) -> None:
    note = read_note({"team": "birds", "runner_note": "{"})
    assert (note.tags, note.content_hash, note.job) == ({"team": "birds"}, "", None)


def test_more_than_tags_can_hold_is_refused() -> None:
    with pytest.raises(WrongUsage, match="60 tags and 0 properties are more than"):
        tags_of(Note("ab", tags={f"tag{number}": "x" for number in range(60)}))


def test_of_very_many_metrics_the_first_are_kept() -> None:
    metrics = {f"m{number}": float(number) for number in range(300)}
    kept = read_note(tags_of(Note("ab", origin=Origin("r", metrics=metrics)))).origin
    assert kept is not None
    assert len(kept.metrics) == 100
