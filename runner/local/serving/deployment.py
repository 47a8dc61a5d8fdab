"""Answers requests with a deployment's processes, and queues them meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import IO

from runner.errors import JobFailed
from runner.local.serving.answer import Answer, refuse
from runner.local.serving.plan import DeploymentPlan
from runner.local.serving.pool import Pool
from runner.local.serving.process import Died, Process, TooSlow, packed
from runner.local.serving.request import Request
from runner.local.serving.request_ids import with_ids

_GRACE = 10.0  # seconds for processes to end by themselves
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds between attempts to replace a process
_GIVEN_UP = "a request was given up that its process had been sent"


class Deployment:
    """The processes of a deployment, which answer requests in any thread's event loop.

    As a context manager it leaves no process behind.

    A process that dies or doesn't answer in time is replaced; meanwhile the others go on.
    """

    def __init__(
        self,
        plan: DeploymentPlan,
        log_file: IO[bytes] | None = None,
        log: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Take `log_file` for what the model or script prints (by default standard error, with the
        deployment's name before each line), and `log` for lines about the deployment, such as
        each process that had to be replaced."""
        self.plan = plan
        self._log_file = log_file
        self._log = log
        self._lock = threading.Lock()
        self._inside = 0
        self._slots: Pool[None] = Pool([None] * plan.slots)
        self._noticed: set[str] = set()  # notices that were logged
        self._idle: Pool[Process] = Pool()
        self._next: Pool[None] = Pool([None])  # its holder is the next to get the only process...
        self._busy: Process | None = None  # ...which is scoring
        self._processes: set[Process] = set()
        self._ready = 0
        self._starting = 0  # processes that are on their way, unless the last attempt failed
        self._closed = threading.Event()
        self.slowest_seconds = 0.0  # of the slowest request so far, also one that was given up

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.kill()  # after a failure or an interrupt there is nothing to finish
        self.close()

    @property
    def start_seconds(self) -> float:
        """Return the seconds that the slowest of its processes took to load."""
        return max((process.start_seconds for process in list(self._processes)), default=0.0)

    @property
    def ready(self) -> int:
        """Return the number of processes that can score."""
        return self._ready

    def begin(self) -> None:
        """Start the processes, without waiting for them."""
        self._starting = self.plan.processes
        for _ in range(self.plan.processes):
            self._new()

    def wait_until_ready(self) -> None:
        """Wait until every process can score. JobFailed when one can't."""
        for process in list(self._processes):
            process.wait_until_ready()
            self._welcome(process)

    def start(self) -> None:
        """Start the processes and wait until they can score. JobFailed when one can't."""
        self.begin()
        self.wait_until_ready()

    def score(self, request: Request) -> Answer:
        """Answer one request; not in an event loop.

        408 where it takes longer than the request timeout, 429 where too many are inside or none
        of the slots is free in time, 500 where the process dies, 503 where there is none.
        """
        return asyncio.run(self.run(request)) if self.enter() else self.busy()

    def enter(self) -> bool:
        """Count a request in, unless too many are inside; then `run` must follow."""
        with self._lock:
            if self._inside >= self.plan.most_inside:
                return False
            self._inside += 1
            return True

    def busy(self) -> Answer:
        return refuse(
            429,
            f"deployment {self.plan.name!r} has {self.plan.most_inside} requests to answer already"
            " (twice instance_count x max_concurrent_requests_per_instance); try again later",
        )

    async def run(self, request: Request) -> Answer:
        """Answer a request that was counted in, and count it out."""
        try:
            answer = await self._run(request)
        finally:
            with self._lock:
                self._inside -= 1
        # The next request is sent to the process before this answer is handed on.
        await asyncio.sleep(0)
        return answer

    def close(self) -> None:
        """End the processes, letting each do what a script does at its exit."""
        self._closed.set()
        enders = [
            threading.Thread(target=process.end, args=(_GRACE,))
            for process in list(self._processes)
        ]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
        self._ready = 0
        self._processes.clear()

    def kill(self) -> None:
        """End the processes now."""
        self._closed.set()
        for process in list(self._processes):
            process.kill()

    async def _run(self, request: Request) -> Answer:
        if not self._may_score:
            return self._nothing_ready()
        # As on Azure, a request waits until fewer than the slots are being answered, and then for
        # one of the processes, which may be fewer.
        try:
            await self._slots.take(self.plan.queue_wait)
        except TimeoutError:
            wait = f"{self.plan.queue_wait * 1000:g} ms (max_queue_wait_ms)"
            return refuse(
                429, f"deployment {self.plan.name!r} was busy for {wait}; try again later"
            )
        try:
            return await self._answer(request)
        finally:
            self._slots.give(None)

    async def _answer(self, request: Request) -> Answer:
        message = packed(request)
        try:
            process = await self._process_for(message)
        except TimeoutError:
            return self._too_slow()
        if process is None:
            return self._nothing_ready()
        began = time.perf_counter()
        self._busy = process
        try:
            answer = await process.score(message)
        except TooSlow:
            await asyncio.to_thread(self._replace, process, f"no answer in {self._limit}")
            return self._too_slow()
        except Died as error:
            await asyncio.to_thread(self._replace, process, str(error))
            text = "scoring ended the process; the deployment's log says more"
            return with_ids(refuse(500, text, by_model=True), request)
        except asyncio.CancelledError:
            process.kill()  # it still works at a request that was given up
            threading.Thread(target=self._replace, args=(process,)).start()
            raise
        finally:
            self._busy = None
            self.slowest_seconds = max(self.slowest_seconds, time.perf_counter() - began)
        self._idle.give(process)
        if answer.notice is not None:
            self._notice(answer.notice)
        return answer

    async def _process_for(self, message: bytes) -> Process | None:
        """Wait for a process for a request; None where none is ready. Raises TimeoutError.

        Where there is but one, which it is to be in any case, the first who waits sends it the
        request while it is busy with another.
        """
        if self.plan.processes > 1:
            return await self._take_process(message)
        # No other thread takes the process while this request is the next.
        await self._next.take(self.plan.request_timeout)
        try:
            if (busy := self._busy) is not None:
                busy.send_ahead(message)
            return await self._take_process(message)
        finally:
            self._next.give(None)

    async def _take_process(self, message: bytes) -> Process | None:
        while self._may_score:
            process = await self._idle.take(self.plan.request_timeout)
            if process.has(message):
                return process  # even if it is dead: it may have begun the request
            if process.alive and process.free:
                return process
            why = "its process ended while it was idle" if process.free else _GIVEN_UP
            await asyncio.to_thread(self._replace, process, why)
        return None

    @property
    def _may_score(self) -> bool:
        """Return whether a process is ready or starting: as on Azure, a request waits for that."""
        return bool(self._ready or self._starting) and not self._closed.is_set()

    @property
    def _limit(self) -> str:
        return f"{self.plan.request_timeout * 1000:g} ms (request_timeout_ms)"

    def _too_slow(self) -> Answer:
        return refuse(408, f"deployment {self.plan.name!r} gave no answer in {self._limit}")

    def _nothing_ready(self) -> Answer:
        return refuse(503, f"deployment {self.plan.name!r} has no process ready; try again later")

    def _notice(self, notice: str) -> None:
        with self._lock:
            told = notice in self._noticed
            self._noticed.add(notice)
        if not told:
            self._log(f"deployment {self.plan.name!r}: {notice}")

    def _new(self) -> Process:
        process = Process(self.plan, self._log_file)
        self._processes.add(process)
        return process

    def _welcome(self, process: Process) -> None:
        with self._lock:
            self._ready += 1
            self._starting -= 1
        self._idle.give(process)
        if process.notice is not None:
            self._notice(process.notice)

    def _replace(self, process: Process, why: str = "") -> None:
        """End a process, say `why`, by default how it ended by itself, and start another."""
        why = why or process.how_it_ended()
        # A process that hangs would never end by itself.
        process.end()
        self._processes.discard(process)
        with self._lock:
            self._ready -= 1
            self._starting += 1
        self._log(f"deployment {self.plan.name!r}: {why}; a new process takes its place")
        threading.Thread(target=self._start_another, daemon=True).start()

    def _start_another(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closed.is_set():
            process = None
            try:
                process = self._new()
                process.wait_until_ready()
            except JobFailed as error:
                if process is not None:
                    process.end()
                    self._processes.discard(process)
                with self._lock:
                    self._starting -= 1
                if not self._closed.is_set():
                    self._log(f"{error}; the next attempt is in {pause:g} s")
                self._closed.wait(pause)
                with self._lock:
                    self._starting += 1
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                if self._closed.is_set():
                    process.end()  # it was started after the others had been told to end
                else:
                    self._welcome(process)
                break
