"""The job's journal: one line of JSON for each finished attempt, appended as it happens.

It is what a resumed job trusts: a mini-batch whose last line says it is done is not run again.
A line cut short by a crash is no line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from runner.local.engine.attempt import Attempt, FileResult
from runner.local.engine.whole import write_whole


class Journal:
    """Appends attempts; use it as a context manager. OSError when the disk refuses."""

    def __init__(self, path: Path) -> None:
        _drop_torn_line(path)
        self._file = path.open("ab", buffering=0)

    def append(self, attempt: Attempt) -> None:
        line = _line(attempt).encode()
        while line:
            # A disk that is filling up takes a part; only the next write says why.
            line = line[self._file.write(line) :]

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def read_journal(path: Path) -> list[Attempt]:
    """Every complete line of a journal, oldest first; none for a journal not yet begun."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    return list(parse(content[: content.rfind(b"\n") + 1].splitlines()))


def write_journal(path: Path, attempts: Iterable[Attempt]) -> None:
    """Write a journal anew, whole or not at all. OSError when the disk refuses."""
    write_whole(path, "".join(map(_line, attempts)))


def parse(lines: Iterable[bytes]) -> Iterator[Attempt]:
    """Turn complete lines into attempts."""
    for line in lines:
        document: dict[str, Any] = json.loads(line)
        document["files"] = tuple(FileResult(**file) for file in document["files"])
        document["warnings"] = tuple(document["warnings"])
        yield Attempt(**document)


def finished(attempts: Iterable[Attempt]) -> dict[int, Attempt]:
    """The attempt that settled each mini-batch, by the mini-batch's index."""
    settled: dict[int, Attempt] = {}
    for one in attempts:
        if one.outcome != "retried":
            settled[one.mini_batch] = settling(settled.get(one.mini_batch), one)
    return settled


def settling(known: Attempt | None, later: Attempt) -> Attempt:
    """Which of two attempts that settle a mini-batch counts: the later one.

    But what was scored stays: of a mini-batch that is done, but for a file or two, a failure on
    resume replaces nothing.
    """
    if known is not None and known.outcome == "done" and later.outcome == "failed":
        return known
    return later


def _line(attempt: Attempt) -> str:
    return json.dumps(asdict(attempt), separators=(",", ":")) + "\n"


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line without its end, so that the next one starts a line of its own."""
    try:
        with path.open("rb+") as file:
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
