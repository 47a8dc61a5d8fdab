from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from runner.errors import NotFound
from runner.workspace import JobStatus, Progress
from tests.azureml.stage import Stage
from tests.emulator.faults import Drop, forbidden, server_error, throttled


def test_a_final_job_ends_at_once(stage: Stage, tmp_path: Path) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Completed")
    events = list(stage.workspace(tmp_path).follow(name))
    assert [event.status for event in events if isinstance(event, Progress)] == [
        JobStatus.COMPLETED
    ]


def test_a_job_is_followed_to_its_end(stage: Stage, tmp_path: Path) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Preparing")
    states = []
    for event in stage.workspace(tmp_path).follow(name, logs=False):
        assert isinstance(event, Progress)
        states.append(event.status)
        if len(states) == 1:
            stage.job("", "Running", name)
        elif len(states) == 2:
            stage.job("", "Completed", name)
    assert states == [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.COMPLETED]


def test_looks_become_rarer(stage: Stage, tmp_path: Path) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Preparing")
    threading.Timer(1.5, stage.job, ("", "Completed", name)).start()
    begun = time.monotonic()
    looks = len(list(stage.workspace(tmp_path).follow(name, logs=False)))
    assert time.monotonic() - begun >= 1.5
    assert looks <= 8  # 30 at the first pause


def test_trouble_on_the_way_does_not_end_it(stage: Stage, tmp_path: Path) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Completed")
    for fault in (throttled(), Drop("after"), server_error()):
        stage.emulator.faults.inject(fault, path=f"*/jobs/{name}")
    events = list(stage.workspace(tmp_path).follow(name, logs=False))
    assert len(stage.emulator.faults.injected) == 3
    assert len(events) == 1


def test_a_log_that_cannot_be_read_does_not_end_it(stage: Stage, tmp_path: Path) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Completed")
    stage.emulator.faults.inject(forbidden(), path="/history/*", times=None)
    assert len(list(stage.workspace(tmp_path).follow(name))) == 1


def test_an_unknown_job_is_not_found(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no job 'nowhere'"):
        list(stage.workspace(tmp_path).follow("nowhere"))
