"""Watching a job of this machine: its journal and its log, as they grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from runner.engine.layout import worker_logs
from runner.jobs.batch_progress import Counter, Tail
from runner.jobs.folder import command_log, log_file
from runner.workspace import Job, LogLine, Progress

_LOOK = 0.05  # seconds between looks at the files


def watch(folder: Path, look: Callable[[], Job], logs: bool) -> Iterator[Progress | LogLine]:
    """Yield the lines of the job's log and of what its workers or its command print, if asked for,
    and its progress until it is final.

    `look` returns the job as it is at the moment.
    """
    tails = {path: Tail(path) for path in (log_file(folder), command_log(folder))}
    counted = Counter(folder)
    last: Progress | None = None
    while True:
        job = look()
        if logs:
            # A worker's log appears with the worker.
            workers = worker_logs(folder)
            tails |= {path: Tail(path) for path in workers if path not in tails}
            for tail in tails.values():
                lines = tail.lines(ended=job.status.final)
                yield from (LogLine(line.decode("utf-8", "replace")) for line in lines)
        progress = counted.progress(job.status)
        if progress != last:
            yield progress
            last = progress
        if job.status.final:
            return
        time.sleep(_LOOK)
