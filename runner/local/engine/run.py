"""Running a plan: mini-batches to workers, retries, timeouts and the error threshold."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.errors import JobFailed
from runner.local.engine import drivers
from runner.local.engine.attempt import Attempt, FileResult
from runner.local.engine.disk import full_disk_fails_the_job
from runner.local.engine.inputs import changed_files
from runner.local.engine.journal import Journal, finished, read_journal
from runner.local.engine.plan import Plan, write_plan
from runner.local.engine.pool import Event, Pool, Worker
from runner.local.engine.worker import draft, piece

_STARTS = 3  # processes in a row that may die before any is ready
_WAIT = 0.2  # seconds between looks at whether to stop


class Stopped(Exception):
    """The job was asked to stop; what it finished is kept for a resume."""


def run(
    plan: Plan,
    folder: Path,
    *,
    began: float,
    stop: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda line: None,
) -> list[Attempt]:
    """Score every mini-batch that the job's journal doesn't know as done.

    `folder` is the job's own: its journal, pieces, logs and output lie there. `began` is the
    job's first start (seconds since the epoch), `stop` is asked a few times a second, `say`
    takes the lines of the job's log. Returns all attempts, those of earlier runs included; the
    pieces are ready for `output.publish`.
    Raises JobFailed for a job that fails and Stopped when `stop` says so.
    """
    drivers.check(plan)
    for name in ("pieces", "logs", "output"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for leftover in (folder / "pieces").glob("*.draft"):
        leftover.unlink(missing_ok=True)
    attempts = read_journal(folder / "journal.jsonl")
    settled = {
        index
        for index, one in finished(attempts).items()
        if one.failed_files == 0 and piece(folder, index).exists()
    }
    if attempts:
        plan = _same_input(plan, folder, settled)
    drivers.preload(plan)
    with (
        full_disk_fails_the_job(folder),
        Journal(folder / "journal.jsonl") as journal,
        Pool(plan, folder) as pool,
    ):
        _Run(plan, folder, pool, journal, attempts, settled, began, stop, say).finish()
    _refuse_nothing_scored(plan, attempts)
    return attempts


class _Run:
    """The state of a run between two events."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        pool: Pool,
        journal: Journal,
        attempts: list[Attempt],
        settled: set[int],
        began: float,
        stop: Callable[[], bool],
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._pool = pool
        self._journal = journal
        self._attempts = attempts
        self._began = began
        self._stop = stop
        self._say = say
        self._waiting = deque((i, 1) for i in range(plan.mini_batches) if i not in settled)
        self._unfinished = len(self._waiting)
        self._failed_files = 0
        self._deaths_at_start = 0
        self._warned: set[str] = set()

    def finish(self) -> None:
        while self._unfinished:
            self._start_workers()
            for worker in self._pool.workers:
                if worker.ready and worker.mini_batch is None and self._waiting:
                    self._pool.send(worker, *self._waiting.popleft())
            for event in self._pool.poll(min(_WAIT, self._next_timeout())):
                self._take(event)
            self._end_stuck_workers()
            if self._unfinished and self._stop():
                raise Stopped

    def _start_workers(self) -> None:
        wanted = min(self._plan.settings.processes, self._unfinished)
        while len(self._pool.workers) < wanted:
            self._pool.fork()

    def _take(self, event: Event) -> None:
        worker = event.worker
        if event.died is not None:
            self._take_death(worker, event.died)
            return
        kind = event.message.pop("kind")
        if kind == "ready":
            worker.ready = True
            self._deaths_at_start = 0
        elif kind == "scored":
            self._take_result(worker, event.message)
        elif kind == "raised":
            self._lost(worker, event.message["reason"])
        elif kind == "disk_full":
            raise JobFailed(f"{event.message['reason']}; free some space and resume the job")
        else:
            raise JobFailed(event.message["reason"])

    def _take_death(self, worker: Worker, how: str) -> None:
        if worker.mini_batch is not None:
            self._lost(worker, how)
        elif not worker.ready:
            self._deaths_at_start += 1
            if self._deaths_at_start >= _STARTS:
                raise JobFailed(
                    f"the model can't be loaded: {how}, {_STARTS} times while starting;"
                    f" see {self._folder / 'logs' / f'worker-{worker.slot}.txt'}"
                )

    def _take_result(self, worker: Worker, message: dict[str, Any]) -> None:
        assert worker.mini_batch is not None
        if message["retry"] and worker.attempt <= self._plan.settings.max_retries:
            self._lost(worker, message["retry"])
            return
        files = tuple(FileResult(*file) for file in message["files"])
        rows = message["rows"]
        if rows is None:
            rows = sum(file.rows or 0 for file in files)
        drafted = draft(self._folder, worker.mini_batch, worker.process)
        drafted.replace(piece(self._folder, worker.mini_batch))
        attempt = replace(
            self._attempt(worker, "done", message["retry"]),
            rows=rows,
            files=files,
            tally=message["tally"],
            warnings=tuple(message["warnings"]),
            missing=message["missing"],
        )
        self._settle(worker, attempt)

    def _lost(self, worker: Worker, reason: str) -> None:
        """An attempt of which nothing counts: run the mini-batch again, or give it up."""
        assert worker.mini_batch is not None
        draft(self._folder, worker.mini_batch, worker.process).unlink(missing_ok=True)
        if worker.attempt <= self._plan.settings.max_retries:
            attempt = self._attempt(worker, "retried", reason)
            self._waiting.append((worker.mini_batch, worker.attempt + 1))
            self._note(worker, attempt)
            return
        files = self._plan.mini_batch(worker.mini_batch)
        attempt = replace(
            self._attempt(worker, "failed", reason),
            files=tuple(FileResult(file.name, 0, reason) for file in files),
        )
        self._settle(worker, attempt)

    def _settle(self, worker: Worker, attempt: Attempt) -> None:
        self._unfinished -= 1
        self._failed_files += attempt.failed_files
        self._note(worker, attempt)
        threshold = self._plan.settings.error_threshold
        if 0 <= threshold < self._failed_files:
            raise JobFailed(
                f"{self._failed_files} files failed and error_threshold is {threshold};"
                f" the last: {_reason(attempt)}"
            )

    def _note(self, worker: Worker, attempt: Attempt) -> None:
        worker.mini_batch = None
        self._journal.append(attempt)
        self._attempts.append(attempt)
        for line in _lines(attempt):
            if line not in self._warned:
                self._warned.add(line)
                self._say(line)

    def _attempt(self, worker: Worker, outcome: Any, reason: str | None) -> Attempt:
        assert worker.mini_batch is not None
        seconds = time.monotonic() - worker.sent
        return Attempt(
            mini_batch=worker.mini_batch,
            attempt=worker.attempt,
            outcome=outcome,
            worker=worker.slot,
            started=round(time.time() - self._began - seconds, 4),
            seconds=round(seconds, 4),
            reason=reason,
        )

    def _next_timeout(self) -> float:
        deadlines = [one.sent for one in self._pool.workers if one.mini_batch is not None]
        if not deadlines:
            return _WAIT
        return max(0.0, min(deadlines) + self._plan.settings.timeout - time.monotonic())

    def _end_stuck_workers(self) -> None:
        timeout = self._plan.settings.timeout
        for worker in list(self._pool.workers):
            if worker.mini_batch is not None and time.monotonic() - worker.sent > timeout:
                self._pool.end(worker)
                self._lost(worker, f"took longer than {timeout:g} s (retry_settings.timeout)")


def _same_input(plan: Plan, folder: Path, settled: Iterable[int]) -> Plan:
    """Refuse a resume over files that changed after they were scored.

    Files still to be scored may change: mending one is a reason to resume.
    """
    scored = tuple(file for index in settled for file in plan.mini_batch(index))
    changed = changed_files(Path(plan.input), scored)
    if changed:
        raise JobFailed(
            f"input file {changed[0]!r} has changed since it was scored"
            f" ({len(changed)} in all); start a new job"
        )
    fresh = []
    known = {file.name for file in scored}
    for file in plan.files:
        path = Path(plan.input) / file.name
        if file.name not in known and path.exists():
            status = path.stat()
            file = replace(file, size=status.st_size, modified_ns=status.st_mtime_ns)
        fresh.append(file)
    plan = replace(plan, files=tuple(fresh))
    write_plan(plan, folder / "plan.json")
    return plan


def _refuse_nothing_scored(plan: Plan, attempts: Iterable[Attempt]) -> None:
    """A job of which no file came through has failed, whatever it was told to tolerate."""
    settled = finished(attempts).values()
    failed = sum(one.failed_files for one in settled)
    if failed >= len(plan.files):
        first = min(settled, key=lambda one: one.mini_batch)
        raise JobFailed(f"none of the {failed} files could be scored; the first: {_reason(first)}")


def _reason(attempt: Attempt) -> str:
    for file in attempt.files:
        if file.error is not None:
            return file.error
    return attempt.reason or f"a script returned {attempt.missing} results too few"


def _lines(attempt: Attempt) -> Iterable[str]:
    """What the job's log says of an attempt: nothing, if all went well."""
    where = f"mini-batch {attempt.mini_batch}, attempt {attempt.attempt}"
    yield from (f"warning: {warning}" for warning in attempt.warnings)
    if attempt.outcome == "retried":
        yield f"{where}: {attempt.reason}; it is run again"
    elif attempt.outcome == "failed":
        yield f"{where}: {attempt.reason}; its {len(attempt.files)} files failed"
    else:
        yield from (f"failed: {file.error}" for file in attempt.files if file.error)
        if attempt.missing:
            yield f"{where}: run() returned {attempt.missing} results too few; as many files failed"
