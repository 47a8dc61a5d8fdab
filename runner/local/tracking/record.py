"""The record of a job's run: `run.json` in its folder, which is read without MLflow.

It is written when the run begins and when it ends; in between, the store has more.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from runner.errors import NotFound
from runner.files.atomic import write_atomically
from runner.files.only_files import read_file
from runner.jobs.folder import job_folder
from runner.local.tracking.reading import read_run
from runner.local.tracking.store import reading
from runner.workspace import LoggedModel, Metric, Origin, Point, Run


def write_record(folder: Path, run: Run) -> None:
    """Keep a run in its job's folder. NaN and infinite numbers are written as Python does."""
    write_atomically(record_file(folder), json.dumps(asdict(run)) + "\n")


def record_file(folder: Path) -> Path:
    return folder / "run.json"


def read_record(folder: Path) -> Run | None:
    """Return the run as it was last written; None for an untracked job or a damaged record."""
    try:
        return _run(json.loads(read_file(record_file(folder))))
    except (FileNotFoundError, IsADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _run(document: dict[str, Any]) -> Run:
    metrics = {
        name: Metric(kept["value"], kept["count"], tuple(Point(*point) for point in kept["curve"]))
        for name, kept in document.pop("metrics").items()
    }
    models = tuple(
        LoggedModel(kept["name"], kept["id"], tuple(kept["flavors"]))
        for kept in document.pop("models")
    )
    artifacts, children = tuple(document.pop("artifacts")), tuple(document.pop("children"))
    return Run(**document, metrics=metrics, models=models, artifacts=artifacts, children=children)


def tracked_run(home: Path, job: str) -> Run | None:
    """Return what a job has tracked so far; None for a job that isn't tracked, or not yet."""
    record = read_record(job_folder(home, job))
    if record is None or record.status != "RUNNING":
        return record
    try:
        with reading(home) as connection:
            run = read_run(home, connection, record.id, job)
    except (sqlite3.Error, NotFound):
        return record
    # The values that the script was given become parameters of the run only in the end.
    return replace(run, parameters={**record.parameters, **run.parameters}) if run else record


def origin_of(home: Path, job: str) -> Origin | None:
    """Return what is kept of a job with a model that it made; None for an untracked job.

    A job registers its outputs before its run has ended.
    """
    record = tracked_run(home, job)
    if record is None:
        return None
    return Origin(
        run=record.id,
        commit=record.commit,
        data=record.inputs,
        metrics={name: metric.value for name, metric in record.metrics.items()},
    )
