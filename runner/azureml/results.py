"""Downloads the files that a job of Azure wrote, and sums them up."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from runner.azureml.downloads import fetch
from runner.azureml.job_logs import Advance, log_files_of
from runner.azureml.job_outputs import SCORE, find_output, find_outputs, writing_run
from runner.azureml.jobs import find_job, job_record, timed
from runner.azureml.output_rows import count
from runner.azureml.storage import ARTIFACTS, Place, storage_of
from runner.errors import EnvironmentRefused, NotFound
from runner.files.atomic import check_absent
from runner.remote.results import (
    OUTPUTS,
    SUMMARY,
    download_results,
    fetch_once,
    fetched_summary,
    is_fetched,
)
from runner.tally import in_order, told
from runner.workspace import JobStatus, OnProgress, Summary, Transfer

if TYPE_CHECKING:
    from runner.azureml.connection import Connection
    from runner.workspace import Job


def collect(connection: Connection, home: Path, name: str, on_progress: OnProgress) -> Summary:
    """Download a completed job's output into `home` unless it is there, and sum it up.

    Raises NotFound for a job that isn't there or whose output is gone, and EnvironmentRefused for
    a job that has not completed.
    """
    if not is_fetched(home, name):
        job = _completed(connection, name)

        def fetch_all(draft: Path, folder: Path) -> None:
            place = find_output(connection, job, SCORE)
            files = _fetch(connection, place, draft / OUTPUTS / SCORE, name, on_progress)
            summary = _sum_up(connection, job, files, folder, draft)
            (draft / SUMMARY).write_text(json.dumps(asdict(summary), indent=2) + "\n")

        fetch_once(home, name, fetch_all)
    return fetched_summary(home, name)


def download_job(
    connection: Connection, home: Path, name: str, target: Path, on_progress: OnProgress
) -> Path:
    """Fetch a job's outputs and logs; see `download_results`."""
    check_absent(target)
    job = job_record(connection, find_job(connection, name))

    def fetch_outputs(folder: Path) -> None:
        for output, place in find_outputs(connection, job).items():
            with suppress(NotFound):  # a job that failed may have written none
                _fetch(connection, place, folder / output, name, on_progress)

    def fetch_logs(folder: Path) -> None:
        logs = Place(ARTIFACTS, f"ExperimentRun/dcid.{writing_run(connection, job)}")
        with suppress(NotFound):
            _fetch(connection, logs, folder, name, on_progress)

    return download_results(home, job, target, fetch_outputs, fetch_logs)


def _completed(connection: Connection, name: str) -> Job:
    job = job_record(connection, find_job(connection, name))
    if job.status is not JobStatus.COMPLETED:
        raise EnvironmentRefused(
            f"job {job.name!r} is {job.status}: only a completed one has results"
        )
    return job


def _fetch(
    connection: Connection, place: Place, folder: Path, name: str, on_progress: OnProgress
) -> list[Path]:
    container = storage_of(connection).container(place.datastore)
    return fetch(
        container,
        place.path,
        folder,
        lambda done, total: on_progress(Transfer("downloading", name, done, total)),
    )


def _sum_up(
    connection: Connection, job: Job, files: list[Path], folder: Path, whole: Path
) -> Summary:
    advance = _advance(connection, job.name)
    rows, named, tally = count(files)
    seconds = _seconds(job if job.started_at and job.ended_at else timed(connection, job))
    output = files[0] if len(files) == 1 else whole / OUTPUTS / SCORE
    return Summary(
        job=job.name,
        status=job.status,
        rows=rows,
        files=advance.files or named,
        failed_files=advance.failed_files,
        mini_batches=advance.mini_batches,
        retries=None,  # Azure makes them without telling
        seconds=seconds,
        rows_per_second=round(rows / seconds, 1) if seconds else 0.0,
        predictions=in_order(tally.classes),
        columns=told(tally),
        output=str(folder / output.relative_to(whole)),
        report=None,
        notices=_notices(named, advance.files),
    )


def _notices(named: int, files: int) -> tuple[str, ...]:
    """Return a notice where the rows name fewer files than the job read.

    That need not be wrong: a file may have no rows, or the same name as another in another folder.
    """
    if not 0 < named < files:
        return ()
    return (f"the output's rows name {named:,} of {files:,} files; the job's logs say what failed",)


def _advance(connection: Connection, name: str) -> Advance:
    """Return the final progress of the job's log, whose rest is read if need be."""
    logs = log_files_of(connection, name)
    if logs.advance.mini_batches_done < max(1, logs.advance.mini_batches):
        # The progress is worth having, but not worth failing for.
        with suppress(EnvironmentRefused):
            logs.look(whole=False)
            logs.progress_lines()
    return logs.advance


def _seconds(job: Job) -> float:
    from datetime import datetime

    if not job.started_at or not job.ended_at:
        return 0.0
    begun, ended = datetime.fromisoformat(job.started_at), datetime.fromisoformat(job.ended_at)
    return round((ended - begun).total_seconds(), 3)
