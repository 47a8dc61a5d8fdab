"""The journal and the log of a job of this machine are watched here as they grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from runner.engine.layout import worker_logs
from runner.jobs.batch_progress import Counter, Tail
from runner.jobs.folder import command_log, log_file
from runner.workspace import Job, LogLine, Progress

_LOOK = 0.05  # seconds between reads of the files


def watch(folder: Path, look: Callable[[], Job], logs: bool) -> Iterator[Progress | LogLine]:
    """Yield the progress of a job until it is final, and with `logs` the lines of its logs.

    The logs are the job's own, and what its workers or its command print. `look` returns the job as
    it is at the moment.
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
