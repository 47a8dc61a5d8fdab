"""Counting how far a batch job has come, from its journal as that grows."""

from __future__ import annotations

import math
import os
from datetime import datetime
from pathlib import Path

from runner.engine.attempt import Attempt
from runner.engine.journal import Standing, parse
from runner.engine.layout import loaded_file
from runner.engine.parts import Key
from runner.engine.plan import read_plan
from runner.errors import JobFailed
from runner.files.only_files import only_files
from runner.jobs.folder import starts
from runner.workspace import JobStatus, Progress


class Tail:
    """The complete lines of a growing file, each once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._inode = 0
        self.begun_anew = False  # another file was in its place when its lines were read last

    def lines(self, *, ended: bool = False) -> list[bytes]:
        """Return the lines since the last call, or all of them if another file is there now.

        `ended` says that the file grows no more, so that a last line without an end counts, too.
        """
        self.begun_anew = False
        try:
            with open(self._path, "rb", opener=only_files) as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._position:
                    self.begun_anew = self._inode != 0
                    self._inode, self._position = status.st_ino, 0
                if status.st_size == self._position:
                    return []
                file.seek(self._position)
                content = file.read()
        except (FileNotFoundError, IsADirectoryError):
            return []
        if not ended:
            content = content[: content.rfind(b"\n") + 1]
        self._position += len(content)
        return content.splitlines()


class Counter:
    """Adds the journal up as it grows: what this run of the job need not do any more.

    A mini-batch that failed in an earlier run is tried again, so it counts once this run is done
    with it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal = Tail(folder / "journal.jsonl")
        self._plan = folder / "plan.json"
        self._parts = 0
        self._noun = "mini-batch"
        self._planned_at = 0  # when the plan was written that tells the parts, in nanoseconds
        self._starts = [datetime.fromisoformat(start).timestamp() for start in starts(folder)] or [
            0.0
        ]
        self._forget()

    def _forget(self) -> None:
        self._standing = Standing()
        # The attempts of an earlier run that lost files and are still to be repeated.
        self._again: dict[Key, list[Attempt]] = {}

    def progress(self, status: JobStatus) -> Progress:
        lines = self._journal.lines()
        if self._journal.begun_anew:
            # Attempts that no longer count have been struck from it.
            self._forget()
        for attempt in parse(lines):
            if attempt.failed_files and attempt.started < self._this_run:
                self._again.setdefault(attempt.key, []).append(attempt)
                continue
            if attempt.outcome != "retried":
                for earlier in self._again.pop(attempt.key, ()):
                    self._standing.add(earlier)
            self._standing.add(attempt)
        done, parts = len(self._standing.settled), self._count_parts()
        if status is JobStatus.COMPLETED:
            done = parts  # also where slices were left out of a file that had failed
        waits = status is JobStatus.RUNNING and done < parts
        return Progress(
            status,
            parts,
            done,
            self._standing.rows,
            self._standing.failed_files,
            loading=waits and not self._is_loaded(),
            noun=self._noun,
        )

    def _count_parts(self) -> int:
        """Count the parts of the plan, which is written anew once its large files are cut."""
        try:
            planned_at = self._plan.stat().st_mtime_ns
        except FileNotFoundError:
            return 0
        if planned_at != self._planned_at:
            try:
                plan = read_plan(self._plan)
            except JobFailed:  # which the job says itself
                return self._parts
            self._parts, self._planned_at = plan.parts or plan.mini_batches, planned_at
            self._noun = "part" if plan.parts else "mini-batch"
        return self._parts

    @property
    def _this_run(self) -> float:
        """Return when the job was taken up last, in seconds since its first start."""
        return self._starts[-1] - self._starts[0] if len(self._starts) > 1 else -math.inf

    def _is_loaded(self) -> bool:
        try:
            return loaded_file(self._folder).stat().st_mtime >= self._starts[-1]
        except FileNotFoundError:
            return False
