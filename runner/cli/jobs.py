"""`runner jobs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from runner.cli.options import (
    Goal,
    Group,
    Option,
    Session,
    age,
    common,
    download_option,
    format_option,
    job_argument,
    job_names,
    no_wait_option,
    pass_session,
)
from runner.jobs.kinds import JOB_TYPES, JobType

if TYPE_CHECKING:
    from datetime import timedelta

FINAL = ("Completed", "Failed", "Canceled", "NotResponding")  # states that a job ends in

_TRAINED = "`runner train MODEL` starts one"
_STARTED_BY: dict[JobType | None, str] = {
    None: "`runner score` and `runner train MODEL` start one",
    "batch": "`runner score` starts one",
}


@click.group(
    cls=Group,
    epilog="""\b
Examples:
  runner jobs list
  runner jobs show""",
)
@common
def jobs() -> None:
    """Look at jobs, stop them, take them up again.

    Where a NAME may be left out, the latest job is meant.
    """


@jobs.command(
    "list",
    epilog="""\b
Examples:
  runner jobs list
  runner jobs list --type command
  runner jobs list --limit 5 -o json""",
)
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Only the latest COUNT jobs.  [default: all; on Azure 100 of those that train]",
)
@click.option(
    "--type",
    "type_",
    type=click.Choice(JOB_TYPES),
    help="Only jobs of this type; batch jobs score, most others train.",
)
@format_option("table", "json")
@common
@pass_session
def list_jobs(session: Session, limit: int | None, type_: JobType | None, format_: str) -> None:
    """List jobs, the latest first."""
    from runner.cli.printing import print_jobs, print_json, print_note
    from runner.workspace import as_json

    found = session.open().jobs(limit, type_)
    if format_ == "json":
        print_json(as_json(found))
    elif found:
        print_jobs(found)
    else:
        kind = f"{type_} " if type_ else ""
        print_note(f"no {kind}jobs yet; {_STARTED_BY.get(type_, _TRAINED)}")


@jobs.command(
    epilog="""\b
Examples:
  runner jobs show
  runner jobs show NAME -o json"""
)
@job_argument()
@format_option("table", "json")
@common
@pass_session
def show(session: Session, name: str | None, format_: str) -> None:
    """Show a job and, once it has ended, what it did.

    Of a job that trains this is what its MLflow run tracked: parameters, metrics, models and
    artifacts.

    With -v its log comes first, on stderr: what its workers printed and the tracebacks of its
    errors.
    """
    from runner.cli.printing import print_job, print_json
    from runner.cli.runs import run_details, told_run
    from runner.cli.watch import find_summary, print_log
    from runner.workspace import as_json

    workspace = session.open()
    job = workspace.job(name)
    if session.verbose and job.status.final:
        print_log(workspace, job.name, sys.stderr)
    summary, run = find_summary(workspace, job), told_run(workspace, job)
    if format_ == "json":
        print_json({**as_json(job), "summary": as_json(summary), "run": as_json(run)})
    else:
        print_job(job, summary, run_details(run) if run else {})


@jobs.command(
    epilog="""\b
Examples:
  runner jobs stream
  runner jobs stream NAME > job.log"""
)
@job_argument()
@common
@pass_session
def stream(session: Session, name: str | None) -> int:
    """Print a job's log as it grows, until the job ends, and get its results.

    The log goes to stdout; the progress, and in the end where the predictions lie, to stderr. The
    exit status is the job's. Ctrl-C leaves the job running.
    """
    from runner.cli.failure import INTERRUPTED
    from runner.cli.printing import near, print_note
    from runner.cli.watch import collect, named, print_outcome, watch
    from runner.counting import many
    from runner.workspace import JobStatus

    workspace = session.open()
    job = workspace.job(name)
    try:
        watch(workspace, job.name, logs_to=sys.stdout)
    except KeyboardInterrupt:
        print_note(
            f"job {job.name} goes on; `runner jobs cancel {named(workspace, job.name)}` stops it"
        )
        return INTERRUPTED
    job = workspace.job(job.name)
    if job.status is not JobStatus.COMPLETED:
        return print_outcome(workspace, job)
    summary = collect(workspace, job)
    if summary and summary.output:
        print_note(f"{many(summary.rows, 'row')}: {near(summary.output)}")
    return 0


@jobs.command(
    epilog="""\b
Examples:
  runner jobs cancel NAME"""
)
@job_argument(required=True)
@format_option("table", "json")
@common
@pass_session
def cancel(session: Session, name: str, format_: str) -> None:
    """Cancel a job; in local, what it has finished stays for a resume."""
    from runner.cli.printing import print_json
    from runner.workspace import as_json

    job = session.open().cancel(name)
    if format_ == "json":
        print_json(as_json(job))
    else:
        print(f"{job.name}  {job.status}")


@jobs.command(
    epilog="""\b
Examples:
  runner jobs resume
  runner jobs resume NAME --download-path results"""
)
@job_argument()
@download_option
@no_wait_option
@format_option("table", "json")
@common
@pass_session
def resume(
    session: Session, name: str | None, download: Path | None, no_wait: bool, format_: str
) -> int:
    """Take up a job that was cut off.

    Or one that was canceled or failed. Only what is not finished is done again. Jobs on Azure
    can't be resumed.
    """
    if no_wait and download:
        raise click.UsageError("--no-wait and --download-path exclude each other")
    from runner.cli.watch import run_job

    workspace = session.open()
    chosen = name or workspace.job().name
    return run_job(
        workspace,
        lambda: workspace.resume(chosen),
        format_,
        no_wait=no_wait,
        logs=session.verbose,
        download=download,
    )


@jobs.command(
    epilog="""\b
Examples:
  runner jobs download
  runner jobs download NAME --download-path results"""
)
@job_argument()
@click.option(
    "--download-path",
    "-p",
    "target",
    cls=Option,
    former=("--download", "--output-path"),
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to.  [default: a folder here, named as the job]",
)
@common
@pass_session
def download(session: Session, name: str | None, target: Path | None) -> None:
    """Copy a job's results and logs to a folder.

    The predictions lie there as named-outputs/score/predictions.csv.
    """
    workspace = session.open()
    job = workspace.job(name)
    print(workspace.download_job(job.name, target or Path(job.name)))


@jobs.command(
    epilog="""\b
Examples:
  runner jobs compare NAME OTHER --by accuracy
  runner jobs compare NAME OTHER --by loss --goal minimize
  runner jobs compare BASELINE NAME -o markdown"""
)
@click.argument("names", metavar="NAME NAME...", nargs=-1, required=True, shell_complete=job_names)
@click.option("--by", "metric", metavar="METRIC", help="Put the best by this metric first.")
@click.option(
    "--goal",
    type=click.Choice(get_args(Goal)),
    default="maximize",
    show_default=True,
    help="Whether its highest or its lowest value is the best.",
)
@format_option("table", "json", "markdown")
@common
@pass_session
def compare(
    session: Session, names: tuple[str, ...], metric: str | None, goal: Goal, format_: str
) -> None:
    """Put side by side what jobs tracked, or two batch jobs.

    A column for each job that trained has the parameters in which they differ, and the last value
    of every metric. Jobs without a number for METRIC come last.

    Of two batch jobs there is a row for each column of their predictions and inputs, with Azure's
    metrics of drift from the first to the second. It has drifted where its distance is above
    Azure's threshold, and above what 5 of 100 pairs of samples of these sizes come to by chance.
    The data may be gone: each batch job leaves a profile of it.
    """
    if len(set(names)) < len(names) == 2:
        raise click.UsageError(f"job {names[0]!r} is named twice: name another one to compare with")
    if len(set(names)) < 2:
        raise click.UsageError("name two jobs or more; `runner jobs list` has them")
    from runner.cli.printing import print_json
    from runner.cli.runs import best_first, find_tracked, print_comparison
    from runner.workspace import as_json

    workspace = session.open()
    chosen = [workspace.job(name) for name in dict.fromkeys(names)]
    batch = [job.name for job in chosen if job.type == "batch"]
    if batch and len(batch) < len(chosen):
        trained = next(job.name for job in chosen if job.type != "batch")
        raise click.UsageError(
            f"job {batch[0]!r} scored and job {trained!r} trained: name jobs that did the same"
        )
    if batch:
        if metric is not None:
            raise click.UsageError("--by is for jobs that trained: a batch job tracks no metric")
        from runner.cli.drift import compare_jobs, print_drift

        print_drift(compare_jobs(workspace, chosen), format_)
        return
    if format_ == "markdown":
        raise click.UsageError("-o markdown is for two batch jobs")
    tracked = find_tracked(workspace, chosen)
    if metric is not None:
        tracked = best_first(tracked, metric, goal)
    if format_ == "json":
        print_json([{**as_json(entry.job), "run": as_json(entry.run)} for entry in tracked])
    else:
        print_comparison(tracked)


@jobs.command(
    epilog="""\b
Examples:
  runner jobs remove NAME
  runner jobs remove --older-than 30d
  runner jobs remove --status Failed --status Canceled --yes"""
)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=job_names)
@click.option(
    "--older-than",
    metavar="AGE",
    callback=age,
    help="Those that ended so long ago: 12h, 30d, 8w.",
)
@click.option(
    "--status",
    "statuses",
    metavar="STATUS",
    type=click.Choice(FINAL, case_sensitive=False),
    multiple=True,
    help=f"Those that ended so: {', '.join(FINAL)}. May be repeated.",
)
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@format_option("table", "json")
@common
@pass_session
def remove(
    session: Session,
    names: tuple[str, ...],
    older_than: timedelta | None,
    statuses: tuple[str, ...],
    yes: bool,
    format_: str,
) -> int:
    """Remove jobs and what only they hold: their logs, reports and results.

    Shows them and asks first; without a terminal to ask on nothing is removed without --yes. Jobs
    that run stay, and so do models and data, which keep where they came from, and what
    --output-path put elsewhere. Azure keeps its jobs.
    """
    if bool(names) == (older_than is not None or bool(statuses)):
        raise click.UsageError("give NAMEs, or choose jobs with --older-than and --status")
    from runner.cli.printing import print_json
    from runner.cli.removal import choose_jobs, confirmed, print_removed

    workspace = session.open()
    workspace.remove_jobs((), pretend=True)  # where none is ever removed, that is all to say
    chosen = choose_jobs(workspace, names, older_than, statuses)
    shown_on = sys.stderr if format_ == "json" else sys.stdout
    if chosen and not (yes or confirmed(workspace, chosen, shown_on)):
        if format_ == "json":
            print_json({"removed": [], "bytes": 0})
        return 0
    freed = workspace.remove_jobs(chosen) if chosen else 0
    print_removed(format_, chosen, freed, "job", "no job is to be removed")
    return 0
