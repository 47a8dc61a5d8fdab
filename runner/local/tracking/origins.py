"""The origin of files is found here: the job and the run that made them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from runner.bounded_yaml import Unreadable, read_yaml
from runner.errors import NotFound
from runner.jobs.addresses import JobAddress, JobOutput, RunArtifact
from runner.local.tracking.reading import JOB_TAG, read_run
from runner.local.tracking.record import origin_of
from runner.local.tracking.store import reading
from runner.workspace import Origin, Run

# The run itself and those above it: the tag is also looked for on the parents of a child run.
_JOB = """
    WITH RECURSIVE line (id) AS (
        SELECT :run
        UNION SELECT value FROM tags JOIN line ON run_uuid = line.id AND key = 'mlflow.parentRunId'
    )
    SELECT value FROM tags JOIN line ON run_uuid = line.id AND key = :tag LIMIT 1
"""


def makers_of(home: Path, address: JobAddress, path: Path) -> tuple[str | None, str | None]:
    """Return the job and the run that made what an address means, which lies at `path`.

    The job is None if no job of this workspace made it. The run is None if it is unknown whether
    the job's own run or another made it.
    """
    run = address.run if isinstance(address, RunArtifact) else _described_run(path)
    made_by = _job_of(home, run) if run else None
    if not isinstance(address, JobOutput):
        return made_by, run
    return address.job, run if made_by == address.job else None


def find_origin(home: Path, job: str | None, run: str | None) -> Origin | None:
    """Return what is known of a run, or of the job's own if none is named; None if nothing is."""
    known = origin_of(home, job) if job else None
    if run is None or (known and known.run == run):
        return known
    found = _read(home, run, job or "")
    if found is None:
        return known
    return Origin(
        run=found.id,
        commit=found.commit or (known.commit if known else None),
        data={**(known.data if known else {}), **found.inputs},
        metrics={name: metric.value for name, metric in found.metrics.items()},
    )


def _read(home: Path, run: str, job: str) -> Run | None:
    try:
        with reading(home) as connection:
            return read_run(home, connection, run, job)
    except (NotFound, sqlite3.Error):
        return None


def _job_of(home: Path, run: str) -> str | None:
    """Return the job that made a run, or one of the runs above it."""
    try:
        with reading(home) as connection:
            row = connection.execute(_JOB, {"run": run, "tag": JOB_TAG}).fetchone()
    except (NotFound, sqlite3.Error):
        return None
    return row["value"] if row else None


def _described_run(path: Path) -> str | None:
    """Return the run that a model says it was logged in."""
    try:
        described = read_yaml(path / "MLmodel")
    except (OSError, Unreadable):
        return None
    run = described.get("run_id") if isinstance(described, dict) else None
    return run if isinstance(run, str) else None
