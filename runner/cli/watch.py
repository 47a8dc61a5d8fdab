"""Follows a job that was started to its end, or cancels it on Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from runner.cli.failure import INTERRUPTED, print_error, print_warning
from runner.cli.interrupt import Interruption, interruptible
from runner.cli.printing import (
    near,
    print_job,
    print_json,
    print_note,
    print_summary,
)
from runner.cli.progress import ProgressView
from runner.cli.runs import run_details, told_run
from runner.errors import EnvironmentRefused, NotFound, RunnerError
from runner.project import environment_option
from runner.workspace import Job, JobStatus, LogLine, Run, Summary, Workspace, as_json


def run_job(
    workspace: Workspace,
    start: Callable[[], Job],
    format_: str,
    *,
    no_wait: bool,
    logs: bool,
    download: Path | None = None,
) -> int:
    """Start a job, follow it, print what it did and return the exit status.

    With `no_wait` only its name is printed. Ctrl-C cancels a job that is followed and says how to
    take it up again.
    """
    if no_wait:
        job = start()
        _print_notices(job)
        if format_ == "json":
            print_json(as_json(job))
        else:
            print(job.name)
        return 0
    with interruptible() as interruption:
        job = _begin(workspace, start, interruption)
        try:
            interruption.check()
            _print_notices(job)
            if not workspace.abilities.begins_at_once:
                print_note(f"job {job.name} has begun; Ctrl-C cancels it")
            watch(workspace, job.name, sys.stderr if logs else None, interruption.check)
        except KeyboardInterrupt:
            return _cancel(workspace, job)
        job = workspace.job(job.name)
        if job.status is not JobStatus.COMPLETED:
            return print_outcome(workspace, job)
        _print_done(job, collect(workspace, job), told_run(workspace, job), format_)
        if download:
            print_note(f"downloaded to {workspace.download_job(job.name, download)}")
    return 0


def watch(
    workspace: Workspace,
    name: str,
    logs_to: TextIO | None,
    check: Callable[[], object] = lambda: None,
) -> None:
    """Show a job's progress, and its log where that is wanted, until the job is final.

    `check` is called at each sign of it.
    """
    view = ProgressView(name)
    try:
        for event in workspace.follow(name, logs=logs_to is not None):
            check()
            if not isinstance(event, LogLine):
                view.show(event)
            elif logs_to:
                view.print_above(event.text, logs_to)
    except EnvironmentRefused:
        print_note(f"job {name} goes on; `runner jobs stream {named(workspace, name)}` watches it")
        raise
    finally:
        view.close()


def print_log(workspace: Workspace, name: str, stream: TextIO) -> None:
    """Print the log of a job that is final."""
    for event in workspace.follow(name, logs=True):
        if isinstance(event, LogLine):
            print(event.text, file=stream, flush=True)


def collect(workspace: Workspace, job: Job) -> Summary | None:
    """Get a completed job's results here; None for one that has no summary."""
    if job.type != "batch":
        return None
    try:
        return workspace.collect(job.name)
    except RunnerError:
        again = f"`runner jobs stream {named(workspace, job.name)}`"
        print_note(f"job {job.name} is Completed; {again} fetches its results")
        raise


def print_outcome(workspace: Workspace, job: Job) -> int:
    """Say on stderr how a job ended that did not complete, and return the exit status."""
    if job.status is JobStatus.COMPLETED:
        return 0
    if job.status is JobStatus.FAILED:
        summary = find_summary(workspace, job)
        for notice in summary.notices if summary else ():
            # A notice may say where it happened first, and the error only what.
            if (notice.partition(": ")[2] or notice) not in (job.error or ""):
                print_warning(notice)
        where = f"; its logs and report lie in {near(job.folder)}" if job.folder else ""
        print_error(f"job {job.name} failed: {job.error or 'no reason is known'}{where}")
        return 1
    how = "was canceled" if job.status is JobStatus.CANCELED else "stopped responding"
    print_error(f"job {job.name} {how}{_way_on(workspace, job)}")
    return 1


def named(workspace: Workspace, name: str) -> str:
    """Return a job's or endpoint's name as it is typed in a command, with its environment."""
    return name + environment_option(workspace.environment)


def find_summary(workspace: Workspace, job: Job) -> Summary | None:
    """Return what a final batch job did; None where nothing is known of that here."""
    if job.type != "batch" or not job.status.final:
        return None
    try:
        return workspace.summary(job.name)
    except NotFound:
        return None


def _begin(workspace: Workspace, start: Callable[[], Job], interruption: Interruption) -> Job:
    if workspace.abilities.begins_at_once:
        return start()
    # Elsewhere it takes a while to find out what became of a request that was cut off.
    with interruptible(
        "interrupted: a job that has begun is canceled; Ctrl-C again leaves at once, and then"
        f" `runner jobs list --env {workspace.environment}` tells what runs"
    ) as begun:
        job = start()
    interruption.asked |= begun.asked
    return job


def _print_notices(what: Job | Summary) -> None:
    for notice in what.notices:
        print_warning(notice)


def _print_done(job: Job, summary: Summary | None, run: Run | None, format_: str) -> None:
    if summary:
        _print_notices(summary)
    if format_ == "json":
        print_json(as_json(summary) if summary else {**as_json(job), "run": as_json(run)})
    elif summary:
        print_summary(summary)
    else:
        print_job(job, None, run_details(run) if run else {})


def _cancel(workspace: Workspace, job: Job) -> int:
    print_note(f"canceling job {job.name}; Ctrl-C again leaves at once")
    try:
        workspace.cancel(job.name)
        for _ in workspace.follow(job.name, logs=False):
            pass
        job = workspace.job(job.name)
    except RunnerError as error:
        print_error(f"interrupted, but job {job.name} could not be canceled: {error}")
        return INTERRUPTED
    if job.status is JobStatus.CANCELED:
        print_error(f"interrupted: job {job.name} was canceled{_way_on(workspace, job)}")
    else:
        print_error(f"interrupted, but job {job.name} had ended before: {job.status}")
    return INTERRUPTED


def _way_on(workspace: Workspace, job: Job) -> str:
    if job.type != "batch":
        return ""
    if workspace.abilities.resumes:
        return f"; take it up again with `runner jobs resume {named(workspace, job.name)}`"
    again = f"runner score {named(workspace, job.endpoint or '')}"
    return f"; score again with `{again}` and the same options"
