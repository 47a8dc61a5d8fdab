"""Watching a job of this machine: its journal and its log, as they grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from runner.local.engine.journal import Standing, parse
from runner.local.engine.plan import read_plan
from runner.local.job_folder import command_log, log_file
from runner.workspace import Job, JobStatus, LogLine, Progress

_LOOK = 0.05  # seconds between looks at the files


def follow(folder: Path, look: Callable[[], Job], logs: bool) -> Iterator[Progress | LogLine]:
    """Yield the job's log lines, if asked for, and its progress until it is final.

    `look` returns the job as it is at the moment.
    """
    tails = [_Tail(log_file(folder)), _Tail(command_log(folder))]
    counted = _Counter(folder)
    last: Progress | None = None
    while True:
        job = look()
        for tail in tails if logs else ():
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
    """Adds the journal up as it grows."""

    def __init__(self, folder: Path) -> None:
        self._journal = _Tail(folder / "journal.jsonl")
        self._plan = folder / "plan.json"
        self._parts = self._count_parts()
        self._standing = Standing()

    def progress(self, status: JobStatus) -> Progress:
        lines = self._journal.lines()
        if lines and not self._standing.settled:
            # Large files are cut before the first attempt.
            self._parts = self._count_parts()
        for attempt in parse(lines):
            self._standing.add(attempt)
        standing = self._standing
        done = len(standing.settled)
        return Progress(status, self._parts, done, standing.rows, standing.failed_files)

    def _count_parts(self) -> int:
        if not self._plan.exists():
            return 0
        plan = read_plan(self._plan)
        return plan.parts or plan.mini_batches
