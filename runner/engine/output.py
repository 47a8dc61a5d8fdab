"""The job's output: the pieces put end to end in input order, and what is said of them."""

from __future__ import annotations

import csv
import io
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runner.counting import many
from runner.engine.attempt import Attempt
from runner.engine.disk import full_disk_fails_the_job
from runner.engine.journal import Standing
from runner.engine.layout import output_folder, piece, pieces_folder
from runner.engine.plan import Plan
from runner.errors import JobFailed
from runner.files.atomic import replace_atomically, write_atomically
from runner.files.only_files import only_files

_AT_ONCE = 1 << 20  # bytes of a piece


@dataclass(frozen=True)
class Failure:
    """One line of `failures.csv`."""

    file: str
    attempt: int
    reason: str


def publish(plan: Plan, folder: Path, attempts: Iterable[Attempt]) -> Path:
    """Assemble the job's output and return its folder.

    With append_row that is one file, whole or absent. JobFailed when the disk is full: the
    pieces stay, and a resume assembles them again. JobFailed also where a piece is not as its
    worker wrote it: a resume makes it again.
    """
    target = output_folder(folder)
    if plan.settings.output_action == "append_row":
        done = [attempt for attempt in Standing(attempts).counted() if attempt.outcome == "done"]
        published = target / plan.settings.output_file_name
        if published.is_dir():
            raise JobFailed(
                f"{published} is a folder, which the script made in the place of the output: take"
                " it out of the script, or set another output_file_name, and begin a new job"
            )
        with (
            full_disk_fails_the_job(folder),
            # Not in the output's own folder: a crash must leave nothing there that isn't whole.
            # It is synced when it is delivered.
            replace_atomically(published, folder / "output.partial", synced=False) as draft,
        ):
            _concatenate(((piece(folder, attempt.key), attempt) for attempt in done), draft)
    return target


def is_sound(path: Path, attempt: Attempt) -> bool:
    """Whether a piece is as the worker wrote it in that attempt."""
    try:
        if path.stat().st_size != attempt.size:
            return False
        with open(path, "rb", opener=only_files) as file:
            return _checksum(file) == attempt.checksum
    except (FileNotFoundError, IsADirectoryError):
        return False


def discard_pieces(folder: Path) -> None:
    """Drop the pieces of a job whose output is published."""
    shutil.rmtree(pieces_folder(folder), ignore_errors=True)


def failures(attempts: Iterable[Attempt]) -> Iterator[Failure]:
    """Every failure and retry of a job, in the order of its mini-batches."""
    for attempt in sorted(attempts, key=lambda attempt: (attempt.key, attempt.started)):
        if attempt.outcome == "retried":
            yield Failure(attempt.where, attempt.attempt, attempt.reason or "")
        for file in attempt.files:
            if file.error is not None:
                yield Failure(file.name, attempt.attempt, file.error)
        if attempt.missing:
            yield Failure(attempt.where, attempt.attempt, _too_few(attempt))


def reasons(settled: Attempt) -> list[str]:
    """Why a settled mini-batch lost files, a line for each reason."""
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
    writer.writerows(
        (failure.file, failure.attempt, failure.reason) for failure in failures(attempts)
    )
    write_atomically(path, table.getvalue())


def _too_few(attempt: Attempt) -> str:
    owed = many(attempt.missing, "result")
    return f"mini-batch {attempt.mini_batch}: run() returned {owed} too few"


def _concatenate(pieces: Iterable[tuple[Path, Attempt]], target: Path) -> None:
    with target.open("wb") as out:
        for path, attempt in pieces:
            try:
                with open(path, "rb", buffering=0, opener=only_files) as file:
                    sound = _checksum(file, out.write) == attempt.checksum
            except (FileNotFoundError, IsADirectoryError):
                sound = False
            if not sound:
                raise JobFailed(
                    f"{path}, a piece of the output, is gone or not as it was written; resume the"
                    " job, which scores its files again"
                )


def _checksum(file: BinaryIO, write: Callable[[bytes], object] = lambda _: None) -> int:
    """The CRC-32 of a file, which is written elsewhere on the way."""
    found = 0
    while chunk := file.read(_AT_ONCE):
        found = zlib.crc32(chunk, found)
        write(chunk)
    return found
