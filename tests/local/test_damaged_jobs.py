"""What a job keeps of itself is damaged: it is looked at and taken up again all the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.jobs.batch_progress import Counter
from runner.jobs.folder import add_start, job_folder, log_file, starts
from runner.jobs.summary import read_summary
from runner.local.database import opened
from runner.local.job_records import update_job
from runner.local.jobs import list_jobs, show_job
from runner.workspace import JobStatus
from tests.projects import ScratchProject, make_project

FAILING_ONCE = """
import os

def init():
    pass

def run(mini_batch):
    if "f001" in mini_batch[0] and not os.path.exists("mended"):
        raise ValueError("not yet")
    return [f"{os.path.basename(path)}" for path in mini_batch]
"""
FIRST, SECOND = "2026-03-01T10:00:00.000+00:00", "2026-03-01T11:00:00.000+00:00"


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> ScratchProject:
    """Return a project with a job that scored a file and failed at another."""
    project = make_project(tmp_path_factory.mktemp("failed"))
    project.deployment("settings: {mini_batch_size: 1, retry_settings: {max_retries: 0}}\n")
    project.script(FAILING_ONCE.replace("mended", str(project.root / "mended")))
    assert project.run("score", "--set", "error_threshold=0").returncode == 1
    return project


def test_a_job_is_shown_and_resumed_whatever_of_it_is_damaged(failed: ScratchProject) -> None:
    job = failed.json("jobs", "list")[0]["name"]
    folder = job_folder(failed.home, job)
    for name in ("interpreter.json", "summary.json", "plan.json", "starts.txt", "journal.jsonl"):
        path = folder / name
        for damaged in (b"", b"\xff\0{", b"{}\n", b"[1]\n"):
            path.write_bytes(damaged)
            assert [shown.name for shown in list_jobs(failed.home)] == [job]
            assert show_job(failed.home, job).status == "Failed"
            read_summary(folder)
        for other in (Path.mkdir, os.mkfifo):  # a pipe that nobody writes to keeps its reader
            path.unlink()
            other(path)
            assert show_job(failed.home, job).status == "Failed"
            read_summary(folder)
            Counter(folder).progress(JobStatus.FAILED)
            if path.is_dir():
                path.rmdir()
                path.touch()
    assert "Failed" in failed.run("jobs", "show", job).stdout
    lock = folder / "lock"
    lock.unlink()
    lock.mkdir()
    refused = failed.run("jobs", "resume", job)
    assert refused.returncode == 3
    assert "lock is not a file, and is what the process of a job holds: remove it" in refused.stderr
    lock.rmdir()
    (failed.root / "mended").touch()
    resumed = failed.run("jobs", "resume", job, "-v")
    assert resumed.returncode == 0, resumed.stderr
    for told in (
        "journal.jsonl can't be read",
        "plan.json is gone or damaged",
        "starts.txt is dam",
    ):
        assert told in log_file(folder).read_text()
    assert (folder / "named-outputs" / "score" / "predictions.csv").read_text() == (
        "f000.txt\nf001.txt\n"
    )
    assert failed.json("jobs", "show", job)["summary"]["rows"] == 2
    # Cut off in its last moment, once its output had its place.
    (folder / "journal.jsonl").write_bytes(b"")
    for rows in (2, 0):
        with opened(failed.home) as connection:
            update_job(connection, job, status=JobStatus.RUNNING)
        assert failed.run("jobs", "resume", job).returncode == 0
        assert failed.json("jobs", "show", job)["summary"]["rows"] == rows
        (folder / "summary.json").unlink()
    assert "the report tells less of it" in log_file(folder).read_text()


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (f"{FIRST}\n", [FIRST, SECOND]),
        (f"{FIRST}", [FIRST, SECOND]),
        ("", [FIRST, SECOND]),
        ("2026-03-01T1\n", [FIRST, SECOND]),
        (f"\0\0\0\n{SECOND}\n", [FIRST, SECOND, SECOND]),
        (f"{FIRST}\n2026-03-01\n", [FIRST, SECOND]),
    ],
)
def test_the_first_start_is_put_back_and_each_has_a_line_of_its_own(
    tmp_path: Path, found: str, kept: list[str]
) -> None:
    (tmp_path / "starts.txt").write_text(found)
    add_start(tmp_path, SECOND, FIRST)
    assert starts(tmp_path) == kept
    assert (tmp_path / "starts.txt").read_text() == "".join(f"{line}\n" for line in kept)
