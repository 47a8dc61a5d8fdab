"""Running a plan: parts of mini-batches to workers, retries, timeouts and the error threshold."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.counting import many
from runner.engine import drivers
from runner.engine.attempt import Attempt, FileResult, Outcome
from runner.engine.disk import full_disk_fails_the_job
from runner.engine.inputs import changed_files, list_code
from runner.engine.journal import Journal, Standing, mend_journal, read_journal, write_journal
from runner.engine.large_files import Cuts, cut_large_files, most_parts
from runner.engine.layout import (
    draft,
    journal_file,
    loaded_file,
    logs_folder,
    output_folder,
    piece,
    pieces_folder,
    plan_file,
    profile_draft,
    worker_log,
)
from runner.engine.messages import Raised, Ready, Scored, WantsWholeFiles
from runner.engine.parts import Part, divide
from runner.engine.pieces import is_sound
from runner.engine.plan import Plan, write_plan
from runner.engine.pool import NOT_BEGUN, Event, Pool, Worker
from runner.engine.process_pool import ProcessPool
from runner.engine.profiles import keep_part
from runner.engine.stopped import Stopped
from runner.engine.verdict import nothing_scored, outcome, too_many_failed
from runner.errors import JobFailed
from runner.files.atomic import remove
from runner.files.syncing import sync

__all__ = ["Stopped", "run"]

_STARTS = 3  # processes in a row that may die before any is ready
_LOADING = 600.0  # seconds a worker may take to load the model
_GRACE = 5.0  # seconds a worker may take to end when there is no more to do
_WAIT = 0.2  # seconds between looks at whether to stop
_SYNC_EVERY = 5.0  # seconds of work that a power cut may cost
_SYNC_SHARE = 20  # syncing takes at most one in so many seconds of a run


def run(
    plan: Plan,
    folder: Path,
    *,
    began: float,
    stop: Callable[[], bool] = lambda: False,
    log: Callable[[str], None] = lambda line: None,
    loading: float = _LOADING,
    grace: float = _GRACE,
) -> list[Attempt]:
    """Score every part of a mini-batch that the job's journal doesn't know as done.

    `folder` is the job's own: its journal, pieces, logs and output lie there. `began` is the
    job's first start (seconds since the epoch), `stop` is asked a few times a second, `log`
    takes the lines of the job's log. A worker may take `loading` seconds to load the model and
    `grace` seconds to end after the last mini-batch. Returns all attempts, those of earlier runs
    included; the pieces are ready for `pieces.publish`.
    Raises JobFailed for a job that fails and Stopped when `stop` says so.
    """
    drivers.check(plan)
    _refuse_spark_elsewhere(plan)
    for needed in (pieces_folder(folder), logs_folder(folder), output_folder(folder)):
        needed.mkdir(parents=True, exist_ok=True)
    for leftover in pieces_folder(folder).glob("*.draft"):
        leftover.unlink(missing_ok=True)
    with full_disk_fails_the_job(folder):
        if attempts := _kept(folder, log):
            plan, attempts = _same_input(plan, folder, attempts)
        doubts: tuple[str, ...] = ()
        while True:
            try:
                attempts = _run_parts(
                    plan, folder, attempts, began, stop, log, loading, grace, doubts
                )
                break
            except _SlicesRefused as reason:
                doubts = (f"{reason}; files are given to it whole",)
                log(_warning(doubts[0]))
                plan = replace(plan, whole_files=True)
                write_plan(plan, plan_file(folder))
                attempts = read_journal(journal_file(folder))
    _refuse_nothing_scored(plan, attempts)
    return attempts


class _SlicesRefused(Exception):
    """The model has to be given its files whole; the text says why."""


def _run_parts(
    plan: Plan,
    folder: Path,
    attempts: list[Attempt],
    began: float,
    stop: Callable[[], bool],
    log: Callable[[str], None],
    loading: float,
    grace: float,
    doubts: tuple[str, ...],
) -> list[Attempt]:
    """Divide the plan and run what of it is not done. Returns all attempts.

    `doubts` are warnings about the model that the job's log has and no attempt carries.
    """
    with _pool(plan, folder) as pool:
        if (most := most_parts(plan)) > plan.mini_batches:
            # The workers load the model while the large files are cut.
            for _ in range(min(pool.most, most)):
                pool.fork()
        cuts = cut_large_files(plan, stop, log)
        for worker in pool.workers:
            # A worker that printed more than a pipe holds has waited for this process to read it.
            worker.since = time.monotonic()
        parts = list(divide(plan, cuts.slices))
        if (count := len(parts) if cuts.slices else 0) != plan.parts:
            plan = replace(plan, parts=count)
            write_plan(plan, plan_file(folder))
        attempts = _fitting(attempts, parts, folder)
        with Journal(journal_file(folder)) as journal:
            run = _Run(plan, folder, pool, journal, attempts, parts, began, stop, log, doubts)
            run.refuse(cuts)
            try:
                run.finish(loading, grace)
            except (JobFailed, Stopped):
                run.sync()  # for the resume
                raise
    return attempts


def _refuse_spark_elsewhere(plan: Plan) -> None:
    if plan.settings.engine == "spark" and plan.python is not None:
        raise JobFailed(
            "Spark scores in the runner's own environment, and the model or script declares"
            f" another, {plan.python}: score with `--engine process`, or with `--env-manager local`"
        )


def _pool(plan: Plan, folder: Path) -> Pool[Any]:
    if plan.settings.engine == "process":
        return ProcessPool(plan, folder)
    from runner.engine.spark.pool import SparkPool

    return SparkPool(plan, folder)


class _Run:
    """The state of a run between two events."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        pool: Pool[Any],
        journal: Journal,
        attempts: list[Attempt],
        parts: Iterable[Part],
        began: float,
        stop: Callable[[], bool],
        log: Callable[[str], None],
        doubts: tuple[str, ...],
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._pool = pool
        self._journal = journal
        self._attempts = attempts
        self._began = began
        self._stop = stop
        self._log = log
        self._standing = Standing(attempts)
        complete = self._standing.complete()
        self._waiting = deque((part, 1) for part in parts if part.key not in complete)
        self._unfinished = len(self._waiting)
        self._most = pool.most
        self._tried = Standing()  # this run alone: only its failures count for a threshold
        self._deaths_at_start = 0
        self._unsynced: list[Path] = []  # pieces that a power cut may take, with their lines
        self._sync_at = time.monotonic() + _SYNC_EVERY
        self._warned = set(map(_warning, doubts))
        self._told: set[str] = set()  # warnings about the model that an attempt carries
        self._untold = doubts
        # The types of the numbers that the slices of a file were answered with, by column.
        self._number_types: dict[tuple[int, str], dict[str, str]] = {}
        for attempt in self._standing.settled.values():
            if attempt.slice is not None:
                types = self._number_types.setdefault(
                    (attempt.mini_batch, attempt.files[0].name), {}
                )
                types.update(attempt.number_types)

    def refuse(self, cuts: Cuts) -> None:
        """Settle the large files that can't be read, which no worker needs to find out again."""
        for part, number in list(self._waiting):
            name = part.files[0].name
            if part.slice is None or name not in cuts.refused:
                continue
            self._waiting.remove((part, number))
            # Empty, whatever lies there of the time before a resume.
            piece(self._folder, part.key).write_bytes(b"")
            attempt = Attempt(
                mini_batch=part.mini_batch,
                part=part.index,
                slice=part.slice,
                attempt=number,
                outcome="done",
                worker=0,
                started=round(time.time() - self._began, 4),
                seconds=0.0,
                files=(FileResult(name, 0, cuts.refused[name]),),
            )
            self._settle(attempt)

    def finish(self, loading: float, grace: float) -> None:
        while self._unfinished:
            self._start_workers()
            for worker in self._pool.workers:
                if worker.ready and worker.part is None and self._waiting:
                    self._pool.send(worker, *self._waiting.popleft())
            for event in self._pool.poll(min(_WAIT, self._next_timeout(loading))):
                self._take(event)
            self._end_stuck_workers(loading)
            if time.monotonic() >= self._sync_at:
                self.sync()
            if self._unfinished and self._stop():
                raise Stopped
        for event in self._pool.dismiss(grace):
            self._log(
                f"warning: worker {event.worker.slot} did not end as it should: {event.died};"
                " what its script had still to write may be missing"
            )

    def sync(self) -> None:
        """Keep what is done so far from a power cut.

        A job that comes to its end before there is a need to syncs its output alone.
        """
        began = time.monotonic()
        if self._unsynced:
            sync([*self._unsynced, pieces_folder(self._folder)])
            self._unsynced.clear()
        self._journal.sync()
        sync([self._folder])
        ended = time.monotonic()
        self._sync_at = ended + max(_SYNC_EVERY, _SYNC_SHARE * (ended - began))

    def _start_workers(self) -> None:
        wanted = min(self._most, self._unfinished)
        while len(self._pool.workers) < wanted:
            self._pool.fork()

    def _take(self, event: Event[Worker]) -> None:
        worker, message = event.worker, event.message
        if message is None:
            self._take_death(worker, event.died)
        elif worker.part is None and isinstance(message, (Scored, Raised)):
            if worker in self._pool.workers:
                self._pool.end(worker)  # it has not been asked for anything: a script speaks
        elif isinstance(message, Ready):
            worker.ready = True
            loaded_file(self._folder).touch()
            self._deaths_at_start = 0
            heard = dict.fromkeys((*self._untold, *message.warnings))
            self._untold = tuple(doubt for doubt in heard if doubt not in self._told)
        elif isinstance(message, Scored):
            self._take_result(worker, message)
        elif isinstance(message, Raised):
            self._lost(worker, message.reason)
        elif isinstance(message, WantsWholeFiles):
            raise _SlicesRefused(message.reason)
        else:
            raise JobFailed(message.reason)

    def _take_death(self, worker: Worker, how: str) -> None:
        if worker.part is not None:
            self._lost(worker, how)
        elif not worker.ready:
            self._deaths_at_start += 1
            if self._deaths_at_start >= _STARTS:
                times = f"{self._deaths_at_start} times while starting"
                self._start_no_more(worker, f"the model can't be loaded: {how}, {times}")

    def _start_no_more(self, worker: Worker, why: str) -> None:
        """Go on with the workers there are: one more may be what the memory doesn't hold."""
        workers = self._pool.workers
        where = f"see {worker_log(self._folder, worker.slot)}"
        if not workers:
            raise JobFailed(f"{why}; {where}")
        self._most = len(workers)
        if any(other.ready for other in workers):
            # Should these die, those that take their place are new to starting.
            self._deaths_at_start = 0
        self._log(f"warning: worker {worker.slot}: {why}; going on without it; {where}")

    def _take_result(self, worker: Worker, message: Scored) -> None:
        assert worker.part is not None
        result = message.result
        if {file.name for file in result.files} != {file.name for file in worker.part.files}:
            self._pool.end(worker)
            self._lost(worker, "its process sent a result of other files")
            return
        again = bool(result.retry)
        came_to = outcome(self._plan.settings, worker.attempt, answered=True, again=again)
        if came_to == "retried":
            self._run_again(worker, result.retry)
            return
        self._refuse_other_types(worker.part, result.number_types)
        rows = result.rows
        if rows is None:
            rows = sum(file.rows or 0 for file in result.files)
        drafted = draft(self._folder, worker.part.key, worker.process)
        if not drafted.is_file():
            self._lost(worker, f"{drafted}, which its lines were written to, is gone")
            return
        size = drafted.stat().st_size
        kept = piece(self._folder, worker.part.key)
        if kept.is_dir():
            remove(kept)  # a script made it
        drafted.replace(kept)
        self._unsynced.append(kept)
        keep_part(self._folder, worker.part.key, worker.process)
        attempt = replace(
            self._attempt(worker, came_to, result.retry),
            rows=rows,
            size=size,
            checksum=message.checksum,
            files=result.files,
            tally=result.tally,
            warnings=result.warnings,
            missing=result.missing,
            number_types=result.number_types,
        )
        worker.part = None
        self._settle(attempt)

    def _refuse_other_types(self, part: Part, types: Mapping[str, str]) -> None:
        """Raise _SlicesRefused where a slice was answered with numbers of another type than others.

        One call would have made all of them of one type: whole numbers beside a missing one are
        floats.
        """
        if part.slice is None:
            return
        name = part.files[0].name
        known = self._number_types.setdefault((part.mini_batch, name), {})
        for column, kind in types.items():
            if known.setdefault(column, kind) != kind:
                raise _SlicesRefused(
                    f"the model answers some rows of {name} with {known[column]} and others with"
                    f" {kind}"
                )

    def _lost(self, worker: Worker, reason: str) -> None:
        """Run the part of an attempt of which nothing counts again, or give it up."""
        part = worker.part
        assert part is not None
        came_to = outcome(self._plan.settings, worker.attempt, answered=False, again=True)
        if came_to == "retried":
            self._run_again(worker, reason)
            return
        self._drop_draft(worker, part)
        attempt = replace(
            self._attempt(worker, came_to, reason),
            files=tuple(FileResult(file.name, 0, reason) for file in part.files),
        )
        worker.part = None
        self._settle(attempt)

    def _run_again(self, worker: Worker, reason: str | None) -> None:
        part = worker.part
        assert part is not None
        self._drop_draft(worker, part)
        attempt = self._attempt(worker, "retried", reason)
        worker.part = None
        if self._tried.has_lost(part.mini_batch, part.files[0].name):
            # Another slice of its file has failed meanwhile: there is nothing left to save.
            self._unfinished -= 1
        else:
            self._waiting.append((part, attempt.attempt + 1))
        self._note(attempt)

    def _drop_draft(self, worker: Worker, part: Part) -> None:
        remove(draft(self._folder, part.key, worker.process))  # or what a script put in its place
        remove(profile_draft(self._folder, part.key, worker.process))

    def _settle(self, attempt: Attempt) -> None:
        self._unfinished -= 1
        self._standing.add(attempt)
        settled = self._standing.settled[attempt.key]
        self._tried.add(settled)
        self._note(attempt, stays=settled is not attempt)
        if settled.slice is not None and settled.failed_files:
            self._give_up_file(settled.mini_batch, settled.files[0].name)
        if too_many_failed(self._plan.settings, self._tried.failed_files):
            raise JobFailed(
                f"{many(self._tried.failed_files, 'file')} failed and error_threshold is"
                f" {self._plan.settings.error_threshold}; the last: {_reason(attempt)}"
            )

    def _give_up_file(self, mini_batch: int, file: str) -> None:
        """Run no more slices of a file that has failed."""
        left = deque(
            (part, number)
            for part, number in self._waiting
            if not (part.slice and part.mini_batch == mini_batch and part.files[0].name == file)
        )
        self._unfinished -= len(self._waiting) - len(left)
        self._waiting = left

    def _note(self, attempt: Attempt, stays: bool = False) -> None:
        # They go with the first attempt, whatever comes of it, so a resume and the report know.
        if self._untold:
            attempt = replace(attempt, warnings=(*self._untold, *attempt.warnings))
            self._told.update(self._untold)
            self._untold = ()
        self._journal.append(attempt)
        self._attempts.append(attempt)
        for line in _lines(attempt, stays):
            if line not in self._warned:
                self._warned.add(line)
                self._log(line)

    def _attempt(self, worker: Worker, came_to: Outcome, reason: str | None) -> Attempt:
        assert worker.part is not None
        seconds = time.monotonic() - worker.since
        return Attempt(
            mini_batch=worker.part.mini_batch,
            part=worker.part.index,
            slice=worker.part.slice,
            attempt=worker.attempt,
            outcome=came_to,
            worker=worker.slot,
            started=round(time.time() - self._began - seconds, 4),
            seconds=round(seconds, 4),
            reason=reason,
        )

    def _next_timeout(self, loading: float) -> float:
        deadlines = (worker.since + limit for worker, limit in self._at_work(loading))
        return max(0.0, min(deadlines, default=math.inf) - time.monotonic())

    def _end_stuck_workers(self, loading: float) -> None:
        for worker, limit in list(self._at_work(loading)):
            if time.monotonic() - worker.since <= limit:
                continue
            self._pool.end(worker)
            if worker.ready:
                self._lost(worker, f"took longer than {limit:g} s (retry_settings.timeout)")
            else:
                self._start_no_more(worker, f"the model did not finish loading within {limit:g} s")

    def _at_work(self, loading: float) -> Iterator[tuple[Worker, float]]:
        """Yield the workers that are not idle, and how many seconds each may take."""
        for worker in self._pool.workers:
            if not worker.ready:
                yield worker, loading
            elif worker.part is not None and worker.since != NOT_BEGUN:
                yield worker, self._plan.settings.timeout


def _kept(folder: Path, log: Callable[[str], None]) -> list[Attempt]:
    """Return the attempts of earlier runs that a resume builds on.

    A mini-batch that is done but has lost its piece, or a part of it, is struck from the journal:
    neither this run nor a later count of the rows may take it for done. So is a line that is
    damaged itself.
    """
    attempts, damaged = mend_journal(journal_file(folder))
    if damaged:
        log(
            f"warning: {many(damaged, 'line')} of {journal_file(folder)} can't be read: what no"
            " other line tells is done again"
        )
    lost = {
        key
        for key, attempt in Standing(attempts).settled.items()
        if attempt.outcome == "done" and not is_sound(piece(folder, key), attempt)
    }
    if lost:
        first = piece(folder, min(lost))
        log(
            f"warning: {many(len(lost), 'piece')} of the predictions, the first {first}, can't be"
            " used: gone, or not as it was written; its files are scored again"
        )
    for key in lost:
        remove(piece(folder, key))  # where a folder lies there, none could get its place
    return _strike(
        attempts, lambda attempt: attempt.outcome == "done" and attempt.key in lost, folder
    )


def _fitting(attempts: list[Attempt], parts: Iterable[Part], folder: Path) -> list[Attempt]:
    """Return the attempts at mini-batches that are divided as they were then.

    A file that was mended before a resume may be cut elsewhere, and a model may turn out to want
    its files whole; then its mini-batch begins anew.
    """
    known = {part.key: part for part in parts}
    changed = {
        attempt.mini_batch
        for attempt in attempts
        if (part := known.get(attempt.key)) is None
        or attempt.slice != part.slice
        or (attempt.files and _names(attempt) != [file.name for file in part.files])
    }
    return _strike(attempts, lambda attempt: attempt.mini_batch in changed, folder)


def _strike(
    attempts: list[Attempt], struck: Callable[[Attempt], bool], folder: Path
) -> list[Attempt]:
    """Take attempts out of the journal, if there are any to take."""
    kept = [attempt for attempt in attempts if not struck(attempt)]
    if len(kept) < len(attempts):
        write_journal(journal_file(folder), kept)
    return kept


def _names(attempt: Attempt) -> list[str]:
    """Return the files that were attempted; none where the attempt was to be repeated."""
    return [file.name for file in attempt.files]


def _same_input(plan: Plan, folder: Path, attempts: list[Attempt]) -> tuple[Plan, list[Attempt]]:
    """Refuse a resume over files that changed after they were scored, or with other code.

    Files still to be scored may change: mending one is a reason to resume. So may the code, as
    long as nothing of what it gave counts. Returns the plan with the files as they are now, and
    the attempts without those at slices of a file that has changed.
    """
    standing = Standing(attempts)
    complete = standing.complete()
    names = {
        file.name
        for attempt in standing.counted()
        if attempt.key in complete
        for file in attempt.files
    }
    scored = tuple(file for file in plan.files if file.name in names)
    if not Path(plan.input).is_dir():
        raise JobFailed(f"input folder {plan.input} is gone; put it back, or start a new job")
    changed = changed_files(Path(plan.input), scored)
    if changed:
        raise JobFailed(
            f"input file {changed[0]!r} is gone or has changed since it was scored"
            f" ({len(changed)} in all); start a new job"
        )
    if scored and plan.script and (edited := changed_files(Path(plan.script).parent, plan.code)):
        raise JobFailed(
            f"{edited[0]!r} beside the scoring script has changed since the job began, and what"
            " is scored already would not fit; start a new job"
        )
    fresh = []
    mended: set[str] = set()
    for file in plan.files:
        path = Path(plan.input) / file.name
        if file.name not in names and path.exists():
            status = path.stat()
            now = replace(file, size=status.st_size, modified_ns=status.st_mtime_ns)
            if now != file:
                mended.add(file.name)
            file = now
        fresh.append(file)
    # Before the plan: once that says the file is as it is now, nothing tells that it was mended.
    attempts = _strike(
        attempts,
        lambda attempt: attempt.slice is not None and not mended.isdisjoint(_names(attempt)),
        folder,
    )
    code = list_code(Path(plan.script)) if plan.script else ()
    plan = replace(plan, files=tuple(fresh), code=code)
    write_plan(plan, plan_file(folder))
    return plan, attempts


def _refuse_nothing_scored(plan: Plan, attempts: Iterable[Attempt]) -> None:
    """Fail a job of which no file came through, whatever it was told to tolerate."""
    standing = Standing(attempts)
    failed = standing.failed_files
    if nothing_scored(len(plan.files), failed):
        first = _reason(standing.counted()[0])
        if failed == 1:
            raise JobFailed(f"the one file could not be scored: {first}")
        raise JobFailed(f"none of the {failed:,} files could be scored; the first: {first}")


def _reason(attempt: Attempt) -> str:
    for file in attempt.files:
        if file.error is not None:
            return file.error
    return attempt.reason or f"a script returned {many(attempt.missing, 'result')} too few"


def _warning(text: str) -> str:
    return f"warning: {text}"


def _lines(attempt: Attempt, stays: bool) -> Iterable[str]:
    """Yield the lines that the job's log has about an attempt: none, if all went well.

    `stays`: an earlier attempt at the mini-batch counts on.
    """
    where = f"{attempt.where}, attempt {attempt.attempt}"
    yield from map(_warning, attempt.warnings)
    if attempt.outcome == "retried":
        yield f"{where}: {attempt.reason}; it is run again"
    elif attempt.outcome == "failed" and stays:
        yield f"{where}: {attempt.reason}; what was scored of it before stays"
    elif attempt.outcome == "failed":
        yield f"{where}: {attempt.reason}; its {many(len(attempt.files), 'file')} failed"
    else:
        yield from (f"failed: {file.error}" for file in attempt.files if file.error)
        if attempt.missing:
            owed, lost = many(attempt.missing, "result"), many(attempt.missing, "file")
            yield f"{where}: run() returned {owed} too few; {lost} failed"
