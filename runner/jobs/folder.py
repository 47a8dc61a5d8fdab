"""The folder of a job that the runner's own host runs, on this machine or on a cluster.

<home>/jobs/<name>/
    plan.json or command.json    what was asked for
    interpreter.json             which Python runs it
    model/<name>                 the model, as a scoring script finds it
    code/                        the copy of the code that a command runs in
    run.json                     the command's MLflow run
    command.lock                 held by the command, with its process number in it
    stop                         exists while the job is asked to stop, until it is resumed
    lock                         held by the process that runs the job
    loaded                       touched when a worker has loaded the model (batch jobs)
    plan.json.copy               the same, for when the plan is damaged
    starts.txt                   when it was begun and resumed, a line each
    journal.jsonl  pieces/       each finished attempt, and its lines (batch jobs)
    profile.json                 how its columns are distributed (batch jobs)
    output/                      the output while it grows
    delivered                    which output was moved to its place
    named-outputs/<output>/      the outputs, once they are complete
    logs/                        job.txt, host.txt, and worker-N.txt or command.txt
    summary.json  failures.csv  report.html
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from runner.errors import JobFailed
from runner.files.atomic import remove, write_atomically
from runner.files.only_files import only_files, read_file
from runner.files.syncing import make_folders, sync, sync_tree

_NOTHING_READ = "?"  # a line that no file of starts has
_RESERVED = 512 << 10  # bytes: a report, a summary and a few pages of the database


def command_log(folder: Path) -> Path:
    """Return the file that takes what a training command prints."""
    return folder / "logs" / "command.txt"


def code_folder(folder: Path) -> Path:
    """Return the folder with the copy of the code that a command runs in; it may be empty."""
    return folder / "code"


def now() -> str:
    """Return this moment as ISO 8601, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def with_secrets(
    written: Mapping[str, str], unwritten: Iterable[str], secrets: Mapping[str, str]
) -> dict[str, str]:
    """Return a job's variables: those that are `written` down, and the others with their secrets.

    Raises JobFailed if a secret was not sent to the process of the job.
    """
    if missing := sorted(set(unwritten) - secrets.keys()):
        raise JobFailed(
            f"the value of {', '.join(missing)} was not told; `runner jobs resume` finds it again"
        )
    return {**written, **{name: secrets[name] for name in unwritten}}


def job_folder(home: Path, name: str) -> Path:
    return home / "jobs" / name


def model_folder(folder: Path) -> Path:
    """Return the folder that scripts find as AZUREML_MODEL_DIR, which holds the model."""
    return folder / "model"


def log_file(folder: Path) -> Path:
    """Return the file of the job's own log, which has a line for each thing worth knowing."""
    return folder / "logs" / "job.txt"


def starts(folder: Path) -> list[str]:
    """Return when the job was begun and resumed, as ISO 8601 in UTC; damaged lines are left out."""
    return [line for line in _read_starts(folder).splitlines() if _is_moment(line)]


def add_start(folder: Path, moment: str, first: str | None = None) -> None:
    """Note that the job is begun, or resumed.

    `first` is when it was begun first, where that is known: the journal counts from then, so it is
    put back where its line is damaged.
    """
    path, found, known = folder / "starts.txt", _read_starts(folder), starts(folder)
    if first not in (None, moment, *known[:1]):
        known.insert(0, str(first))
    sound = "".join(f"{line}\n" for line in known)
    if found not in ("", sound):
        log_line(
            folder, f"warning: {path} is damaged: it says no longer when all runs of the job began"
        )
    if found != sound:
        remove(path)  # which may be a folder
        write_atomically(path, sound)
    with open(path, "a", encoding="ascii", opener=only_files) as file:
        file.write(moment + "\n")


def _read_starts(folder: Path) -> str:
    try:
        return read_file(folder / "starts.txt").decode("ascii", "replace")
    except FileNotFoundError:
        return ""
    except IsADirectoryError:
        return _NOTHING_READ


def _is_moment(line: str) -> bool:
    try:
        return datetime.fromisoformat(line).tzinfo is not None
    except ValueError:
        return False


def ask_to_stop(folder: Path) -> None:
    """Ask the process of the job to stop, also where no signal reaches it."""
    with contextlib.suppress(OSError):  # another user's folder, a full disk
        (folder / "stop").touch()


def asked_to_stop(folder: Path) -> bool:
    return (folder / "stop").exists()


def forget_stop(folder: Path) -> None:
    """Let a job that was asked to stop begin again."""
    (folder / "stop").unlink(missing_ok=True)


def log_line(folder: Path, line: str) -> None:
    """Add a line to the job's log. A disk that takes no more does not end the job here."""
    moment = datetime.now(UTC).strftime("%H:%M:%S")
    path = log_file(folder)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(
            path, "a", encoding="utf-8", errors="backslashreplace", opener=only_files
        ) as file:
            file.write(f"{moment} {' '.join(line.splitlines())}\n")


@contextlib.contextmanager
def reserve(folder: Path) -> Iterator[None]:
    """Hold some room on the disk, and free it in the end, for the report.

    A job that fails because the disk is full needs some room to report it.
    """
    path = folder / "reserve"
    try:
        with contextlib.suppress(OSError), path.open("wb") as file:
            file.write(bytes(_RESERVED))
        yield
    finally:
        path.unlink(missing_ok=True)


def deliver(folder: Path, output: Path, target: Path) -> None:
    """Move a finished output to its place. Raises JobFailed if it can't be put there."""
    import shutil

    try:
        make_folders(target.parent)
        if not _same_file_system(output, target.parent):
            # Copied beside the target first, so that it appears complete.
            copy = copy_beside(folder, target)
            try:
                remove(copy)  # what an earlier run left that was cut off
                shutil.copytree(output, copy, symlinks=True)
                _put(folder, copy, target)
            finally:
                remove(copy)
            shutil.rmtree(output, ignore_errors=True)
        else:
            _put(folder, output, target)
    except OSError as error:
        raise JobFailed(
            f"output {target} can't be written ({error.strerror or error});"
            " mend that and resume the job"
        ) from None


def copy_beside(folder: Path, target: Path) -> Path:
    """Return the path that an output is copied to first, if its place is on another file system."""
    return target.parent / f".{target.name}.{folder.name}.partial"


def delivered(folder: Path, target: Path) -> bool:
    """Return whether this job has put its output there in an earlier run that was cut off."""
    try:
        return read_file(_marker(folder)) == _identity(target).encode()
    except (FileNotFoundError, IsADirectoryError):
        return False


def _put(folder: Path, output: Path, target: Path) -> None:
    if target.exists():
        raise JobFailed(f"output {target} exists already; move it away and resume the job")
    # Written first, it tells after a crash whether the rename below has happened.
    _marker(folder).write_text(_identity(output), encoding="ascii")
    # After this the output counts, and the pieces are removed: so from here on it must outlive a
    # power cut, and so must what the report is made of.
    sync_tree(output)
    sync([_marker(folder), folder / "journal.jsonl", folder])
    output.rename(target)
    sync([output.parent, target.parent])


def _marker(folder: Path) -> Path:
    return folder / "delivered"


def _identity(path: Path) -> str:
    """Return what identifies a folder also after a rename."""
    status = path.stat()
    return f"{status.st_dev} {status.st_ino}"


def _same_file_system(path: Path, other: Path) -> bool:
    return path.stat().st_dev == other.stat().st_dev
