"""Watching a job of this machine: its journal and its log, as they grow."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from runner.local.engine.attempt import Attempt
from runner.local.engine.journal import parse, settling
from runner.local.engine.layout import loaded_file, worker_logs
from runner.local.engine.plan import read_plan
from runner.local.job_folder import command_log, log_file, starts
from runner.workspace import Job, JobStatus, LogLine, Progress

_LOOK = 0.05  # seconds between looks at the files


def follow(folder: Path, look: Callable[[], Job], logs: bool) -> Iterator[Progress | LogLine]:
    """Yield the lines of the job's log and of what its workers or its command print, if asked for,
    and its progress until it is final.

    `look` returns the job as it is at the moment.
    """
    tails = {path: _Tail(path) for path in (log_file(folder), command_log(folder))}
    counted = _Counter(folder)
    last: Progress | None = None
    while True:
        job = look()
        if logs:
            # A worker's log appears with the worker.
            workers = worker_logs(folder)
            tails |= {path: _Tail(path) for path in workers if path not in tails}
            for tail in tails.values():
                yield from (LogLine(line.decode("utf-8", "replace")) for line in tail.lines())
        progress = counted.progress(job.status)
        if progress != last:
            yield progress
            last = progress
        if job.status.final:
            return
        time.sleep(_LOOK)


class _Tail:
    """The complete lines of a growing file, each once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._inode = 0

    @property
    def begun_anew(self) -> bool:
        """Whether another file is in its place, whose lines are all still to come."""
        try:
            inode = self._path.stat().st_ino
        except FileNotFoundError:
            return False
        known, self._inode = self._inode, inode
        if known in (0, inode):
            return False
        self._position = 0
        return True

    def lines(self) -> list[bytes]:
        try:
            if self._path.stat().st_size <= self._position:
                return []
            with self._path.open("rb") as file:
                file.seek(self._position)
                content = file.read()
        except FileNotFoundError:
            return []
        content = content[: content.rfind(b"\n") + 1]
        self._position += len(content)
        return content.splitlines()


class _Counter:
    """Adds the journal up as it grows: what this run of the job need not do any more.

    What failed in an earlier run is done again, so it counts once it has settled in this one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal = _Tail(folder / "journal.jsonl")
        plan = folder / "plan.json"
        self._mini_batches = read_plan(plan).mini_batches if plan.exists() else 0
        self._starts = [datetime.fromisoformat(one).timestamp() for one in starts(folder)] or [0.0]
        self._forget()

    def _forget(self) -> None:
        self._settled: dict[int, Attempt] = {}  # by mini-batch
        self._again: dict[
            int, Attempt
        ] = {}  # what an earlier run lost files of, still to be redone
        self._rows = 0
        self._failed = 0

    def progress(self, status: JobStatus) -> Progress:
        if self._journal.begun_anew:
            # A resume has struck from it what was lost of the pieces.
            self._forget()
        for attempt in parse(self._journal.lines()):
            if attempt.outcome == "retried":
                continue
            if attempt.failed_files and attempt.started < self._this_run:
                known = self._again.get(attempt.mini_batch)
                self._again[attempt.mini_batch] = settling(known, attempt)
                continue
            if attempt.mini_batch in self._again:
                self._settle(self._again.pop(attempt.mini_batch))
            self._settle(attempt)
        done = len(self._settled)
        waits = status is JobStatus.RUNNING and done < self._mini_batches
        return Progress(
            status,
            self._mini_batches,
            done,
            self._rows,
            self._failed,
            loading=waits and not self._is_loaded(),
        )

    def _settle(self, attempt: Attempt) -> None:
        known = self._settled.get(attempt.mini_batch)
        settled = settling(known, attempt)
        self._settled[attempt.mini_batch] = settled
        self._rows += settled.rows - (known.rows if known else 0)
        self._failed += settled.failed_files - (known.failed_files if known else 0)

    @property
    def _this_run(self) -> float:
        """When the job was taken up last, in seconds since its first start."""
        return self._starts[-1] - self._starts[0] if len(self._starts) > 1 else -math.inf

    def _is_loaded(self) -> bool:
        try:
            return loaded_file(self._folder).stat().st_mtime >= self._starts[-1]
        except FileNotFoundError:
            return False
