"""The folder of a job that the runner's own host runs, on this machine or on a cluster.

<home>/jobs/<name>/
    plan.json or command.json    what was asked for
    interpreter.json             which Python runs it
    model/<name>                 the model, as a scoring script finds it
    code/                        the copy of the code that a command runs in
    run.json                     the command's MLflow run
    command.lock                 held by the command, with its process number in it
    stop                         there from when the job is asked to stop until it is resumed
    lock                         held by the process that runs the job
    loaded                       touched when a worker has loaded the model (batch jobs)
    plan.json.copy               the same, for when the plan is damaged
    starts.txt                   when it was begun and taken up again, a line each
    journal.jsonl  pieces/       each finished attempt, and its lines (batch jobs)
    profile.json                 how its columns are distributed (batch jobs)
    output/                      the output while it grows
    delivered                    which output was moved to its place
    named-outputs/<output>/      the outputs, published whole
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

_NOTHING_READ = "?"  # no line of a file of starts
_RESERVED = 512 << 10  # bytes: a report, a summary and a few pages of the database


def command_log(folder: Path) -> Path:
    """What a training command prints."""
    return folder / "logs" / "command.txt"


def code_folder(folder: Path) -> Path:
    """The copy of its code that a training command runs in; empty where it has none."""
    return folder / "code"


def now() -> str:
    """This moment as ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def with_secrets(
    written: Mapping[str, str], unwritten: Iterable[str], secrets: Mapping[str, str]
) -> dict[str, str]:
    """A job's variables: those that are `written` down, and the values of those that are not.

    Raises JobFailed where the process of the job was not told one of them.
    """
    if missing := sorted(set(unwritten) - secrets.keys()):
        raise JobFailed(
            f"the value of {', '.join(missing)} was not told; `runner jobs resume` finds it again"
        )
    return {**written, **{name: secrets[name] for name in unwritten}}


def job_folder(home: Path, name: str) -> Path:
    return home / "jobs" / name


def model_folder(folder: Path) -> Path:
    """What scripts find as AZUREML_MODEL_DIR: it holds the model under the name it came with."""
    return folder / "model"


def log_file(folder: Path) -> Path:
    """The job's own log, a line for each thing worth knowing."""
    return folder / "logs" / "job.txt"


def starts(folder: Path) -> list[str]:
    """When the job was begun and taken up again: ISO 8601 times, UTC. A damaged line is none."""
    return [line for line in _read_starts(folder).splitlines() if _is_moment(line)]


def add_start(folder: Path, moment: str, first: str | None = None) -> None:
    """Note that the job is begun, or taken up again.

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
    """Ask whoever runs the job to stop, also where no signal reaches it."""
    with contextlib.suppress(OSError):  # a folder of somebody else's, a full disk
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
    """Hold some room on the disk, and give it back for what is said in the end.

    A job that fails because the disk is full needs a little of it to say so.
    """
    path = folder / "reserve"
    try:
        with contextlib.suppress(OSError), path.open("wb") as file:
            file.write(bytes(_RESERVED))
        yield
    finally:
        path.unlink(missing_ok=True)


def deliver(folder: Path, output: Path, target: Path) -> None:
    """Move a finished output to its place, whole. JobFailed when it can't be put there."""
    import shutil

    try:
        make_folders(target.parent)
        if not _same_file_system(output, target.parent):
            # Copied beside the target first, so that it appears whole.
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
    """Where a job's output is copied to before it gets its place, on another file system."""
    return target.parent / f".{target.name}.{folder.name}.partial"


def delivered(folder: Path, target: Path) -> bool:
    """True when this job has put its output there, in an earlier run that was cut off."""
    try:
        return read_file(_marker(folder)) == _identity(target).encode()
    except (FileNotFoundError, IsADirectoryError):
        return False


def _put(folder: Path, output: Path, target: Path) -> None:
    if target.exists():
        raise JobFailed(f"output {target} exists already; move it away and resume the job")
    # Written first, it tells after a crash whether the rename below has happened.
    _marker(folder).write_text(_identity(output), encoding="ascii")
    # What is found in its place counts, and what it was made of is removed: so from here on no
    # power cut may take any of it, nor what the report is made of.
    sync_tree(output)
    sync([_marker(folder), folder / "journal.jsonl", folder])
    output.rename(target)
    sync([output.parent, target.parent])


def _marker(folder: Path) -> Path:
    return folder / "delivered"


def _identity(path: Path) -> str:
    """What a folder keeps when it is renamed."""
    status = path.stat()
    return f"{status.st_dev} {status.st_ino}"


def _same_file_system(path: Path, other: Path) -> bool:
    return path.stat().st_dev == other.stat().st_dev
