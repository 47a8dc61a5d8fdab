"""The job's journal: one line of JSON for each finished attempt, appended as it happens.

It is what a resumed job trusts: a mini-batch whose last line says it is done is not run again.
A line that a crash cut short, or that was damaged later, is no line: see `sealed`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from runner.engine.attempt import Attempt, FileResult
from runner.engine.parts import Key
from runner.engine.sealed import seal, unseal
from runner.engine.slices import Slice
from runner.files.atomic import remove, write_atomically
from runner.files.only_files import only_files, read_file
from runner.files.syncing import sync, sync_descriptor


class Journal:
    """Appends attempts; use it as a context manager. OSError when the disk refuses."""

    def __init__(self, path: Path) -> None:
        _drop_torn_line(path)
        self._file = open(path, "ab", buffering=0, opener=only_files)  # noqa: SIM115

    def append(self, attempt: Attempt) -> None:
        line = _line(attempt)
        while line:
            # A disk that is filling up takes a part; only the next write says why.
            line = line[self._file.write(line) :]

    def sync(self) -> None:
        """Wait until all that was appended is on the disk. OSError when that refuses."""
        sync_descriptor(self._file.fileno())

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def read_journal(path: Path) -> list[Attempt]:
    """Return every sound line of a journal, oldest first; none for a journal not yet begun."""
    return list(parse(_lines(path)))


def mend_journal(path: Path) -> tuple[list[Attempt], int]:
    """Take damaged lines out of a journal; return the others as `read_journal` does, and how many
    were taken out. OSError when the disk refuses."""
    if path.exists() and not path.is_file():
        remove(path)
        return [], 1
    lines = _lines(path)
    attempts = list(parse(lines))
    damaged = len(lines) - len(attempts)
    if damaged:
        write_journal(path, attempts)
    return attempts, damaged


def write_journal(path: Path, attempts: Iterable[Attempt]) -> None:
    """Write a journal anew, whole or not at all, also should the power be cut after this.

    OSError when the disk refuses.
    """
    write_atomically(path, b"".join(map(_line, attempts)).decode())
    sync([path.parent])


def parse(lines: Iterable[bytes]) -> Iterator[Attempt]:
    """Turn complete lines into attempts; damaged ones are left out."""
    for line in lines:
        try:
            document = unseal(line)
            document["files"] = tuple(FileResult(**file) for file in document["files"])
            document["warnings"] = tuple(document["warnings"])
            if document.get("slice"):
                document["slice"] = Slice(**document["slice"])
            yield Attempt(**document)
        except (ValueError, KeyError, TypeError):
            continue


class Standing:
    """The sum of a job's attempts, kept up to date as they are added.

    The later of two attempts that settle a part of a mini-batch counts, with one exception: a
    part that is done, but for a file or two, is not replaced by a failure on resume. A large file
    fails as a whole: where one slice of it fails, no row of its other slices counts.
    """

    def __init__(self, attempts: Iterable[Attempt] = ()) -> None:
        self.settled: dict[Key, Attempt] = {}
        self._sliced: dict[tuple[int, str], _SlicedFile] = {}
        self.rows = 0
        self.failed_files = 0
        for attempt in attempts:
            self.add(attempt)

    def add(self, attempt: Attempt) -> None:
        """Take in one more attempt."""
        if attempt.outcome == "retried":
            return
        known = self.settled.get(attempt.key)
        if known is not None and known.outcome == "done" and attempt.outcome == "failed":
            return
        self.settled[attempt.key] = attempt
        if attempt.slice is not None:
            file = self._sliced.setdefault(_file_of(attempt), _SlicedFile())
            self._count(-file.counted_rows, -bool(file.failing))
            file.replace(known, attempt)
            self._count(file.counted_rows, bool(file.failing))
            return
        if known is not None:
            self._count(-known.rows, -known.failed_files)
        self._count(attempt.rows, attempt.failed_files)

    def has_lost(self, mini_batch: int, file: str) -> bool:
        """Tell whether a slice of a large file has failed for good."""
        sliced = self._sliced.get((mini_batch, file))
        return sliced is not None and bool(sliced.failing)

    def complete(self) -> set[Key]:
        """Return the parts that need not be run again."""
        return {key for key, attempt in self.settled.items() if attempt.failed_files == 0}

    def counted(self) -> list[Attempt]:
        """Return the settled attempts that count, in the order of the input."""
        return [attempt for _, attempt in sorted(self.settled.items()) if self._counts(attempt)]

    def _counts(self, attempt: Attempt) -> bool:
        if attempt.slice is None:
            return True
        failing = self._sliced[_file_of(attempt)].failing
        return not failing or attempt.key == min(failing)

    def _count(self, rows: int, failed_files: int) -> None:
        self.rows += rows
        self.failed_files += failed_files


class _SlicedFile:
    """The settled slices of one large file, added up."""

    def __init__(self) -> None:
        self.rows = 0
        self.failing: set[Key] = set()

    @property
    def counted_rows(self) -> int:
        return 0 if self.failing else self.rows

    def replace(self, known: Attempt | None, attempt: Attempt) -> None:
        self.rows += attempt.rows - (known.rows if known else 0)
        self.failing.discard(attempt.key)
        if attempt.failed_files:
            self.failing.add(attempt.key)


def _file_of(attempt: Attempt) -> tuple[int, str]:
    return attempt.mini_batch, attempt.files[0].name


def _line(attempt: Attempt) -> bytes:
    return seal(asdict(attempt)) + b"\n"


def _lines(path: Path) -> list[bytes]:
    """Return the complete lines of a journal."""
    try:
        content = read_file(path)
    except (FileNotFoundError, IsADirectoryError):
        return []
    return content[: content.rfind(b"\n") + 1].splitlines()


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line without its end, so that the next one starts a line of its own."""
    try:
        with open(path, "rb+", opener=only_files) as file:
            size = file.seek(0, os.SEEK_END)
            keep = size
            while keep > 0:
                step = min(keep, 65536)
                file.seek(keep - step)
                end = file.read(step).rfind(b"\n")
                if end >= 0:
                    keep = keep - step + end + 1
                    break
                keep -= step
            if keep < size:
                file.truncate(keep)
    except FileNotFoundError:
        return
