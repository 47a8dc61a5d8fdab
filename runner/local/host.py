"""The process that runs one job of the local workspace: `python -m runner.local.host HOME JOB`.

It is in a session of its own, so a job goes on when the terminal that began it is closed, as it
does on Azure. SIGTERM cancels the job; whatever ends the process otherwise leaves a job that
`runner jobs resume` takes up again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from runner.errors import EnvironmentRefused, RunnerError
from runner.local.database import opened
from runner.local.engine.run import Stopped
from runner.local.job_folder import add_start, job_folder, lock, now, say
from runner.local.job_records import select_job, update_job
from runner.workspace import JobStatus

# One thread each: the workers are the parallelism, and sums come out the same however many run.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def spawn(home: Path, name: str) -> subprocess.Popen[bytes]:
    """Start the host of a job. It outlives this process."""
    environment = dict.fromkeys(_THREADS, "1") | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **os.environ,
    }
    folder = job_folder(home, name)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    with (folder / "logs" / "host.txt").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "runner.local.host", str(home), name],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=environment,
        )


def main(home: Path, name: str) -> int:
    """Run a job to its end and write down how it ended."""
    folder = job_folder(home, name)
    held = lock(folder)
    if held is None:
        print(f"job {name} is running already", file=sys.stderr)
        return EnvironmentRefused.exit_status
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with held:
        return _run(home, name, folder, stopping)


def _run(home: Path, name: str, folder: Path, stopping: list[int]) -> int:
    started = now()
    with opened(home) as connection:
        job = select_job(connection, name)
        first = job.started_at or started
        job = update_job(
            connection, name, status=JobStatus.RUNNING, started_at=first, ended_at=None, error=None
        )
    add_start(folder, started)
    say(folder, f"job {name} {'begins' if first == started else 'is taken up again'}")
    status, error, output = JobStatus.COMPLETED, None, None
    try:
        if job.type == "batch":
            from runner.local.batch_job import run_batch_job

            output = run_batch_job(home, job, lambda: bool(stopping))
        else:
            from runner.local.command_job import run_command_job

            output = run_command_job(home, job, lambda: bool(stopping))
    except Stopped:
        status, error = JobStatus.CANCELED, f"canceled; `runner jobs resume {name}` goes on"
    except RunnerError as failure:
        status, error = JobStatus.FAILED, str(failure)
    except Exception as failure:
        import traceback

        traceback.print_exc()
        status = JobStatus.FAILED
        error = f"unexpected {type(failure).__name__}: {failure}; see {folder}/logs/host.txt"
    say(folder, f"job {name} is {status}" + (f": {error}" if error else ""))
    with opened(home) as connection:
        update_job(
            connection,
            name,
            status=status,
            ended_at=now(),
            error=error,
            output=str(output) if output else None,
        )
    return 0 if status == JobStatus.COMPLETED else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
