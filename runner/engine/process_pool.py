"""The worker processes of a job, forked from one that has paid for the imports.

The pools we looked at (concurrent.futures, loky, pebble) give up as a whole when a process dies
at the wrong moment, idle or starting up, and take everybody's work with it. Here each worker has
its own socket and nothing is shared, so a death is the business of one mini-batch.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from runner.engine.channel import Channel
from runner.engine.forking import Forking, ForkingHere
from runner.engine.last_words import how_it_ended
from runner.engine.layout import worker_log
from runner.engine.logs import Log
from runner.engine.messages import decode
from runner.engine.parts import Part, encode
from runner.engine.plan import Plan
from runner.engine.pool import Event, Worker
from runner.engine.worker import NO_MORE

_TICK = 0.2  # seconds between looks at processes that died without closing their socket
_READ_AT_ONCE = 1 << 20  # bytes
_REMEMBERED = 16 << 10  # bytes of what a worker printed last, which may say why it died


@dataclass(eq=False, kw_only=True)
class WorkerProcess(Worker):
    """A worker that is a process of its own."""

    connection: Connection
    channel: Channel
    stdout: int  # read end of what it prints, to stderr too
    status: int | None = None  # of the process that has ended; less than 0: by that signal
    printed: bytes = b""  # lately, since `since`


class ProcessPool:
    """Forks workers and tells what they say; a context manager that leaves none behind."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._folder = folder
        self._forking = _forking(plan, folder)
        self._selector = selectors.DefaultSelector()
        self._logs: dict[int, Log] = {}
        self._looked = 0.0
        self.most = plan.settings.processes
        self.workers: list[WorkerProcess] = []

    def __enter__(self) -> ProcessPool:
        return self

    def __exit__(self, *_: object) -> None:
        # Each of them, though a full disk refuses another one's log.
        with contextlib.ExitStack() as each:
            each.callback(self._forking.close)
            each.callback(self._selector.close)
            for log in self._logs.values():
                each.callback(log.close)
            for worker in list(self.workers):
                each.callback(self.end, worker)

    def fork(self) -> None:
        """Start a worker in the lowest free slot."""
        slot = min(set(range(len(self.workers) + 1)) - {other.slot for other in self.workers})
        ours, theirs = Pipe()
        readable, writable = os.pipe()

        def leave() -> None:
            # Another worker's socket, kept open here, would hide that worker's death.
            for other in self.workers:
                other.connection.close()
                other.channel.close()
                os.close(other.stdout)
            ours.close()
            os.close(readable)

        try:
            process = self._forking.fork(theirs, writable, leave)
        except BaseException:
            ours.close()
            os.close(readable)
            raise
        finally:
            theirs.close()
            os.close(writable)
        os.set_blocking(readable, False)
        worker = WorkerProcess(
            slot,
            process,
            connection=ours,
            channel=Channel(ours),
            stdout=readable,
            since=time.monotonic(),
        )
        if slot not in self._logs:
            self._logs[slot] = Log(worker_log(self._folder, slot))
        self._selector.register(ours, selectors.EVENT_READ, worker)
        self._selector.register(readable, selectors.EVENT_READ, worker)
        self.workers.append(worker)

    def send(self, worker: WorkerProcess, part: Part, attempt: int) -> None:
        """Give an idle worker a part. A worker that died meanwhile is found by `poll`."""
        worker.part, worker.attempt, worker.since = part, attempt, time.monotonic()
        worker.printed = b""
        self._post(worker, encode(part))

    def poll(self, timeout: float) -> list[Event[WorkerProcess]]:
        """Wait for messages and deaths, `timeout` seconds at most, and keep the logs flowing."""
        events: list[Event[WorkerProcess]] = []
        for key, ready in self._selector.select(min(timeout, _TICK)):
            worker: WorkerProcess = key.data
            if worker not in self.workers:
                continue
            if key.fileobj is not worker.connection:
                self._log(worker)
                continue
            if ready & selectors.EVENT_WRITE:
                self._post(worker)
            if not ready & selectors.EVENT_READ:
                continue
            try:
                # One by one, so that what was whole before something else counts.
                for content in worker.channel.receive():
                    events.append(Event(worker, decode(content)))
            except (EOFError, OSError):
                events.append(Event(worker, died=self.end(worker)))
            except ValueError as error:
                self.end(worker)
                events.append(Event(worker, died=f"its process sent what is no message: {error}"))
        if time.monotonic() - self._looked >= _TICK:
            self._looked = time.monotonic()
            said = {event.worker.process for event in events}
            for worker in [other for other in self.workers if other.process not in said]:
                # Its messages from before it died count, so its socket is emptied first.
                if self._has_ended(worker) and not worker.connection.poll():
                    events.append(Event(worker, died=self.end(worker)))
        return events

    def dismiss(self, grace: float) -> list[Event[WorkerProcess]]:
        """Let idle workers end by themselves: a script may have files to write out.

        Those that take longer than `grace` seconds are killed, and so are at once those still
        starting, which have scored nothing. Returns the ends that were not as they should be.
        """
        for worker in list(self.workers):
            if worker.ready:
                self._post(worker, NO_MORE)
            else:
                self.end(worker)
        deadline = time.monotonic() + grace
        ended: list[Event[WorkerProcess]] = []
        while self.workers and (left := deadline - time.monotonic()) > 0:
            ended += self.poll(left)
        late = list(self.workers)
        for worker in late:
            self.end(worker)
        return [
            *(event for event in ended if event.worker.status != 0),
            *(Event(worker, died=f"it was still busy after {grace:g} s") for worker in late),
        ]

    def end(self, worker: WorkerProcess) -> str:
        """Kill a worker and whatever it started; say how it ended."""
        # Dead by itself already? Then that is how it ended, not by our signal.
        ended = self._has_ended(worker)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.process, signal.SIGKILL)
        if not ended:
            worker.status = self._forking.status(worker.process, wait=True)
        self._forget(worker)
        return how_it_ended(worker.status, worker.printed)

    def _post(self, worker: WorkerProcess, message: bytes | None = None) -> None:
        """Send a worker a message, or what is left of one, and have `poll` send what remains."""
        events = selectors.EVENT_READ
        with contextlib.suppress(OSError):  # it has died, which `poll` finds out
            if not worker.channel.send(message):
                events |= selectors.EVENT_WRITE
        self._selector.modify(worker.connection, events, worker)

    def _has_ended(self, worker: WorkerProcess) -> bool:
        if worker.status is None:
            worker.status = self._forking.status(worker.process, wait=False)
        return worker.status is not None

    def _forget(self, worker: WorkerProcess) -> None:
        self.workers.remove(worker)
        self._selector.unregister(worker.connection)
        worker.connection.close()
        worker.channel.close()
        try:
            self._log(worker)
        finally:
            self._stop_listening(worker.stdout)
            os.close(worker.stdout)

    def _log(self, worker: WorkerProcess) -> None:
        # Only what is there now: a worker that prints without end must not keep us here.
        with contextlib.suppress(BlockingIOError):
            printed = os.read(worker.stdout, _READ_AT_ONCE)
            worker.printed = (worker.printed + printed)[-_REMEMBERED:]
            self._logs[worker.slot].write(printed)
            if not printed:
                # It closed its stdout; the end of a file would wake us again and again.
                self._stop_listening(worker.stdout)

    def _stop_listening(self, descriptor: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(descriptor)


def _forking(plan: Plan, folder: Path) -> Forking:
    if plan.python is None:
        return ForkingHere(plan, folder)
    from runner.engine.other_python import ForkingThere

    return ForkingThere(plan, folder, plan.python)
