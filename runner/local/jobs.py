"""The jobs of the local workspace are begun, shown, canceled and resumed here."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from runner.errors import EnvironmentRefused, NotFound
from runner.files.only_files import only_files
from runner.files.syncing import sync_tree
from runner.jobs.folder import ask_to_stop, forget_stop, job_folder, now, starts
from runner.jobs.interpreter import read_interpreter
from runner.jobs.kinds import JobType
from runner.jobs.secrets import OVER_STANDARD_INPUT, send_secrets
from runner.local.command_lock import end_orphaned_command
from runner.local.database import opened, transaction
from runner.local.job_lock import check_lock, owner
from runner.local.job_records import (
    insert_job,
    latest_job,
    select_job,
    select_jobs,
    update_job,
)
from runner.local.signals import kill_owner, signal_owner
from runner.local.tracking.record import read_record
from runner.local.venvs import restore_venv
from runner.nearest import nearest
from runner.processes import python_command, without_telemetry
from runner.workspace import Job, JobStatus

if TYPE_CHECKING:
    import subprocess

_STARTING = 30.0  # seconds a queued job's process may take to appear
_PATIENCE = 5.0  # seconds a batch job has to end by itself, then those the system has to end it
_COMMANDS_PATIENCE = 5.0  # seconds more, as a command is waited for while it ends by itself
_LOOK = 0.05  # seconds between checks whether a canceled job has ended
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is easily taken for another
_NO_SECRETS: Mapping[str, str] = MappingProxyType({})
_RUNNING = (JobStatus.RUNNING, JobStatus.FINALIZING)


def name_job(stem: str) -> str:
    """Return a name for a job that no other has."""
    import secrets

    return f"{stem}-{''.join(secrets.choice(_LETTERS) for _ in range(6))}"


def begin_job(home: Path, job: Job, secrets: Mapping[str, str] = _NO_SECRETS) -> Job:
    """Register a job whose folder has its instructions, and start its process.

    `secrets` are the values of its variables that its folder does not hold. Raises
    EnvironmentRefused where the process does not come up.
    """
    sync_tree(job_folder(home, job.name))  # a job that is known can be resumed
    with opened(home) as connection:
        insert_job(connection, job)
    return _spawn(home, job.name, secrets)


def list_jobs(home: Path, limit: int | None = None, type_: JobType | None = None) -> list[Job]:
    """Return the jobs, of one type if that is asked for, the latest first."""
    with opened(home) as connection:
        return [_with_live_status(home, job) for job in select_jobs(connection, limit, type_)]


def show_job(home: Path, name: str | None = None) -> Job:
    """Return the job of that name, else the latest. Raises NotFound."""
    with opened(home) as connection:
        job = select_job(connection, name) if name else latest_job(connection)
    if job is None:
        raise NotFound("there are no jobs yet; `runner score` makes one")
    return _with_live_status(home, job)


def cancel_job(home: Path, name: str) -> Job:
    """End a job and wait until its process is gone. Raises NotFound, EnvironmentRefused."""
    job = show_job(home, name)
    if job.status.final and job.status != JobStatus.NOT_RESPONDING:
        raise EnvironmentRefused(f"job {name!r} is {job.status} already")
    folder = job_folder(home, name)
    _end_host(folder, name, _PATIENCE + (_COMMANDS_PATIENCE if job.type != "batch" else 0))
    with opened(home) as connection, transaction(connection):
        ended = select_job(connection, name).status.final
        if not ended:
            update_job(connection, name, status=JobStatus.CANCELED, ended_at=now())
    if not ended:
        end_orphaned_command(folder)
        _end_open_run(home, name)
    return show_job(home, name)


def resume_job(
    home: Path,
    name: str,
    log: Callable[[str], object],
    find_secrets: Callable[[Job], Mapping[str, str]],
) -> Job:
    """Start a job's process again, unless it runs. Raises NotFound, EnvironmentRefused.

    `find_secrets` finds the values that `begin_job` was given. A venv that was removed is made
    again, which `log` gets a line about.
    """
    job = show_job(home, name)
    if job.status == JobStatus.COMPLETED:
        raise EnvironmentRefused(f"job {name!r} is Completed; there is nothing to resume")
    if owner(job_folder(home, name)) is not None:
        return job
    check_lock(job_folder(home, name))
    secrets = find_secrets(job)
    restore_venv(home, job_folder(home, name), log)
    with opened(home) as connection:
        update_job(connection, name, status=JobStatus.QUEUED)
    return _spawn(home, name, secrets)


def _end_host(folder: Path, name: str, patience: float) -> None:
    """Ask the process of a job to end, and kill it if it has not within `patience` seconds.

    It is asked by a signal and by a file in its folder, as signals may not reach it. Raises
    EnvironmentRefused if it goes on.
    """
    process = owner(folder)
    if process is None:
        return
    ask_to_stop(folder)
    reached = signal_owner(
        folder, signal.SIGTERM, signal.SIGCONT
    )  # which a stopped process needs first
    if _ends_within(folder, patience) or (
        reached and kill_owner(folder) and _ends_within(folder, _PATIENCE)
    ):
        return
    if reached:
        raise EnvironmentRefused(
            f"job {name!r} was asked to stop, but process {process}, which runs it, does not end,"
            " even killed: it waits for a disk or a device; cancel the job again once that answers"
        )
    raise EnvironmentRefused(
        f"job {name!r} was asked to stop and does not, and the process that runs it can't be ended"
        " from here: cancel the job where it was begun (another container, machine or user)"
    )


def _ends_within(folder: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while owner(folder) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK)
    return True


def _end_open_run(home: Path, name: str) -> None:
    """End the run that a killed host left open, in a process that imports MLflow."""
    record = read_record(job_folder(home, name))
    if record is not None and record.status == "RUNNING":
        import subprocess

        ending = python_command("runner.local.tracking.lifecycle", str(home), name)
        subprocess.run(ending, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def find_output(home: Path, name: str, output: str) -> Path:
    """Return the file or folder that a job wrote as its output of that name. Raises NotFound."""
    job = show_job(home, name)
    folder = job_folder(home, name) / "named-outputs"
    outputs = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
    if job.type == "batch" and job.output:
        outputs["score"] = Path(job.output)
    if output not in outputs or not outputs[output].exists():
        raise NotFound(
            f"job {name!r}, which is {job.status}, has no output {output!r}"
            f"{nearest(output, outputs)}"
        )
    return outputs[output]


def _spawn(home: Path, name: str, secrets: Mapping[str, str]) -> Job:
    folder = job_folder(home, name)
    forget_stop(folder)
    begun = len(starts(folder))
    process = None
    try:
        process = start_host(home, name, secrets)
        # Until the host has begun, the row shows the status from before.
        while len(starts(folder)) == begun and process.poll() is None:
            time.sleep(_LOOK / 5)
    except BaseException:
        # Interrupted here, the caller doesn't know the job's name yet.
        if process:
            process.terminate()
        _give_up(home, name, JobStatus.CANCELED, "interrupted before it began")
        raise
    if len(starts(folder)) == begun and owner(folder) is None:
        error = f"could not be started; see {folder / 'logs' / 'host.txt'}"
        _give_up(home, name, JobStatus.FAILED, error)
        raise EnvironmentRefused(f"job {name!r} {error}")
    return show_job(home, name)


def start_host(home: Path, name: str, secrets: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the process that runs a job, and send it the job's secrets. It outlives this one."""
    import subprocess

    folder = job_folder(home, name)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    with open(folder / "logs" / "host.txt", "ab", opener=only_files) as output:
        process = subprocess.Popen(
            python_command(
                "runner.local.host", str(home), name, *([OVER_STANDARD_INPUT] if secrets else [])
            ),
            stdin=subprocess.PIPE if secrets else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=without_telemetry(os.environ),
        )
    if process.stdin is not None:
        send_secrets(process.stdin, secrets)
    return process


def _give_up(home: Path, name: str, status: JobStatus, error: str) -> None:
    """End a job that no host has begun."""
    with opened(home) as connection, transaction(connection):
        if select_job(connection, name).status is JobStatus.QUEUED:
            update_job(connection, name, status=status, ended_at=now(), error=error)


def _with_live_status(home: Path, job: Job) -> Job:
    """Return the job with its folder, and as not responding if its process is gone."""
    folder = job_folder(home, job.name)
    unowned = job.status in _RUNNING or (job.status == JobStatus.QUEUED and _is_late(job))
    if unowned and owner(folder) is None:
        # It may have ended after its row was read and before its lock was.
        with opened(home) as connection:
            job = select_job(connection, job.name)
        if not job.status.final:
            error = f"its process is gone; `runner jobs resume {job.name}` goes on"
            job = replace(job, status=JobStatus.NOT_RESPONDING, error=error)
    there = job.status == JobStatus.COMPLETED
    return replace(
        job,
        folder=str(folder),
        output=job.output if there else None,
        interpreter=read_interpreter(folder),
    )


def _is_late(job: Job) -> bool:
    waited = datetime.fromisoformat(now()) - datetime.fromisoformat(job.created_at)
    return waited.total_seconds() > _STARTING
