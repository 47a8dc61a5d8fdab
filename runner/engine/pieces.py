"""The pieces of a job's predictions: whether they are sound, and putting them end to end."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from runner.engine.attempt import Attempt
from runner.engine.disk import full_disk_fails_the_job
from runner.engine.journal import Standing
from runner.engine.layout import output_folder, piece, pieces_folder
from runner.engine.plan import Plan
from runner.errors import JobFailed
from runner.files.atomic import replace_atomically
from runner.files.only_files import only_files

_AT_ONCE = 1 << 20  # bytes of a piece


def publish(plan: Plan, folder: Path, attempts: Iterable[Attempt]) -> Path:
    """Put the job's predictions together, if it has any, and return the folder of its output.

    The predictions (of `append_row`) are one file, whole or absent. Raises JobFailed when the disk
    is full: the pieces stay, and a resume puts them together again. Raises it also where a piece is
    not as its worker wrote it: a resume makes it again.
    """
    target = output_folder(folder)
    if plan.settings.output_action == "append_row":
        done = [attempt for attempt in Standing(attempts).counted() if attempt.outcome == "done"]
        published = target / plan.settings.output_file_name
        if published.is_dir():
            raise JobFailed(
                f"{published} is a folder, which the script made in the place of the predictions:"
                " take it out of the script, or set another output_file_name, and begin a new job"
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
    """Tell whether a piece is as the worker wrote it in that attempt."""
    try:
        if path.stat().st_size != attempt.size:
            return False
        with open(path, "rb", opener=only_files) as file:
            return _checksum(file) == attempt.checksum
    except (FileNotFoundError, IsADirectoryError):
        return False


def discard_pieces(folder: Path) -> None:
    """Drop the pieces of a job whose predictions are published."""
    shutil.rmtree(pieces_folder(folder), ignore_errors=True)


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
                    f"{path}, a piece of the predictions, is gone or not as it was written; resume"
                    " the job, which scores its files again"
                )


def _checksum(file: BinaryIO, write: Callable[[bytes], object] = lambda _: None) -> int:
    """Return the CRC-32 of a file, whose content `write` is given on the way."""
    found = 0
    while chunk := file.read(_AT_ONCE):
        found = zlib.crc32(chunk, found)
        write(chunk)
    return found
