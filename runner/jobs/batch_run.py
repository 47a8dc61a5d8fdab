"""Running a batch job with the runner's own engine, and writing its report and summary."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from runner.engine.attempt import Attempt
from runner.engine.failures import reasons, write_failures
from runner.engine.journal import Standing, read_journal
from runner.engine.pieces import discard_pieces, publish
from runner.engine.plan import Plan, read_plan
from runner.engine.run import Stopped, run
from runner.errors import JobFailed
from runner.files.atomic import write_atomically
from runner.files.syncing import sync
from runner.jobs.folder import (
    deliver,
    delivered,
    log_file,
    log_line,
    now,
    reserve,
    starts,
    with_secrets,
)
from runner.jobs.profile import kept_profile, leave_profile
from runner.jobs.summary import read_summary, write_summary
from runner.predictions import COLUMNS
from runner.processes import with_one_thread
from runner.tally import in_order, merge, told
from runner.workspace import Job, JobStatus, Summary

_MOST_NOTICES = 3  # of failures, and of warnings


def run_batch(
    job: Job,
    folder: Path,
    target: Path,
    *,
    stop: Callable[[], bool] = lambda: False,
    finalizing: Callable[[], object] = lambda: None,
    secrets: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Score the plan in a job's folder, publish its output at `target` and report on it.

    The report is written however the job ends. `finalizing` is told when all is scored, before the
    output is put together. `secrets` are the variables whose values the plan does not hold. Raises
    JobFailed, or Stopped when `stop` says so.
    """
    plan = read_plan(folder / "plan.json", lambda line: log_line(folder, line))
    there = delivered(folder, target)
    if there and (reported := read_summary(folder)) and reported.status == JobStatus.COMPLETED:
        discard_pieces(folder)  # the job was cut off after its report
        return
    variables = with_secrets(plan.environment_variables, plan.secrets, secrets)
    plan = replace(plan, environment_variables=variables)
    began = datetime.fromisoformat(starts(folder)[0]).timestamp()
    started, clock = time.time() - began, time.monotonic()
    # Before anything is imported for the workers: OMP_NUM_THREADS and its like are read once.
    os.environ.update({**with_one_thread(os.environ), **plan.environment_variables})
    status, error = JobStatus.FAILED, None
    try:
        # A job cut off just after its output appeared has only its report left to write.
        if not there:
            with reserve(folder):
                _score(plan, folder, target, began, stop, finalizing)
        elif len(Standing(read_journal(folder / "journal.jsonl")).settled) < plan.mini_batches:
            log_line(
                folder,
                f"warning: {folder / 'journal.jsonl'} is damaged: the output in {target} is whole,"
                " and the report tells less of it",
            )
        discard_pieces(folder)
        status = JobStatus.COMPLETED
    except Stopped:
        status = JobStatus.CANCELED
        raise
    except JobFailed as failure:
        error = _with_the_models_name(str(failure), plan, job)
        raise JobFailed(error) from failure
    finally:
        attempts = read_journal(folder / "journal.jsonl")
        seconds = time.monotonic() - clock
        summary = _summary(job, plan, status, attempts, started, seconds, target, folder)
        _report(job, plan, summary, attempts, error, folder)


def _with_the_models_name(error: str, plan: Plan, job: Job) -> str:
    """Name the model by its reference, as a person does, and not by its folder in the workspace."""
    return error.replace(plan.model, job.model) if plan.model and job.model else error


def _score(
    plan: Plan,
    folder: Path,
    target: Path,
    began: float,
    stop: Callable[[], bool],
    finalizing: Callable[[], object],
) -> None:
    def look() -> bool:
        # Asked first when the workers have been forked: this process waits while they load the
        # model, and the report needs these modules at the end.
        import runner.report

        assert runner.report
        return stop()

    attempts = run(plan, folder, began=began, stop=look, log=lambda line: log_line(folder, line))
    finalizing()
    leave_profile(folder, attempts)
    deliver(folder, publish(plan, folder, attempts), target)


def _summary(
    job: Job,
    plan: Plan,
    status: JobStatus,
    attempts: Sequence[Attempt],
    started: float,
    seconds: float,
    target: Path,
    folder: Path,
) -> Summary:
    standing = Standing(attempts)
    settled = standing.counted()
    # Only this run's rows count: those of earlier runs took no time of it.
    new_rows = sum(attempt.rows for attempt in attempts if attempt.started >= started)
    completed = status == JobStatus.COMPLETED
    appends = plan.settings.output_action == "append_row"
    output = target / plan.settings.output_file_name if appends else target
    tally = merge(attempt.tally for attempt in settled)
    return Summary(
        job=job.name,
        status=status,
        rows=standing.rows,
        files=len(plan.files),
        failed_files=standing.failed_files,
        mini_batches=plan.mini_batches,
        retries=sum(attempt.outcome == "retried" for attempt in attempts),
        seconds=round(seconds, 3),
        rows_per_second=round(new_rows / seconds, 1) if seconds else 0.0,
        predictions=in_order(tally.classes),
        columns=told(tally),
        output=str(output) if completed else None,
        report=str(folder / "report.html"),
        notices=_notices(attempts, folder),
        interpreter=job.interpreter,
    )


def _notices(attempts: Sequence[Attempt], folder: Path) -> list[str]:
    settled = Standing(attempts).counted()
    failed = [reason for attempt in settled for reason in reasons(attempt)]
    warnings = list(dict.fromkeys(warning for attempt in attempts for warning in attempt.warnings))
    notices = [*failed[:_MOST_NOTICES], *warnings[:_MOST_NOTICES]]
    more = len(failed) + len(warnings) - len(notices)
    if failed:
        others = f"and {more:,} more; " if more else ""
        return [*notices, f"{others}every failure and retry is in {folder / 'failures.csv'}"]
    return [*notices, f"and {more:,} more; see {log_file(folder)}"] if more else notices


def _report(
    job: Job,
    plan: Plan,
    summary: Summary,
    attempts: Sequence[Attempt],
    error: str | None,
    folder: Path,
) -> None:
    try:
        write_failures(attempts, folder / "failures.csv")
        write_atomically(folder / "report.html", _page(job, plan, summary, attempts, error, folder))
        write_summary(folder, summary)
        sync([folder])
    except OSError as failure:
        # A job that failed already tells its own error.
        if summary.status == JobStatus.COMPLETED:
            raise JobFailed(
                f"{failure.strerror}: {folder}; free some space and resume the job"
            ) from None


def _page(
    job: Job,
    plan: Plan,
    summary: Summary,
    attempts: Sequence[Attempt],
    error: str | None,
    folder: Path,
) -> str:
    from runner.report import Report, render

    settings = {key: str(value) for key, value in asdict(plan.settings).items()}
    begun = starts(folder)
    return render(
        Report(
            summary=summary,
            endpoint=job.endpoint,
            deployment=job.deployment,
            model=job.model,
            input=job.input or plan.input,
            started_at=begun[0],
            ended_at=now(),
            error=error,
            settings=settings,
            attempts=attempts,
            tally=merge(attempt.tally for attempt in Standing(attempts).counted()),
            resumed=len(begun) - 1,
            columns=() if plan.script else COLUMNS,
            profile=kept_profile(folder),
        )
    )
