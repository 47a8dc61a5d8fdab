from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from runner.azureml.connection import Connection
from runner.azureml.job_logs import Advance, LogFiles
from runner.azureml.storage import storage_of
from runner.workspace import JobStatus, LogLine, Progress
from tests.azureml.stage import Stage
from tests.emulator.batch.history import TOLD
from tests.emulator.batch.invocation import JOBS
from tests.emulator.batch.places import Place
from tests.emulator.batch.task import Settings, Task

LOG = """\
2021-04-15T22:03:32.226929 The overviewer on 10.0.0.4 started.
2021-04-15T22:03:54.767763 Scheduling finished. Scheduled 276 mini batches in 22 seconds. There are\
 276 tasks with 551 items.
2021-04-15T22:03:54.899666 No task has been processed yet.
2021-04-15T22:04:05.237617 Processed 12 of 276 mini batches in 0:00:11. Estimated remaining time\
 0:04:02.
"""


def advance(log: str) -> Advance:
    return reduce(Advance.after, log.splitlines(), Advance())


def test_the_overview_tells_how_many_mini_batches_there_are_and_are_done() -> None:
    assert advance(LOG) == Advance(mini_batches=276, mini_batches_done=12, files=551)


def test_files_that_no_line_calls_failed_are_not_counted_as_none_failed() -> None:
    assert advance(LOG).failed_files is None
    assert advance(LOG + "2021-04-15T22:05:05 2 items failed so far.").failed_files == 2


def test_an_overview_that_has_just_begun_tells_nothing() -> None:
    assert advance(LOG.splitlines()[0]) == Advance()


def test_mini_batches_that_are_scheduled_while_others_are_done_raise_the_total() -> None:
    more = "2021-04-15T22:05:05 Processed 20 of 300 mini batches in 0:01:11."
    assert advance(LOG + more).mini_batches == 300


class Run:
    """A batch job whose logs a test writes."""

    def __init__(self, stage: Stage, status: str, more: Mapping[str, Any] = {}) -> None:
        self._stage = stage
        self.child = str(uuid.uuid4())
        self.name = stage.job(stage.batch("diabetes-batch", (), default=None), status)
        place = Place("any", "any", "any")
        task = Task(
            workspace=stage.workspace_id,
            job=self.name,
            child=self.child,
            input=place,
            output=place,
            output_uri="azureml://datastores/workspaceblobstore/paths/out/",
            model=None,
            code=None,
            scoring_script=None,
            settings=Settings(1, 1, 0, 1.0, 0, "append_row", "predictions.csv"),
        )
        state = stage.emulator.cloud.state
        job = state.get(f"{stage.workspace_id}/jobs/{self.name}")
        assert job is not None
        state.put(stage.workspace_id, JOBS, job.body, {"task": task.to_json(), **more})

    def write(self, name: str, text: str) -> None:
        container = storage_of(Connection(self._stage.outputs())).container(
            "workspaceartifactstore"
        )
        path = f"ExperimentRun/dcid.{self.child}/{name}"
        container.upload_blob(path, text.encode(), overwrite=True)

    def end(self, status: str, **more: object) -> None:
        self._stage.job("", status, self.name, **more)


def test_the_progress_of_a_job_comes_from_its_childs_overview(
    stored: Stage, tmp_path: Path
) -> None:
    run = Run(stored, "Running")
    run.write("logs/job_progress_overview.20210415220332.txt", LOG)
    events = stored.workspace(tmp_path).follow(run.name, logs=False)
    assert next(events) == Progress(JobStatus.RUNNING, 276, 12, None, None)
    done = "2021-04-15T22:05:05 Processed 276 of 276 mini batches in 0:01:11.\n"
    run.write("logs/job_progress_overview.20210415220332.txt", LOG + done)
    run.end("Completed")
    *_, last = events
    assert last == Progress(JobStatus.COMPLETED, 276, 276, None, None)


def test_the_child_that_scores_is_found_among_others(stored: Stage) -> None:
    run = Run(stored, "Running", {TOLD: {"steps": {"prepare": str(uuid.uuid4())}}})
    assert LogFiles(Connection(stored.outputs()), run.name).child == run.child


def test_each_line_of_a_log_is_told_once_and_whole(stored: Stage, tmp_path: Path) -> None:
    run = Run(stored, "Running")
    run.write("user_logs/std_log_0.txt", "one\ntw")
    files = LogFiles(Connection(stored.outputs()), run.name)
    files.look()
    assert files.shown_lines() == ["one"]
    assert files.shown_lines() == []
    run.write("user_logs/std_log_0.txt", "one\ntwo\nthree\n")
    assert files.shown_lines() == ["two", "three"]


def test_the_log_of_a_final_job_is_told_whole(stored: Stage, tmp_path: Path) -> None:
    run = Run(stored, "Running")
    run.write("user_logs/std_log_0.txt", "one\ntwo\n")
    run.write("logs/sys/master_role.txt", "of no interest\n")
    run.end("Completed")
    events = list(stored.workspace(tmp_path).follow(run.name))
    assert events[:-1] == [LogLine("one"), LogLine("two")]


@pytest.mark.parametrize(
    "name", ["logs/user/error/10.0.0.4_0/process000.txt", "logs/job_error.9.txt"]
)
def test_the_error_is_found_wherever_a_cluster_writes_it(
    stored: Stage, tmp_path: Path, name: str
) -> None:
    run = Run(stored, "Running")
    run.write("user_logs/std_log_0.txt", "of no interest\n")
    run.write(name, "ValueError: no such column\n")
    run.end("Failed")
    assert stored.workspace(tmp_path).job(run.name).error == (
        "its log ends: ValueError: no such column"
    )


def test_a_failed_job_tells_its_error_and_the_end_of_its_log(stored: Stage, tmp_path: Path) -> None:
    run = Run(stored, "Running")
    run.write("logs/user/error.txt", "first\nValueError: no such column\n")
    run.end("Failed", error={"code": "UserError", "message": "The run failed."})
    job = stored.workspace(tmp_path).job(run.name)
    assert job.status is JobStatus.FAILED
    assert job.error == "The run failed.; its log ends: first / ValueError: no such column"


def test_what_the_error_says_is_not_said_again_from_the_log(stored: Stage, tmp_path: Path) -> None:
    run = Run(stored, "Running")
    run.write("logs/user/error.txt", "first\nValueError: no such column\n")
    run.end("Failed", error={"code": "UserError", "message": "ValueError: no such column"})
    assert stored.workspace(tmp_path).job(run.name).error == (
        "ValueError: no such column; its log ends: first"
    )


def test_what_a_failed_job_says_is_scrubbed(stored: Stage, tmp_path: Path) -> None:
    run = Run(stored, "Running")
    run.write("logs/user/error.txt", "https://a.blob/c?sig=SECRETSECRET\n")
    run.end("Failed")
    error = stored.workspace(tmp_path).job(run.name).error
    assert error is not None
    assert "SECRETSECRET" not in error


def test_a_cluster_that_a_firewall_keeps_out_is_told_the_way_out(
    stored: Stage, tmp_path: Path
) -> None:
    run = Run(stored, "Running")
    said = "Failed to pull the image: client with IP '20.1.2.3' is not allowed access."
    run.end("Failed", error={"code": "UserError", "message": said})
    text = str(stored.workspace(tmp_path).job(run.name).error)
    assert text.startswith(said)
    assert "`az acr network-rule add --name REGISTRY --ip-address 20.1.2.3`" in text
