"""Reports of made-up jobs, for the tests of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.engine.attempt import Attempt, FileResult, Outcome
from runner.engine.journal import Standing
from runner.report import Report
from runner.tally import Tally
from runner.workspace import JobStatus, Summary


def attempt(
    mini_batch: int,
    files: Mapping[str, int | str] | None = None,
    outcome: Outcome = "done",
    **more: Any,
) -> Attempt:
    """Return an attempt; `files` gives each file's rows, or the error it failed with.

    A worker takes 0.1 s for each, two workers take turns, and starting up takes 0.3 s.
    """
    results = tuple(
        FileResult(name, 0, rows) if isinstance(rows, str) else FileResult(name, rows)
        for name, rows in (files or {}).items()
    )
    place: dict[str, Any] = {
        "attempt": 1,
        "worker": mini_batch % 2,
        "started": 0.3 + 0.1 * (mini_batch // 2),
        "seconds": 0.1,
        "rows": sum(result.rows or 0 for result in results),
    }
    return Attempt(mini_batch, outcome=outcome, files=results, **{**place, **more})


def report(
    attempts: Sequence[Attempt],
    tally: Tally | None = None,
    *,
    job: str = "diabetes-batch-1",
    status: JobStatus = JobStatus.COMPLETED,
    output: str | None = "/jobs/score/predictions.csv",
    **more: Any,
) -> Report:
    """Return the report of a job that made these attempts."""
    settled = Standing(attempts).counted()
    tally = tally or Tally()
    rows = sum(attempt.rows for attempt in settled)
    summary = Summary(
        job=job,
        status=status,
        rows=rows,
        files=sum(len(attempt.files) for attempt in settled),
        failed_files=sum(attempt.failed_files for attempt in settled),
        mini_batches=len(settled),
        retries=sum(attempt.outcome == "retried" for attempt in attempts),
        seconds=0.5,
        rows_per_second=rows / 0.5,
        predictions=tally.classes,
        output=output,
        report=None,
    )
    facts: dict[str, Any] = {
        "endpoint": "diabetes-batch",
        "deployment": "mlflow",
        "model": "azureml:diabetes-mlflow:3",
        "input": "data/diabetes/unlabeled",
        "started_at": "2025-03-01T09:30:00+00:00",
        "ended_at": "2025-03-01T09:30:01+00:00",
        "error": None,
        "settings": {"mini_batch_size": "10", "output_action": "append_row"},
        "resumed": 0,
    }
    return Report(summary=summary, attempts=attempts, tally=tally, **{**facts, **more})


def small() -> Report:
    """Four files of 100 rows, two classes, two workers, nothing wrong."""
    attempts = [attempt(i, {f"patients-{i}.csv": 100}) for i in range(4)]
    return report(attempts, Tally(classes={"0": 300, "1": 100}))


def troubled() -> Report:
    """Thirty mini-batches: every third is retried, every fifth has a file that fails."""
    attempts = []
    for i in range(30):
        first = 1
        if i % 3 == 0:
            attempts.append(
                attempt(i, outcome="retried", worker=i % 2, reason=f"timed out after {i + 1} s")
            )
            first = 2
        bad: int | str = f"part-{i}.csv, row 7: 'n/a' is not a number" if i % 5 == 0 else 50
        attempts.append(attempt(i, {f"part-{i}.csv": bad, f"rest-{i}.csv": 50}, attempt=first))
    return report(attempts, Tally(classes={"no": 2000, "yes": 700}))
