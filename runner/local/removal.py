"""Jobs are removed from the local workspace here, with all that their folders hold.

The models and data that a job read stay in the workspace, as its folder holds only links to them.
Assets that it made stay too, and keep their origin. So does an output that went elsewhere with
--output-path. A training job's runs are removed with it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from runner.errors import EnvironmentRefused
from runner.files.atomic import remove, temporary_path
from runner.files.syncing import sync
from runner.jobs.folder import copy_beside, job_folder
from runner.local.database import opened, transaction
from runner.local.home import make_folder
from runner.local.job_lock import lock
from runner.local.job_records import delete_job, select_job
from runner.local.tracking.removal import remove_tracked, tracked_of
from runner.workspace import Job


def remove_jobs(home: Path, jobs: Sequence[Job], pretend: bool) -> int:
    """Remove jobs that are final, and return the bytes that are free then.

    With `pretend` nothing is removed. Raises EnvironmentRefused, and removes nothing,
    if one of the jobs runs.
    """
    with ExitStack() as held:
        for job in jobs:
            _hold(held, home, job)
        tracked = tracked_of(home, [job.name for job in jobs])
        folders = [job_folder(home, job.name) for job in jobs]
        size = sum(_size(folder) for folder in (*folders, *tracked.folders))
        if not pretend:
            remove_tracked(home, tracked)
            for job in jobs:
                _remove(home, job)
    return size


def _hold(held: ExitStack, home: Path, job: Job) -> None:
    """Lock the job, so that no process runs or resumes it. Raises EnvironmentRefused."""
    running = EnvironmentRefused(
        f"job {job.name!r} is {job.status}; `runner jobs cancel {job.name}` ends it, and then it"
        " can be removed"
    )
    if not job.status.final:
        raise running
    with suppress(FileNotFoundError):  # a folder that is gone can't be locked
        file = lock(job_folder(home, job.name))
        if file is None:
            raise running
        held.enter_context(file)


def _remove(home: Path, job: Job) -> None:
    """Remove the folder, then the row: so a crash leaves no folder without a job."""
    folder = job_folder(home, job.name)
    if place := _output_place(home, job.name):
        remove(copy_beside(folder, place))  # an unfinished copy
    make_folder(home, home / "tmp", exist_ok=True)
    with temporary_path(home / "tmp") as path:
        with suppress(FileNotFoundError):
            folder.rename(path)
            sync([folder.parent])
        with opened(home) as connection, transaction(connection):
            delete_job(connection, job.name)


def _output_place(home: Path, name: str) -> Path | None:
    """Return where the job's output was to go, also if it never got there; None if not asked."""
    with opened(home) as connection:
        output = select_job(connection, name).output
    return Path(output) if output else None


def _size(folder: Path) -> int:
    """Return the bytes that are free without a folder; files with other links do not count."""
    size = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                status = os.lstat(os.path.join(root, name))  # noqa: PTH118 - many files
                size += status.st_size if status.st_nlink == 1 else 0
    return size
