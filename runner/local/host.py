"""The process that runs one job of the local workspace.

It is in a session of its own, so a job goes on when its terminal is closed, as on Azure. SIGTERM
cancels the job, and so does a request in its folder. A job whose process ends in another way is
resumed by `runner jobs resume`.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from runner.engine.stopped import Stopped
from runner.errors import EnvironmentRefused, RunnerError
from runner.jobs.folder import add_start, asked_to_stop, job_folder, log_line, now
from runner.jobs.interpreter import read_interpreter
from runner.jobs.secrets import OVER_STANDARD_INPUT, receive_secrets
from runner.local.database import opened, transaction
from runner.local.job_inputs import prepare_inputs
from runner.local.job_lock import lock
from runner.local.job_records import select_job, update_job
from runner.local.orphans import adopt, end_orphans, reap
from runner.local.venvs import held, user_of
from runner.workspace import Job, JobStatus


def main(home: str, name: str, secrets_from: str = "") -> int:
    """Run a queued job to its end, and write down how it ended.

    With `secrets_from` as OVER_STANDARD_INPUT it receives the job's secrets over that.
    """
    secrets = receive_secrets() if secrets_from == OVER_STANDARD_INPUT else {}
    folder = job_folder(Path(home), name)
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    held = lock(folder)
    if held is None:
        print(f"job {name} is running already", file=sys.stderr)
        return EnvironmentRefused.exit_status
    adopt()
    with held:
        return _run(Path(home), name, folder, stopping, secrets)


def _run(
    home: Path, name: str, folder: Path, stopping: list[int], secrets: Mapping[str, str]
) -> int:
    started = now()
    # A job whose row still says that it is queued is resumed as well.
    with opened(home, durable=False) as connection, transaction(connection):
        job = select_job(connection, name)
        if job.status != JobStatus.QUEUED:
            print(f"job {name} is {job.status}", file=sys.stderr)
            return EnvironmentRefused.exit_status
        first = job.started_at or started
        job = update_job(
            connection, name, status=JobStatus.RUNNING, started_at=first, ended_at=None, error=None
        )
    job = replace(job, interpreter=read_interpreter(folder))
    add_start(folder, started, first)
    log_line(folder, f"job {name} {'begins' if first == started else 'is taken up again'}")

    def stop() -> bool:
        reap()
        return bool(stopping) or asked_to_stop(folder)

    status, error = JobStatus.COMPLETED, None
    changes: dict[str, str | None] = {}
    try:
        with held(home, job.interpreter, user_of(job)) as venv:
            output = _run_as_its_type(home, job, stop, venv, secrets)
        changes = {"output": str(output) if output else None}
    except Stopped:
        status, error = JobStatus.CANCELED, f"canceled; `runner jobs resume {name}` goes on"
    except RunnerError as failure:
        status, error = JobStatus.FAILED, str(failure)
    except Exception as failure:
        import traceback

        traceback.print_exc()
        status = JobStatus.FAILED
        if isinstance(failure, OSError) and failure.filename and failure.strerror:
            error = (
                f"{failure.filename2 or failure.filename}: {failure.strerror}; put that right, and"
                f" `runner jobs resume {name}` goes on"
            )
        else:
            error = f"unexpected {type(failure).__name__}: {failure}; see {folder}/logs/host.txt"
    end_orphans()
    ended = now()
    if job.type != "batch":
        _write_page(folder, replace(job, status=status, ended_at=ended, error=error))
    log_line(folder, f"job {name} is {status}" + (f": {error}" if error else ""))
    with opened(home) as connection:
        update_job(connection, name, status=status, ended_at=ended, error=error, **changes)
    return 0 if status == JobStatus.COMPLETED else 1


def _write_page(folder: Path, job: Job) -> None:
    """Write the page of a training job. An error here does not fail the job."""
    from runner.files.atomic import write_atomically
    from runner.local.tracking.record import read_record
    from runner.report.training import render_training

    try:
        write_atomically(folder / "report.html", render_training(job, read_record(folder)))
    except Exception:
        import traceback

        traceback.print_exc()


def _run_as_its_type(
    home: Path,
    job: Job,
    stop: Callable[[], bool],
    venv: int | None,
    secrets: Mapping[str, str],
) -> Path | None:
    folder = job_folder(home, job.name)
    prepare_inputs(home, job, folder)
    if job.type != "batch":
        from runner.local.command_job import run_command_job

        return run_command_job(home, job, stop, secrets, venv)
    from runner.jobs.batch_run import run_batch

    target = Path(job.output or folder / "named-outputs" / "score")

    def finalizing() -> None:
        with opened(home, durable=False) as connection:
            update_job(connection, job.name, status=JobStatus.FINALIZING)

    run_batch(job, folder, target, stop=stop, finalizing=finalizing, secrets=secrets)
    return target
