"""Watches a job of Azure until it is final."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from runner.azureml.job_logs import log_files_of
from runner.azureml.jobs import get_job, status
from runner.errors import EnvironmentRefused
from runner.jobs.polling import first_pause, next_pause
from runner.workspace import JobStatus, LogLine, Progress

if TYPE_CHECKING:
    from runner.azureml.connection import Connection
    from runner.azureml.job_logs import LogFiles

_LOGS_EVERY = 10.0  # seconds at least between two looks at the progress log


def watch(connection: Connection, name: str, logs: bool = True) -> Iterator[Progress | LogLine]:
    """Yield the job's progress and, where asked, its log's lines until it is final.

    The job is looked at after RUNNER_POLL_INTERVAL seconds (2), then ever less often, up to half
    a minute apart. Raises NotFound for a job that isn't there.
    """
    pause = first_pause()
    files = log_files_of(connection, name)
    files.rewind()
    looked = float("-inf")
    while True:
        state = status(get_job(connection, name))
        due = time.monotonic() - looked >= _LOGS_EVERY
        if state is JobStatus.QUEUED:
            looked = time.monotonic()  # when the job begins, its log will have little to tell yet
        elif state.final or due:
            looked = time.monotonic()
            yield from (LogLine(line) for line in _read_on(files, logs, state.final))
        advance = files.advance
        yield Progress(
            state,
            mini_batches=advance.mini_batches,
            mini_batches_done=advance.mini_batches_done,
            rows=None,  # Azure doesn't count rows before they are written
            failed_files=advance.failed_files,
        )
        if state.final:
            return
        time.sleep(pause)
        pause = next_pause(pause)


def _read_on(files: LogFiles, logs: bool, last: bool) -> list[str]:
    """Return the log's new lines if asked, and bring the files' progress up to date."""
    try:
        files.look("always" if last else "never", whole=logs)  # the next look retries anyway
        if logs:
            return files.shown_lines()
        files.progress_lines()
    except EnvironmentRefused:
        pass  # the job goes on whether or not its log can be read just now
    return []
