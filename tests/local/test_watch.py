"""What is told of a job while it runs: from its journal, its starts and its logs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.engine.attempt import Attempt, FileResult
from runner.engine.journal import Journal, write_journal
from runner.engine.plan import InputFile, Plan, Settings, read_plan, write_plan
from runner.files.only_files import only_files
from runner.jobs.folder import add_start
from runner.local.watch import watch
from runner.workspace import Job, JobStatus, LogLine, Progress

FIRST, SECOND = "2025-03-01T09:00:00.000+00:00", "2025-03-01T09:01:40.000+00:00"


def attempt(mini_batch: int, started: float, *, failed: bool = False, rows: int = 10) -> Attempt:
    file = FileResult("f", 0 if failed else rows, "no" if failed else None)
    return Attempt(
        mini_batch,
        1,
        "failed" if failed else "done",
        0,
        started,
        1.0,
        rows=0 if failed else rows,
        files=(file,),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a job of four mini-batches, begun once."""
    files = tuple(InputFile(str(number), 1, 1) for number in range(4))
    plan = Plan("job", "in", files, Settings(mini_batch_size=1), None)
    write_plan(plan, tmp_path / "plan.json")
    add_start(tmp_path, FIRST)
    return tmp_path


class Watched:
    """A job that a test advances between looks at it."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.status = JobStatus.RUNNING
        self._events = watch(folder, lambda: Job("job", "batch", self.status, FIRST), **more)

    def progress(self) -> Progress:
        event = next(self._events)
        assert isinstance(event, Progress)
        return event


def append(folder: Path, *attempts: Attempt) -> None:
    with Journal(folder / "journal.jsonl") as journal:
        for added in attempts:
            journal.append(added)


def counts(progress: Progress) -> tuple[int, int | None, int | None]:
    return progress.mini_batches_done, progress.rows, progress.failed_files


def test_what_is_settled_counts_failed_files_included(folder: Path) -> None:
    watched = Watched(folder, logs=False)
    assert counts(watched.progress()) == (0, 0, 0)
    append(folder, attempt(0, 1.0), attempt(1, 1.0, failed=True))
    assert counts(watched.progress()) == (2, 10, 1)


def test_a_resumed_job_counts_what_is_really_left(folder: Path) -> None:
    append(folder, attempt(0, 1.0), *(attempt(number, 1.0, failed=True) for number in (1, 2, 3)))
    add_start(folder, SECOND)
    watched = Watched(folder, logs=False)
    assert counts(watched.progress()) == (1, 10, 0)
    append(folder, attempt(1, 101.0))
    assert counts(watched.progress()) == (2, 20, 0)
    append(folder, attempt(2, 102.0, failed=True))
    assert counts(watched.progress()) == (3, 20, 1)


def test_what_stays_of_a_mini_batch_when_a_resume_fails_at_it_counts(folder: Path) -> None:
    partly = FileResult("f", 5), FileResult("g", 0, "no")
    done = replace(attempt(0, 1.0), rows=5, files=partly)
    append(folder, done)
    add_start(folder, SECOND)
    watched = Watched(folder, logs=False)
    assert counts(watched.progress()) == (0, 0, 0)
    append(folder, attempt(0, 101.0, failed=True))
    assert counts(watched.progress()) == (1, 5, 1)


def test_a_journal_that_a_resume_wrote_anew_is_counted_anew(folder: Path) -> None:
    append(folder, attempt(0, 1.0), attempt(1, 1.0))
    watched = Watched(folder, logs=False)
    assert counts(watched.progress()) == (2, 20, 0)
    write_journal(folder / "journal.jsonl", [attempt(0, 1.0)])
    assert counts(watched.progress()) == (1, 10, 0)


def test_once_large_files_are_cut_their_slices_are_counted(folder: Path) -> None:
    watched = Watched(folder, logs=False)
    before = watched.progress()
    assert (before.mini_batches, before.noun) == (4, "mini-batch")
    plan = read_plan(folder / "plan.json")
    write_plan(replace(plan, parts=30), folder / "plan.json")
    cut = watched.progress()
    assert (cut.mini_batches, cut.noun) == (30, "part")
    # Of a file that failed in one of them, the other slices are left out.
    append(folder, attempt(0, 1.0, failed=True), attempt(1, 1.0))
    watched.status = JobStatus.COMPLETED
    assert counts(watched.progress()) == (30, 10, 1)


def test_a_journal_may_be_written_anew_at_any_moment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(folder, attempt(0, 1.0))
    watched = Watched(folder, logs=False)
    assert counts(watched.progress()) == (1, 10, 0)
    journal = folder / "journal.jsonl"

    def write_anew_first(path: str, flags: int) -> int:
        if path == str(journal):
            monkeypatch.undo()
            write_journal(journal, [attempt(1, 100.25, rows=7), attempt(2, 1.0, rows=7)])
        return only_files(path, flags)

    append(folder, attempt(1, 1.0))
    monkeypatch.setattr("runner.jobs.batch_progress.only_files", write_anew_first)
    assert counts(watched.progress()) == (2, 14, 0)


def test_a_model_is_being_loaded_until_a_worker_has_it(folder: Path) -> None:
    watched = Watched(folder, logs=False)
    assert watched.progress().loading
    (folder / "loaded").touch()
    assert not watched.progress().loading
    add_start(folder, "9999-01-01T00:00:00.000+00:00")
    assert Watched(folder, logs=False).progress().loading
    (folder / "loaded").unlink()
    watched.status = JobStatus.FAILED
    assert not watched.progress().loading


def test_the_logs_are_the_jobs_own_and_the_workers(folder: Path) -> None:
    (folder / "logs").mkdir()
    (folder / "logs" / "job.txt").write_text("it begins\n")
    (folder / "logs" / "worker-0.txt").write_text("printed\nwithout an end")
    job = Job("job", "batch", JobStatus.FAILED, FIRST)
    events = list(watch(folder, lambda: job, logs=True))
    assert [line.text for line in events if isinstance(line, LogLine)] == [
        "it begins",
        "printed",
        "without an end",
    ]
