"""The failures of a job: every one for `failures.csv`, and those that a person is told of."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from runner.counting import many
from runner.engine.attempt import Attempt
from runner.files.atomic import write_atomically


def failures(attempts: Iterable[Attempt]) -> Iterator[tuple[str, int, str]]:
    """Yield the file, attempt and reason of every failure and retry of a job, by mini-batch."""
    for attempt in sorted(attempts, key=lambda attempt: (attempt.key, attempt.started)):
        if attempt.outcome == "retried":
            yield attempt.where, attempt.attempt, attempt.reason or ""
        for file in attempt.files:
            if file.error is not None:
                yield file.name, attempt.attempt, file.error
        if attempt.missing:
            yield attempt.where, attempt.attempt, _too_few(attempt)


def reasons(settled: Attempt) -> list[str]:
    """Return why a settled mini-batch lost files, a line for each reason."""
    if settled.outcome == "failed":
        return [f"{settled.where}: {settled.reason}"]
    found = [file.error for file in settled.files if file.error is not None]
    return found + ([_too_few(settled)] if settled.missing else [])


def write_failures(attempts: Iterable[Attempt], path: Path) -> None:
    """Write `failures.csv`, whole or not at all: file, attempt, reason, with a header.

    OSError when the disk refuses.
    """
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["file", "attempt", "reason"])
    writer.writerows(failures(attempts))
    write_atomically(path, table.getvalue())


def _too_few(attempt: Attempt) -> str:
    owed = many(attempt.missing, "result")
    return f"mini-batch {attempt.mini_batch}: run() returned {owed} too few"
