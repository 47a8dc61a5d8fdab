"""What a job left behind in the volume: fetched to this machine, and what it says there."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING

from runner.assets.fetching import fresh_folder
from runner.databricks.files import read_file
from runner.databricks.job_runs import find_run, place_of
from runner.databricks.jobs import find_request, job_record
from runner.databricks.requests import ScoreRequest
from runner.databricks.volume import fetch
from runner.errors import EnvironmentRefused, NotFound, RunnerError
from runner.files.atomic import check_absent
from runner.jobs.folder import job_folder
from runner.jobs.summary import read_summary as summary_in
from runner.workspace import JobStatus, OnProgress, Summary, Transfer

if TYPE_CHECKING:
    from runner.databricks.connection import Connection


_SUMMARY = "summary.json"
_RECORDS = ("failures.csv", "report.html", _SUMMARY)
_OUTPUTS = "named-outputs"


def collect(connection: Connection, home: Path, name: str, on_progress: OnProgress) -> Summary:
    """Fetch a completed job's results into `home` unless they are there, and say what it did.

    Raises NotFound for a job that isn't there or whose output is gone, EnvironmentRefused for one
    that has not completed.
    """
    folder = job_folder(home, name)
    if (folder / _SUMMARY).exists():
        return read_summary(home, name)
    asked = find_request(connection, name)
    job = job_record(connection, asked, find_run(connection, name, asked.job_id))
    if job.status is not JobStatus.COMPLETED or not isinstance(asked, ScoreRequest):
        raise EnvironmentRefused(
            f"job {job.name!r} is {job.status}: only a completed one that scores has results"
        )
    try:
        with fresh_folder(folder, private_in=home) as whole:
            place = f"{connection.outputs.volume}/{asked.output}"
            _fetch(connection, place, whole / _OUTPUTS / "score", name, on_progress)
            _fetch_records(connection, name, whole, on_progress)
            _write_as_here(whole, folder)
    except RunnerError:
        if not (folder / _SUMMARY).exists():
            raise
    return read_summary(home, name)  # where it was in the way, another process was faster


def read_summary(home: Path, name: str) -> Summary:
    """The summary of a job whose results were fetched. Raises NotFound for any other."""
    found = summary_in(job_folder(home, name))
    if found is None:
        raise NotFound(f"the results of job {name!r} were not fetched yet")
    return replace(found, notices=tuple(found.notices))


def download_job(
    connection: Connection, home: Path, name: str, target: Path, on_progress: OnProgress
) -> Path:
    """Fetch a job's outputs and logs, as `az ml job download --all` lays them out.

    Outputs go to `named-outputs/<name>/`, logs and records to `artifacts/`; what was collected into
    `home` is copied from there. Returns `target`. Raises WrongUsage when it exists, NotFound where
    there is nothing to fetch.
    """
    target = target.absolute()
    check_absent(target)
    asked = find_request(connection, name)
    job = job_record(connection, asked, find_run(connection, name, asked.job_id))
    collected = job_folder(home, name)
    with fresh_folder(target) as whole:
        if (collected / _SUMMARY).exists():
            copytree(collected / _OUTPUTS, whole / _OUTPUTS)
        else:
            for output, path in asked.outputs.items():
                with suppress(NotFound):  # a job that failed may have written none
                    place = f"{connection.outputs.volume}/{path}"
                    _fetch(connection, place, whole / _OUTPUTS / output, name, on_progress)
        _fetch_records(connection, name, whole / "artifacts", on_progress)
        if not any(whole.iterdir()):
            raise NotFound(f"job {name!r}, which is {job.status}, has nothing to download")
    return target


def _fetch_records(
    connection: Connection, name: str, folder: Path, on_progress: OnProgress
) -> None:
    place = place_of(connection, name)
    with suppress(NotFound):
        _fetch(connection, f"{place}/logs", folder / "logs", name, on_progress)
    for record in _RECORDS:
        content = read_file(connection, f"{place}/{record}")
        if content is not None:
            folder.mkdir(exist_ok=True)
            (folder / record).write_bytes(content)


def _fetch(
    connection: Connection, path: str, folder: Path, name: str, on_progress: OnProgress
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    fetch(
        connection,
        path,
        folder,
        lambda done, total: on_progress(Transfer("downloading", name, done, total)),
    )


def _write_as_here(whole: Path, folder: Path) -> None:
    """Let the summary name the files as they lie on this machine, and not on the cluster's."""
    summary = summary_in(whole)
    if summary is None:
        raise NotFound(f"job {folder.name!r} left no summary in the volume")
    there, here = str(Path(summary.report or "/").parent), str(folder)
    told = replace(
        summary,
        output=summary.output and summary.output.replace(there, here),
        report=str(folder / "report.html"),
        notices=[notice.replace(there, here) for notice in summary.notices],
    )
    (whole / _SUMMARY).write_text(json.dumps(asdict(told), indent=2) + "\n", encoding="utf-8")
