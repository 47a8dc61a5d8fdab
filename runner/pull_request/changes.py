"""The records of what a pull request changes, which are written and read as JSON.

<folder of changes>/
    changes.json            what was found in git
    source.tar              the pull request's files
    before-<place>.tar      the files that a model had before; <place> is that of the change
<folder of models>/
    fetched.json            what was found in the workspaces
    <content hash>.tar      the files of a registered version

Files lie in archives: a store of a pipeline's files takes neither every name nor every mode.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.comparison.records import NoRecord, from_plain, to_plain
from runner.errors import WrongUsage
from runner.files.atomic import write_atomically

SOURCE = "source.tar"
_MOST_BYTES = 4_000_000  # of a file with records


@dataclass(frozen=True)
class Change:
    """Tells of a pin that another version takes the place of, or of a model with other files."""

    model: str  # its name; of a pin that moves to another model the new one
    environment: str | None  # whose pin it is; None for the files of a model
    endpoint: str | None  # the batch endpoint to score as; None where there is none
    deployment: str | None
    pinned: str  # whose pin it is, ENDPOINT/DEPLOYMENT; empty for the files of a model
    old: str | None  # a reference, or a path in the repository; None where there was none
    new: str | None


@dataclass(frozen=True)
class Changes:
    """Holds all that a pull request changes, from where it branched off to its last commit."""

    base: str  # commits
    head: str
    changes: tuple[Change, ...]
    problems: tuple[str, ...]  # what could not be read, in sentences


@dataclass(frozen=True)
class Held:
    """Names the files of a version that was fetched."""

    content_hash: str
    base_name: str


@dataclass(frozen=True)
class Fetched:
    """Says what was fetched for a change."""

    change: int  # its place
    old: Held | None
    new: Held | None
    error: str | None = None  # why one of them was not


@dataclass(frozen=True)
class AllFetched:
    """Holds what was fetched for all changes of pins."""

    fetched: tuple[Fetched, ...] = ()


@dataclass(frozen=True)
class Versions:
    """Names two versions whose files are at hand, and the changes that they stand for."""

    places: tuple[int, ...]  # of the changes: of the same files in several environments
    old: Path  # the archive
    new: Path | None  # None: the files are in the source
    old_name: str  # in the archive
    new_name: str


def before(folder: Path, place: int) -> Path:
    """Return the archive of the files that a model had before."""
    return folder / f"before-{place}.tar"


def write_changes(folder: Path, changes: Changes) -> None:
    """Write what was found."""
    write_atomically(folder / "changes.json", json.dumps(to_plain(changes)))


def read_changes(folder: Path) -> Changes:
    """Read what was found. Raises WrongUsage for what is no such file."""
    found: Changes = _read(folder / "changes.json", Changes)
    return found


def write_fetched(folder: Path, fetched: Sequence[Fetched]) -> None:
    """Write what was fetched."""
    write_atomically(folder / "fetched.json", json.dumps(to_plain(AllFetched(tuple(fetched)))))


def read_fetched(folder: Path) -> tuple[Fetched, ...]:
    """Read what was fetched; nothing where nothing could be. Raises WrongUsage."""
    if not (folder / "fetched.json").exists():
        return ()
    found: AllFetched = _read(folder / "fetched.json", AllFetched)
    return found.fetched


def _read(file: Path, kind: type) -> Any:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise NoRecord("it is too large")
        return from_plain(kind, json.loads(content))
    except (OSError, ValueError, RecursionError, NoRecord) as error:
        raise WrongUsage(f"{file.name} is none of this version's: {error}") from None


def versions(
    changes: Changes, fetched: Sequence[Fetched], folder: Path, models: Path
) -> list[Versions]:
    """Return what there is to compare, each pair of contents as one deployment once."""
    pairs: dict[tuple[str | None, str | None, str, str], Versions] = {}
    found = [
        Versions((place,), before(folder, place), None, Path(change.old).name, change.new)
        for place, change in enumerate(changes.changes)
        if change.environment is None and change.old and change.new and change.endpoint
    ]
    for entry in fetched:
        old, new = entry.old, entry.new
        if old is None or new is None or not 0 <= entry.change < len(changes.changes):
            continue
        change = changes.changes[entry.change]
        if old.content_hash == new.content_hash or change.endpoint is None:
            continue
        key = (change.endpoint, change.deployment, old.content_hash, new.content_hash)
        known = pairs.get(key)
        places = (*known.places, entry.change) if known else (entry.change,)
        pairs[key] = Versions(
            places,
            archive(models, old.content_hash),
            archive(models, new.content_hash),
            old.base_name,
            new.base_name,
        )
    return [*pairs.values(), *found]


def archive(models: Path, content_hash: str) -> Path:
    """Return where the archive of a content lies."""
    return models / f"{content_hash}.tar"
