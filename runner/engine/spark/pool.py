"""The Spark session of a job as a pool of parts.

The parts that are sent between two looks are scored together, in one job of Spark's: a wave. So a
session serves many small files without a job for each. A wave that fails is run again in halves,
down to what fails by itself: only that is charged an attempt.
"""

from __future__ import annotations

import math
import os
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.engine import disk
from runner.engine.draft_file import DraftFile
from runner.engine.drivers.result import brief
from runner.engine.layout import draft
from runner.engine.messages import Hopeless, Message, Raised, Ready, Scored
from runner.engine.parts import Part
from runner.engine.plan import Plan
from runner.engine.pool import NOT_BEGUN, Event, Worker
from runner.engine.spark.executor import KILLED_AFTER, took_longer
from runner.engine.spark.methods import Method, choose_method
from runner.engine.spark.session import Session, begin_session
from runner.engine.spark.units import Answer, Unit, together
from runner.errors import JobFailed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_MOST = 4096  # parts that wait or are scored at a time; each costs next to nothing
_WAVE = 16 << 20  # bytes of input for each task of a wave: what bounds the memory


@dataclass(eq=False)
class _Wave:
    """Units that are scored by one job of Spark's."""

    units: list[Unit]
    tag: str = field(default_factory=lambda: f"runner-{uuid.uuid4().hex}")
    begun: float = field(default_factory=time.monotonic)
    deadline: float = math.inf
    late: bool = False


@dataclass(frozen=True)
class _Done:
    """The answers of a wave, or why there are none."""

    wave: _Wave
    answers: tuple[Answer, ...] = ()
    error: BaseException | None = None


class SparkPool:
    """Scores parts in a Spark session. Its workers are places in the queue."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self.most = _MOST
        self.workers: list[Worker] = []
        self._numbers = 0
        self._session: Session | None = None
        self._method: Method | None = None
        self._failure: str | None = None
        self._heard: queue.SimpleQueue[_Done | None] = queue.SimpleQueue()
        self._waiting: deque[Unit] = deque()
        self._again: deque[list[Unit]] = deque()  # units of waves that failed
        self._flying: dict[_Wave, None] = {}
        self._owners: dict[int, Worker] = {}  # by unit
        self._open: dict[Worker, dict[int, Answer | None]] = {}  # the answers of its units
        self._loading = 0.0  # seconds that the model took to load
        self._threads = ThreadPoolExecutor(thread_name_prefix="wave")
        self._closing = threading.Event()

    def __enter__(self) -> SparkPool:
        running = _running_session()
        self._threads.submit(self._load, running)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for wave in self._flying:
            self._interrupt(wave)
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self._session is not None:
            self._session.close()

    def fork(self) -> None:
        """Open one more place in the queue."""
        self.workers.append(Worker(len(self.workers), os.getpid(), since=time.monotonic()))

    def send(self, worker: Worker, part: Part, attempt: int) -> None:
        """Queue a part for the next wave."""
        assert self._method is not None
        worker.part, worker.attempt, worker.since = part, attempt, NOT_BEGUN
        answers: dict[int, Answer | None] = {}
        for share in self._method.divide(part):
            unit = Unit(self._numbers, share)
            self._numbers += 1
            self._owners[unit.number] = worker
            answers[unit.number] = None
            self._waiting.append(unit)
        self._open[worker] = answers

    def poll(self, timeout: float) -> list[Event[Worker]]:
        """Begin waves with what was sent, and wait for what comes of one."""
        self._begin_waves()
        self._cancel_late_waves()
        events = self._ready()
        try:
            done = self._heard.get(timeout=0 if events else timeout)
        except queue.Empty:
            return events
        while True:
            if done is not None:
                events += self._land(done)
            if self._heard.empty():
                return events + self._ready()
            done = self._heard.get()

    def dismiss(self, grace: float) -> list[Event[Worker]]:
        """Let go of all workers: a session has nothing to write out."""
        self.workers.clear()
        return []

    def end(self, worker: Worker) -> str:
        """Give up the worker's place. An answer that it was waiting for is dropped when it
        comes."""
        self.workers.remove(worker)
        self._open.pop(worker, None)
        return "its place in the Spark session was given up"

    def _ready(self) -> list[Event[Worker]]:
        """Tell the workers that are new what became of the session."""
        if self._failure is None and self._method is None:
            return []
        message: Message = Ready(self._method.warnings if self._method else ())
        if self._failure is not None:
            message = Hopeless(self._failure)
        new = [worker for worker in self.workers if not worker.ready]
        return [Event(worker, message) for worker in new]

    def _load(self, running: SparkSession | None) -> None:
        try:
            self._session = begin_session(self._plan, self._folder, running)
            if not self._closing.is_set():
                began = time.monotonic()
                method = choose_method(self._plan, self._folder, self._session)
                self._loading = time.monotonic() - began
                self._method = method
        except JobFailed as error:
            self._failure = str(error)
        except BaseException as error:
            self._failure = f"the model can't be loaded into a Spark session: {brief(error)}"
        self._heard.put(None)

    def _begin_waves(self) -> None:
        method, session = self._method, self._session
        if method is None or session is None:
            return
        while len(self._flying) < method.jobs and (self._again or self._waiting):
            units = self._again.popleft() if self._again else self._next(method, session)
            wave = _Wave(units)
            # Each of a task's units may take its timeout, one after another; and a Python worker
            # that takes a killed one's place has to load the model again.
            limit = self._plan.settings.timeout * -(-len(units) // session.tasks) + self._loading
            wave.deadline = time.monotonic() + limit
            self._flying[wave] = None
            self._threads.submit(self._fly, method, session, wave)

    def _next(self, method: Method, session: Session) -> list[Unit]:
        units: list[Unit] = []
        size = 0
        while self._waiting and len(units) < method.at_once:
            size += self._waiting[0].size
            if units and size > _WAVE * session.tasks:
                break
            units.append(self._waiting.popleft())
        return units

    def _fly(self, method: Method, session: Session, wave: _Wave) -> None:
        spark = session.spark
        try:
            spark.addTag(wave.tag)
            try:
                answers = tuple(method.run(wave.units))
            finally:
                spark.removeTag(wave.tag)
        except BaseException as error:
            self._heard.put(_Done(wave, error=error))
        else:
            self._heard.put(_Done(wave, answers))

    def _cancel_late_waves(self) -> None:
        now = time.monotonic()
        for wave in self._flying:
            if now > wave.deadline and not wave.late:
                wave.late = True
                self._interrupt(wave)

    def _interrupt(self, wave: _Wave) -> None:
        assert self._session is not None
        try:
            self._session.spark.interruptTag(wave.tag)
        except Exception as error:
            print(f"Spark job {wave.tag} can't be cancelled: {brief(error)}", flush=True)

    def _land(self, done: _Done) -> list[Event[Worker]]:
        del self._flying[done.wave]
        units = done.wave.units
        if done.error is None:
            return [event for answer in done.answers for event in self._take(answer)]
        assert self._session is not None
        assert self._method is not None
        if not self._session.runs():
            raise JobFailed(
                f"the Spark session is gone: {brief(done.error)}; resume the job to go on"
            )
        if len(units) > 1:
            middle = len(units) // 2
            self._again.extendleft([units[middle:], units[:middle]])
            return []
        (unit,) = units
        reason = brief(done.error)
        limit = self._plan.settings.timeout
        crashed = "Python worker exited unexpectedly" in str(done.error)
        killed = crashed and time.monotonic() - done.wave.begun >= limit + KILLED_AFTER
        if done.wave.late or killed:
            reason = took_longer(limit)
        return self._take(Answer(unit.number, self._method.failed(unit, reason)))

    def _take(self, answer: Answer) -> list[Event[Worker]]:
        worker = self._owners.pop(answer.unit)
        answers = self._open.get(worker)
        if answers is None:
            return []
        answers[answer.unit] = answer
        found = [answer for answer in answers.values() if answer is not None]
        if len(found) < len(answers):
            return []
        del self._open[worker]
        seconds = sum(answer.seconds for answer in found)
        worker.slot, worker.since = found[0].lane, time.monotonic() - seconds
        if seconds > self._plan.settings.timeout:
            return [Event(worker, Raised(took_longer(self._plan.settings.timeout)))]
        message = together(answer.message for answer in found)
        if isinstance(message, Scored):
            message = self._write(worker, message, found)
        return [Event(worker, message)]

    def _write(self, worker: Worker, message: Scored, answers: Sequence[Answer]) -> Message:
        assert worker.part is not None
        path = draft(self._folder, worker.part.key, worker.process)
        try:
            with DraftFile(path) as file:
                for answer in answers:
                    for lines in answer.lines:
                        file.write(lines)
        except disk.DiskFull as error:
            return Hopeless(str(error))
        return replace(message, checksum=file.checksum)


def _running_session() -> SparkSession | None:
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession()
