"""The record of a model's version, kept as tags within the limits of Unity Catalog.

Tags that it takes are kept as they are, and the job, the run and the commit that a model came from
are tags of our own. The rest of what is known of a version, and what it does not take as a tag, is
JSON in further tags, cut into pieces that are short enough.
https://learn.microsoft.com/azure/databricks/database-objects/tags#constraint
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from runner.errors import WrongUsage
from runner.jobs.logged_models import MOST_METRICS
from runner.workspace import Origin

HASH = "content_hash"
REQUEST = "runner_request"  # the request by which a version was begun
_JOB, _RUN, _COMMIT = "runner_job", "runner_run", "runner_commit"
_NOTE = "runner_note"  # and runner_note_2, ...
_OURS = re.compile(rf"{HASH}|{REQUEST}|{_JOB}|{_RUN}|{_COMMIT}|{_NOTE}(_\d+)?")
_KEY = re.compile(r"(?! )[^.,\-=/:]{1,255}(?<! )")
_LONGEST = 1000  # characters of a value
_MOST = 50  # tags of a version


@dataclass(frozen=True)
class Note:
    """The facts about a version for which Unity Catalog has no place of its own."""

    content_hash: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    base_name: str = ""
    stage: str | None = None
    job: str | None = None
    origin: Origin | None = None


def tags_of(note: Note) -> dict[str, str]:
    """Return the tags that keep a note. Raises WrongUsage where it is more than tags can hold."""
    origin = note.origin or Origin()
    plain = {
        key: value
        for key, value in note.tags.items()
        if _KEY.fullmatch(key) and not _OURS.fullmatch(key) and _is_value(value)
    }
    came_from = {_JOB: note.job, _RUN: origin.run, _COMMIT: origin.commit}
    named = {key: value for key, value in came_from.items() if value and _is_value(value)}
    known = {
        "tags": {key: value for key, value in note.tags.items() if key not in plain},
        "properties": dict(note.properties),
        "base_name": note.base_name,
        "stage": note.stage,
        "data": dict(origin.data),
        "metrics": dict(islice(origin.metrics.items(), MOST_METRICS)),
        **{key: value for key, value in came_from.items() if key not in named},
    }
    text = json.dumps({key: value for key, value in known.items() if value})
    pieces = [text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST)]
    names = (_NOTE, *(f"{_NOTE}_{number}" for number in range(2, len(pieces) + 1)))
    kept = plain | named | dict(zip(names, pieces, strict=True))
    if len(kept) > _MOST - 2:
        raise WrongUsage(
            f"{len(note.tags)} tags and {len(note.properties)} properties are more than Unity"
            f" Catalog keeps with a model, which is {_MOST} tags of {_LONGEST} characters: leave"
            " some out"
        )
    return kept | {HASH: note.content_hash}


def read_note(tags: Mapping[str, str]) -> Note:
    """Read a note from a version's tags, also of a version that somebody else registered."""
    pieces = [tags[_NOTE]] if _NOTE in tags else []
    while (name := f"{_NOTE}_{len(pieces) + 1}") in tags and pieces:
        pieces.append(tags[name])
    try:
        read: Any = json.loads("".join(pieces) or "{}")
    except ValueError:
        read = None
    known: dict[str, Any] = read if isinstance(read, dict) else {}
    others = {key: value for key, value in tags.items() if not _OURS.fullmatch(key)}

    def told(key: str) -> str | None:
        return tags.get(key) or known.get(key)

    origin = Origin(told(_RUN), told(_COMMIT), known.get("data", {}), known.get("metrics", {}))
    return Note(
        content_hash=tags.get(HASH, ""),
        tags=others | known.get("tags", {}),
        properties=known.get("properties", {}),
        base_name=known.get("base_name", ""),
        stage=known.get("stage"),
        job=told(_JOB),
        origin=None if origin == Origin() else origin,
    )


def _is_value(value: str) -> bool:
    """Tell whether Unity Catalog takes a text as a tag's value, and gives it back unchanged."""
    return 0 < len(value) <= _LONGEST and value == value.strip()
