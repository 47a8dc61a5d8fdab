"""A job's folder in the local workspace: what lies in it, and who is at work there.

<home>/jobs/<name>/
    plan.json or command.json    what was asked for
    journal.jsonl                each finished attempt (batch jobs)
    starts.txt                   when it was begun and taken up again, a line each
    lock                         held by the process that runs the job, with its number
    logs/                        job.txt, and worker-N.txt or command.txt
    named-outputs/<output>/      the outputs, published whole
    summary.json  failures.csv  report.html
"""

from __future__ import annotations

import errno
import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from runner.errors import JobFailed


def command_log(folder: Path) -> Path:
    """What a training command prints."""
    return folder / "logs" / "command.txt"


def now() -> str:
    """This moment as ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def job_folder(home: Path, name: str) -> Path:
    return home / "jobs" / name


def model_folder(folder: Path) -> Path:
    """What scripts find as AZUREML_MODEL_DIR: it holds the model under the name it came with."""
    return folder / "model"


def log_file(folder: Path) -> Path:
    """The job's own log, a line for each thing worth knowing."""
    return folder / "logs" / "job.txt"


def lock(folder: Path) -> BinaryIO | None:
    """Take the job for this process, until the file is closed; None when another one has it.

    The lock is POSIX's record lock, which children don't inherit: a worker that outlives a
    killed job doesn't keep the job from being taken up again.
    """
    file = (folder / "lock").open("ab+")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    file.truncate(0)
    file.write(str(os.getpid()).encode())
    file.flush()
    return file


def owner(folder: Path) -> int | None:
    """The number of the process that runs the job, None when none does."""
    try:
        with (folder / "lock").open("rb+") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or b"0") or None
            return None
    except FileNotFoundError:
        return None


def starts(folder: Path) -> list[str]:
    """When the job was begun and taken up again: ISO 8601 times, UTC."""
    try:
        return (folder / "starts.txt").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []


def add_start(folder: Path, moment: str) -> None:
    with (folder / "starts.txt").open("a", encoding="ascii") as file:
        file.write(moment + "\n")


def say(folder: Path, line: str) -> None:
    """Add a line to the job's log."""
    moment = datetime.now(UTC).strftime("%H:%M:%S")
    path = log_file(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{moment} {' '.join(line.splitlines())}\n")


def deliver(folder: Path, output: Path, target: Path) -> None:
    """Move a finished output to its place, whole. JobFailed when something is there already."""
    import shutil

    if target.exists():
        raise JobFailed(f"output {target} exists already; name another place")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _marker(folder, target).touch()
        try:
            output.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # Another file system: copy beside the target first, so that it appears whole.
            aside = target.with_name(f".{target.name}.{os.getpid()}.partial")
            try:
                shutil.copytree(output, aside) if output.is_dir() else shutil.copy(output, aside)
                aside.rename(target)
            except OSError:
                shutil.rmtree(aside, ignore_errors=True)
                raise
    except OSError as error:
        raise JobFailed(f"output {target} can't be written: {error.strerror}") from None


def delivered(folder: Path, target: Path) -> bool:
    """True when this job has put its output there, in an earlier run that was cut off."""
    return target.exists() and _marker(folder, target).exists()


def _marker(folder: Path, target: Path) -> Path:
    return folder / f"{target.name}.delivered"
