from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.cli.jobs import FINAL
from runner.workspace import Invocation, JobStatus

from .conftest import Run, as_printed
from .memory import MemoryWorkspace


@pytest.fixture(autouse=True)
def _two_jobs(workspace: MemoryWorkspace) -> None:
    for _ in range(2):
        job = workspace.invoke(Invocation())
        for _ in workspace.follow(job.name):
            pass


def test_list_has_a_line_for_each_job_the_latest_first(run: Run) -> None:
    lines = run("jobs", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["job", "job-2", "job-1"]
    assert lines[1].split() == [
        "job-2",
        "batch",
        "Completed",
        "2025-03-01",
        "14:05:09",
        "diabetes-batch",
        "mlflow",
        "diabetes:1",
    ]


def test_list_takes_a_limit_and_prints_json(run: Run, workspace: MemoryWorkspace) -> None:
    result = run("jobs", "list", "-n", "1", "-o", "json")
    assert json.loads(result.out) == [as_printed(workspace.job("job-2"))]


def test_an_empty_list_says_so_on_stderr(run: Run, workspace: MemoryWorkspace) -> None:
    workspace._jobs.clear()
    result = run("jobs", "list")
    assert (result.status, result.out) == (0, "")
    assert "no jobs yet" in result.err
    assert json.loads(run("jobs", "list", "-o", "json").out) == []


def test_show_means_the_latest_job_and_adds_its_summary(run: Run) -> None:
    out = run("jobs", "show").out
    assert out.startswith("job          job-2\n")
    assert "created      2025-03-01 14:05:09 UTC\n" in out
    assert "report       /jobs/here/report.html\n" in out


def test_show_as_json_is_the_job_with_its_summary(run: Run, workspace: MemoryWorkspace) -> None:
    shown = json.loads(run("jobs", "show", "job-1", "-o", "json").out)
    assert shown.pop("summary") == as_printed(workspace.summary("job-1"))
    assert shown.pop("run") is None
    assert shown == as_printed(workspace.job("job-1"))


def test_show_of_a_running_job_has_no_summary(run: Run, workspace: MemoryWorkspace) -> None:
    workspace.invoke(Invocation())
    assert json.loads(run("jobs", "show", "-o", "json").out)["summary"] is None


def test_show_of_an_unknown_job_is_status_3(run: Run) -> None:
    result = run("jobs", "show", "job-9")
    assert (result.status, result.err) == (3, "error: no job 'job-9'\n")


def test_show_of_a_final_job_with_v_prints_its_log_on_stderr(
    run: Run, workspace: MemoryWorkspace
) -> None:
    workspace.follow("job-1")
    assert run("jobs", "show", "job-1").err == ""
    result = run("jobs", "show", "job-1", "-v", "-o", "json")
    assert result.err == "loading\n"
    assert json.loads(result.out)["name"] == "job-1"


def test_stream_prints_the_log_on_stdout_and_gets_the_results(
    run: Run, workspace: MemoryWorkspace
) -> None:
    result = run("jobs", "stream")
    assert (result.status, result.out) == (0, "loading\n")
    assert result.err.endswith("400 rows: /jobs/here/predictions.csv\n")
    assert workspace.collected == [workspace.job().name]


def test_stream_ends_as_the_job_did(run: Run, workspace: MemoryWorkspace) -> None:
    workspace.ending, workspace.error = JobStatus.FAILED, "no file could be read"
    job = workspace.invoke(Invocation())
    result = run("jobs", "stream", job.name)
    assert (result.status, result.out) == (1, "loading\n")
    assert "failed: no file could be read" in result.err


def test_cancel_prints_what_became_of_the_job(run: Run, workspace: MemoryWorkspace) -> None:
    job = workspace.invoke(Invocation())
    assert run("jobs", "cancel", job.name).out == "job-3  Canceled\n"
    assert workspace.job("job-3").status is JobStatus.CANCELED


def test_cancel_wants_a_name(run: Run) -> None:
    result = run("jobs", "cancel")
    assert result.status == 2
    assert "NAME" in result.err


def test_cancel_of_a_job_that_ended_is_refused(run: Run) -> None:
    assert run("jobs", "cancel", "job-1").status == 3


def test_resume_follows_and_summarises(run: Run, workspace: MemoryWorkspace) -> None:
    result = run("jobs", "resume", "job-1", "--download", "out", "-o", "json")
    assert workspace.resumed == ["job-1"]
    assert workspace.downloads == [("job-1", Path("out"))]
    assert json.loads(result.out) == as_printed(workspace.summary("job-1"))


def test_resume_refuses_a_place_that_exists_before_it_begins(
    run: Run, workspace: MemoryWorkspace, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    result = run("jobs", "resume", "job-1", "--download", "out")
    assert result.status == 2
    assert "out exists already; name another place" in result.err
    assert workspace.resumed == []


def test_resume_without_a_name_means_the_latest_job(run: Run, workspace: MemoryWorkspace) -> None:
    assert run("jobs", "resume", "--no-wait").out == "job-2\n"
    assert workspace.resumed == ["job-2"]


def test_download_goes_to_a_folder_named_as_the_job(run: Run, workspace: MemoryWorkspace) -> None:
    assert run("jobs", "download").out == "job-2\n"
    assert workspace.downloads == [("job-2", Path("job-2"))]


@pytest.mark.parametrize("option", ["--output-path", "-p", "--download", "--download-path"])
def test_download_takes_a_folder(run: Run, workspace: MemoryWorkspace, option: str) -> None:
    run("jobs", "download", "job-1", option, "out")
    assert workspace.downloads == [("job-1", Path("out"))]


def test_a_group_alone_shows_its_help(run: Run) -> None:
    result = run("jobs")
    assert result.status == 0
    assert result.out.startswith("Usage: runner jobs ")


def test_the_states_a_job_is_removed_by_are_the_final_ones() -> None:
    assert set(FINAL) == {status for status in JobStatus if status.final}


def test_remove_takes_the_named_jobs_once_it_may(run: Run, workspace: MemoryWorkspace) -> None:
    shown = run("jobs", "remove", "job-1", "job-1")
    assert shown.status == 0
    assert "--yes removes 1 job and 1 kB" in shown.err
    assert len(workspace.jobs()) == 2
    result = run("jobs", "remove", "job-1", "-y", "-o", "json")
    assert json.loads(result.out) == {"removed": ["job-1"], "bytes": 1000}
    assert [job.name for job in workspace.jobs()] == ["job-2"]


def test_remove_chooses_by_age_and_status_and_leaves_what_runs(
    run: Run, workspace: MemoryWorkspace
) -> None:
    running = workspace.invoke(Invocation())
    assert run("jobs", "remove", "--status", "failed", "-y").err == "no job is to be removed\n"
    assert run("jobs", "remove", "--older-than", "999999w", "-y").out == ""
    assert "job-1" in run("jobs", "remove", "--older-than", "0m").out
    assert run("jobs", "remove", "--older-than", "30d", "-y").out == "job-2\njob-1\n"
    assert workspace.jobs() == [running]
    result = run("jobs", "remove", running.name, "-y")
    assert (result.status, result.out) == (3, "")


@pytest.mark.parametrize(
    "words",
    [(), ("job-1", "--status", "Failed"), ("--older-than", "soon")],
)
def test_remove_wants_names_or_a_choice_and_not_both(run: Run, words: tuple[str, ...]) -> None:
    assert run("jobs", "remove", "-y", *words).status == 2
