from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from runner.workspace import JobStatus, LogLine, Progress, TrainingRequest

from .conftest import Run, as_printed
from .memory import MemoryWorkspace


def test_inputs_are_set_and_the_log_goes_to_stderr(run: Run, workspace: MemoryWorkspace) -> None:
    workspace.events = [
        Progress(JobStatus.RUNNING, 0, 0, 0, 0),
        LogLine("accuracy 0.9"),
    ]
    result = run("train", "diabetes", "--set", "data=labeled.csv", "--set", "rate=0.1")
    assert workspace.trainings == [
        TrainingRequest("diabetes", inputs={"data": "labeled.csv", "rate": "0.1"})
    ]
    assert result.err == "accuracy 0.9\n"
    assert "job      job-1\nstatus   Completed\n" in result.out


def test_json_is_the_job(run: Run, workspace: MemoryWorkspace) -> None:
    result = run("train", "diabetes", "-o", "json")
    assert json.loads(result.out) == {**as_printed(workspace.job("job-1")), "run": None}


def test_no_wait_prints_the_name(run: Run, workspace: MemoryWorkspace) -> None:
    assert run("train", "diabetes", "--no-wait").out == "job-1\n"
    assert workspace.job().status is JobStatus.RUNNING


def test_a_failed_training_is_status_1(run: Run, workspace: MemoryWorkspace) -> None:
    workspace.ending, workspace.error = JobStatus.FAILED, "exit status 3"
    result = run("train", "diabetes")
    assert (result.status, result.out) == (1, "")
    assert "error: job job-1 failed: exit status 3\n" in result.err


def test_a_canceled_training_is_not_said_to_be_resumable(
    run: Run, workspace: MemoryWorkspace
) -> None:
    workspace.ending = JobStatus.CANCELED
    assert run("train", "diabetes").err.endswith("error: job job-1 was canceled\n")


def test_a_job_is_named_by_folder_and_name_or_by_its_file(
    run: Run, workspace: MemoryWorkspace, tmp_path: Path
) -> None:
    file = tmp_path / "job.yml"
    file.touch()
    run("train", "diabetes", "autolog")
    run("train", "--file", str(file))
    assert workspace.trainings == [
        TrainingRequest("diabetes", "autolog"),
        TrainingRequest(file=file),
    ]


def test_a_job_is_named_in_one_way(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "job.yml"
    file.touch()
    for words, error in (
        ((), "name a MODEL, or a job's declaration with --file"),
        (("diabetes", "--file", str(file)), "MODEL and --file exclude each other"),
    ):
        result = run("train", *words)
        assert result.status == 2
        assert error in result.err


def test_a_job_is_shown_with_its_report_where_there_is_one(
    run: Run, workspace: MemoryWorkspace, tmp_path: Path
) -> None:
    workspace.add(replace(workspace.train(TrainingRequest("diabetes")), folder=str(tmp_path)))
    assert "report" not in run("jobs", "show").out
    (tmp_path / "report.html").touch()
    assert "report   report.html\n" in run("jobs", "show").out
