"""What is kept of a model's version as tags, within what Unity Catalog takes of them.

Tags that it takes are kept as they are. The rest of what is known of a version, and the tags that
it does not take, are JSON in tags of our own, cut into pieces that are short enough.
https://learn.microsoft.com/azure/databricks/database-objects/tags#constraint
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from runner.errors import WrongUsage
from runner.workspace import Origin

HASH = "content_hash"
REQUEST = "runner_request"  # the request by which a version was begun
_NOTE = "runner_note"  # and runner_note_2, ...
_OURS = re.compile(rf"{HASH}|{REQUEST}|{_NOTE}(_\d+)?")
_KEY = re.compile(r"(?! )[^.,\-=/:]{1,255}(?<! )")
_LONGEST = 1000  # characters of a value
_MOST = 50  # tags of a version


@dataclass(frozen=True)
class Note:
    """What is known of a version besides what Unity Catalog has a place for."""

    content_hash: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    base_name: str = ""
    stage: str | None = None
    job: str | None = None
    origin: Origin | None = None


def tags_of(note: Note) -> dict[str, str]:
    """The tags that keep a note. Raises WrongUsage where it is more than tags can hold."""
    plain = {key: value for key, value in note.tags.items() if _is_taken(key, value)}
    known = {
        "tags": {key: value for key, value in note.tags.items() if key not in plain},
        "properties": dict(note.properties),
        "base_name": note.base_name,
        "stage": note.stage,
        "job": note.job,
        "origin": _written(note.origin),
    }
    text = json.dumps({key: value for key, value in known.items() if value})
    pieces = [text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST)]
    names = (_NOTE, *(f"{_NOTE}_{number}" for number in range(2, len(pieces) + 1)))
    kept = plain | dict(zip(names, pieces, strict=True))
    if len(kept) > _MOST - 2:
        raise WrongUsage(
            f"{len(note.tags)} tags and {len(note.properties)} properties are more than Unity"
            f" Catalog keeps with a model, which is {_MOST} tags of {_LONGEST} characters: leave"
            " some out"
        )
    return kept | {HASH: note.content_hash}


def read_note(tags: Mapping[str, str]) -> Note:
    """A note out of a version's tags, also of one that somebody else registered."""
    pieces = [tags[_NOTE]] if _NOTE in tags else []
    while (name := f"{_NOTE}_{len(pieces) + 1}") in tags and pieces:
        pieces.append(tags[name])
    try:
        known: Any = json.loads("".join(pieces) or "{}")
    except ValueError:
        known = {}
    others = {key: value for key, value in tags.items() if not _OURS.fullmatch(key)}
    origin = known.get("origin")
    return Note(
        content_hash=tags.get(HASH, ""),
        tags=others | known.get("tags", {}),
        properties=known.get("properties", {}),
        base_name=known.get("base_name", ""),
        stage=known.get("stage"),
        job=known.get("job"),
        origin=Origin(**origin) if origin else None,
    )


def _written(origin: Origin | None) -> dict[str, Any]:
    """An origin as JSON, without what is empty; of very many metrics the first."""
    from itertools import islice

    from runner.origins import MOST_METRICS

    if origin is None:
        return {}
    kept = asdict(origin) | {"metrics": dict(islice(origin.metrics.items(), MOST_METRICS))}
    return {key: value for key, value in kept.items() if value}


def _is_taken(key: str, value: str) -> bool:
    """Whether Unity Catalog takes a tag as it is, and gives it back as it was."""
    return (
        _KEY.fullmatch(key) is not None
        and not _OURS.fullmatch(key)
        and 0 < len(value) <= _LONGEST
        and value == value.strip()
    )
