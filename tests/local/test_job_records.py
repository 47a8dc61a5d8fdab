from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused, NotFound
from runner.local.database import opened
from runner.local.job_records import (
    insert_job,
    latest_job,
    select_job,
    select_jobs,
    update_job,
)
from runner.workspace import Job, JobStatus

QUEUED = Job(
    name="brave-otter-1",
    type="batch",
    status=JobStatus.QUEUED,
    created_at="2025-01-01T00:00:00+00:00",
)
FULL = Job(
    name="calm-heron-2",
    type="command",
    status=JobStatus.FAILED,
    created_at="2025-01-02T00:00:00+00:00",
    endpoint="diabetes-batch",
    deployment="mlflow",
    model="azureml:diabetes:3",
    input="/data/\udcff äöü.csv",
    output="/out",
    started_at="2025-01-02T00:00:01+00:00",
    ended_at="2025-01-02T00:00:02+00:00",
    error="1 file failed",
)


def test_a_job_comes_back_as_it_was_put_in(tmp_path: Path) -> None:
    with opened(tmp_path) as connection:
        insert_job(connection, QUEUED)
        insert_job(connection, FULL)
        assert select_job(connection, QUEUED.name) == QUEUED
        assert select_job(connection, FULL.name) == FULL
        assert select_job(connection, FULL.name).status.final


def test_the_folder_is_not_stored(tmp_path: Path) -> None:
    with opened(tmp_path) as connection:
        insert_job(connection, replace(QUEUED, folder="/somewhere"))
        assert select_job(connection, QUEUED.name) == QUEUED


def test_jobs_are_listed_newest_first_whatever_the_clock_said(tmp_path: Path) -> None:
    with opened(tmp_path) as connection:
        assert latest_job(connection) is None
        assert select_jobs(connection) == []
        times = ["2025-03-01", "2025-01-01", "2025-01-01", "2025-02-01"]
        for number, time in enumerate(times):
            insert_job(connection, replace(QUEUED, name=f"job-{number}", created_at=time))
        names = [job.name for job in select_jobs(connection)]
        assert names == ["job-3", "job-2", "job-1", "job-0"]
        assert [job.name for job in select_jobs(connection, limit=2)] == ["job-3", "job-2"]
        latest = latest_job(connection)
    assert latest is not None
    assert latest.name == "job-3"


def test_an_update_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    other = replace(QUEUED, name="other")
    with opened(tmp_path) as connection:
        insert_job(connection, QUEUED)
        insert_job(connection, other)
        changed = update_job(
            connection, QUEUED.name, status=JobStatus.RUNNING, started_at="now", input="/\udcff"
        )
        expected = replace(QUEUED, status=JobStatus.RUNNING, started_at="now", input="/\udcff")
        assert changed == expected
        assert update_job(connection, QUEUED.name) == expected
        assert update_job(connection, QUEUED.name, input=None) == replace(expected, input=None)
        assert select_job(connection, "other") == other


def test_an_update_of_what_is_no_column_is_a_mistake(tmp_path: Path) -> None:
    with opened(tmp_path) as connection:
        insert_job(connection, QUEUED)
        with pytest.raises(TypeError, match="no column folder"):
            update_job(connection, QUEUED.name, folder="/somewhere")


def test_an_unknown_job_is_not_found_and_the_nearest_is_named(tmp_path: Path) -> None:
    with opened(tmp_path) as connection:
        insert_job(connection, QUEUED)
        insert_job(connection, FULL)
        with pytest.raises(NotFound, match=r"no job 'brave-oter-1'; did you mean 'brave-otter-1'"):
            select_job(connection, "brave-oter-1")
        with pytest.raises(NotFound, match="no job 'zzz'"):
            update_job(connection, "zzz", status=JobStatus.RUNNING)


def test_a_name_is_given_once(tmp_path: Path) -> None:
    with opened(tmp_path) as connection:
        insert_job(connection, QUEUED)
        with pytest.raises(EnvironmentRefused, match="brave-otter-1 exists already"):
            insert_job(connection, QUEUED)
        assert len(select_jobs(connection)) == 1
