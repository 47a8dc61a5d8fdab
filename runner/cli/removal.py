"""Chooses the jobs that `runner jobs remove` removes, and asks whether that is meant."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from typing import TextIO

import click

from runner.cli.failure import print_warning
from runner.cli.printing import print_jobs, print_json, print_note
from runner.counting import many, size
from runner.errors import EnvironmentRefused
from runner.workspace import Workspace


def choose_jobs(
    workspace: Workspace,
    names: Sequence[str],
    older_than: timedelta | None,
    statuses: Sequence[str],
) -> list[str]:
    """Return the jobs of these names, or those that ended so long ago in such a status.

    Raises EnvironmentRefused for a named job that can't be removed. One that was not named stays,
    with a warning.
    """
    if names:
        chosen = list(dict.fromkeys(names))
        workspace.remove_jobs(chosen, pretend=True)
        return chosen
    now = datetime.now(UTC)
    found = []
    for job in workspace.jobs():
        if not job.status.final or (statuses and job.status not in statuses):
            continue
        ended = datetime.fromisoformat(job.ended_at or job.created_at)
        if older_than is not None and now - ended < older_than:
            continue
        try:
            workspace.remove_jobs([job.name], pretend=True)
        except EnvironmentRefused as error:
            print_warning(str(error))
        else:
            found.append(job.name)
    return found


def confirmed(workspace: Workspace, names: Sequence[str], shown_on: TextIO) -> bool:
    """Show the jobs, and ask where there is somebody to ask."""
    with redirect_stdout(shown_on):
        print_jobs([workspace.job(name) for name in names])
    what = f"{many(len(names), 'job')} and {size(workspace.remove_jobs(names, pretend=True))}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        print_note(f"nothing is removed yet: --yes removes {what}")
        return False
    if click.confirm(f"Remove {what}?", err=True):
        return True
    print_note("nothing was removed")
    return False


def print_removed(format_: str, names: Sequence[str], freed: int, noun: str, nothing: str) -> None:
    """Print what was removed and the bytes that it frees; `nothing` where it was none."""
    if format_ == "json":
        print_json({"removed": list(names), "bytes": freed})
    elif names:
        print("\n".join(names))
        print_note(f"removed {many(len(names), noun)}, which frees {size(freed)}")
    else:
        print_note(nothing)
