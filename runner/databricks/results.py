"""The results that a job left in the volume, fetched to this machine."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.databricks.files import read_file
from runner.databricks.job_runs import job_place
from runner.databricks.jobs import current_record, find_request
from runner.databricks.requests import ScoreRequest
from runner.databricks.volume import fetch
from runner.errors import EnvironmentRefused, NotFound
from runner.files.atomic import check_absent
from runner.jobs.batch_summary import read_summary
from runner.remote.results import (
    OUTPUTS,
    SUMMARY,
    download_results,
    fetch_once,
    fetched_summary,
    is_fetched,
)
from runner.workspace import JobStatus, OnProgress, Summary, Transfer

if TYPE_CHECKING:
    from runner.databricks.connection import Connection


_RECORDS = ("failures.csv", "report.html", SUMMARY)


def collect(connection: Connection, home: Path, name: str, on_progress: OnProgress) -> Summary:
    """Fetch a completed job's results into `home` unless they are there, and say what it did.

    Raises NotFound for a job that isn't there or whose output is gone, EnvironmentRefused for one
    that has not completed.
    """
    if not is_fetched(home, name):
        asked = find_request(connection, name)
        job = current_record(connection, asked)
        if job.status is not JobStatus.COMPLETED or not isinstance(asked, ScoreRequest):
            raise EnvironmentRefused(
                f"job {job.name!r} is {job.status}: only a completed one that scores has results"
            )
        place = f"{connection.outputs.volume}/{asked.output}"

        def fetch_all(draft: Path, folder: Path) -> None:
            _fetch(connection, place, draft / OUTPUTS / "score", name, on_progress)
            _fetch_records(connection, name, draft, on_progress)
            _rewrite_summary(draft, folder)

        fetch_once(home, name, fetch_all)
    return fetched_summary(home, name)


def download_job(
    connection: Connection, home: Path, name: str, target: Path, on_progress: OnProgress
) -> Path:
    """Fetch a job's outputs, logs and records; see `download_results`."""
    check_absent(target)
    asked = find_request(connection, name)

    def fetch_outputs(folder: Path) -> None:
        for output, path in asked.outputs.items():
            with suppress(NotFound):  # a job that failed may have written none
                place = f"{connection.outputs.volume}/{path}"
                _fetch(connection, place, folder / output, name, on_progress)

    return download_results(
        home,
        current_record(connection, asked),
        target,
        fetch_outputs,
        lambda folder: _fetch_records(connection, name, folder, on_progress),
    )


def _fetch_records(
    connection: Connection, name: str, folder: Path, on_progress: OnProgress
) -> None:
    place = job_place(connection, name)
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


def _rewrite_summary(draft: Path, folder: Path) -> None:
    """Let the summary name the files where they will lie on this machine, not on the cluster's."""
    summary = read_summary(draft)
    if summary is None:
        raise NotFound(f"job {folder.name!r} left no summary in the volume")
    there, here = str(Path(summary.report or "/").parent), str(folder)
    told = replace(
        summary,
        output=summary.output and summary.output.replace(there, here),
        report=str(folder / "report.html"),
        notices=[notice.replace(there, here) for notice in summary.notices],
    )
    (draft / SUMMARY).write_text(json.dumps(asdict(told), indent=2) + "\n", encoding="utf-8")
