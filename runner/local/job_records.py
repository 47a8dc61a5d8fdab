"""The jobs' rows in the local workspace's database."""

from __future__ import annotations

import sqlite3
from dataclasses import fields
from typing import cast

from runner.errors import EnvironmentRefused, NotFound
from runner.local.database import decode, encode
from runner.nearest import nearest
from runner.workspace import Job, JobStatus

# The folder follows from the name, the interpreter is in the folder, and notices are not kept.
_COLUMNS = tuple(
    column.name for column in fields(Job) if column.name not in ("folder", "notices", "interpreter")
)


def insert_job(connection: sqlite3.Connection, job: Job) -> None:
    """Add a job. Raises `EnvironmentRefused` where the workspace has one of that name."""
    try:
        connection.execute(
            f"INSERT INTO jobs ({', '.join(_COLUMNS)})"  # noqa: S608 - columns
            f" VALUES ({', '.join(f':{column}' for column in _COLUMNS)})",
            {column: encode(getattr(job, column)) for column in _COLUMNS},
        )
    except sqlite3.IntegrityError as error:
        raise EnvironmentRefused(f"job {job.name} exists already: choose another name") from error


def update_job(connection: sqlite3.Connection, name: str, **changes: str | None) -> Job:
    """Set the given columns of a job and return it as it is then.

    Raises `NotFound` for an unknown job.
    """
    unknown = changes.keys() - set(_COLUMNS)
    if unknown:
        raise TypeError(f"a job has no column {', '.join(sorted(unknown))}")
    if changes:
        assignments = ", ".join(f"{column} = ?" for column in changes)
        connection.execute(
            f"UPDATE jobs SET {assignments} WHERE name = ?",  # noqa: S608 - columns, checked above
            [*map(encode, changes.values()), encode(name)],
        )
    return select_job(connection, name)


def delete_job(connection: sqlite3.Connection, name: str) -> None:
    """Delete a job, if there is one of that name."""
    connection.execute("DELETE FROM jobs WHERE name = ?", [encode(name)])


def select_job(connection: sqlite3.Connection, name: str) -> Job:
    """Return the job of that name. Raises `NotFound`."""
    row = connection.execute("SELECT * FROM jobs WHERE name = ?", [encode(name)]).fetchone()
    if row is None:
        names = (row["name"] for row in connection.execute("SELECT name FROM jobs"))
        raise NotFound(f"no job {name!r}{nearest(name, names)}")
    return _job(row)


def select_jobs(
    connection: sqlite3.Connection, limit: int | None = None, type_: str | None = None
) -> list[Job]:
    """Return the jobs, of one type where that is asked for, newest first, no more than `limit`."""
    rows = connection.execute(
        "SELECT * FROM jobs WHERE type = COALESCE(?, type) ORDER BY sequence DESC LIMIT ?",
        [type_, -1 if limit is None else limit],
    )
    return [_job(row) for row in rows]


def latest_job(connection: sqlite3.Connection) -> Job | None:
    """Return the newest job, None where there is none."""
    return next(iter(select_jobs(connection, limit=1)), None)


def _job(row: sqlite3.Row) -> Job:
    values = {column: decode(row[column]) for column in _COLUMNS}
    status = JobStatus(cast(str, values.pop("status")))
    return Job(status=status, **values)  # type: ignore[arg-type]  # NOT NULL columns are text
