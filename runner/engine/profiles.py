"""The profiles of a job's parts: written by who scores them, and merged when all is scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from runner.engine.attempt import Attempt
from runner.engine.layout import profile_draft, profile_piece
from runner.engine.parts import Key
from runner.files.atomic import remove
from runner.files.only_files import read_file
from runner.profile.profile import Profile, decode, encode, merge_profiles

_AT_ONCE = 16  # profiles that are held in memory


def write_part(path: Path, profile: Profile) -> None:
    """Write a part's profile where its owner alone may read it. A disk that takes no more costs
    the job its profile, and nothing else."""
    try:
        path.touch(0o600)
        path.write_bytes(encode(profile))
    except OSError as error:
        print(f"no profile of {path.name}: {error}")
        remove(path)


def keep_part(folder: Path, key: Key, process: int) -> None:
    """Let the profile that a process wrote of a part count, and none of an earlier attempt."""
    try:
        profile_draft(folder, key, process).replace(profile_piece(folder, key))
    except OSError:
        remove(profile_piece(folder, key))


def gather(folder: Path, attempts: Iterable[Attempt]) -> Profile | None:
    """Merge the profiles of the parts that count, in the order of the input.

    None where the profile of a part with rows is missing or damaged: it would not be the job's.
    """
    merged = Profile(0)
    parts = _parts(folder, attempts)
    try:
        while chunk := list(islice(parts, _AT_ONCE)):
            merged = merge_profiles([merged, *chunk])
    except (OSError, ValueError):
        return None
    return merged


def _parts(folder: Path, attempts: Iterable[Attempt]) -> Iterator[Profile]:
    for attempt in attempts:
        if attempt.outcome == "done" and attempt.rows:
            yield decode(read_file(profile_piece(folder, attempt.key)))
