"""Forking workers in another Python than this process's: by a process there that is asked to.

Nothing but JSON comes back from it: what is imported there is strangers' code.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import Any

from runner.engine.channel import Channel
from runner.engine.last_words import how_it_ended
from runner.engine.layout import preloading_log
from runner.engine.plan import Plan, encode
from runner.engine.preloading import FORK
from runner.errors import JobFailed
from runner.processes import command_in, variables_in

_STARTS = 3  # starts of the preloading process in a row that may come to nothing
_IMPORTING = 600.0  # seconds that it may take to import what workers need
_PATIENCE = 30.0  # seconds that it may take to answer
_ENDING = 2.0  # seconds that its end may take after it has closed its socket
_LOOK = 0.002  # seconds between looks at a worker that is about to end
_REMEMBERED = 16 << 10  # bytes of what it printed last, which may say why it died


class ForkingThere:
    """Forks workers in another Python, as `forking.Forking` says.

    Where the process that forks them dies, they die with it, and the next one asked for starts it
    again.
    """

    def __init__(self, plan: Plan, folder: Path, python: str) -> None:
        """Start it, without waiting for what it imports. JobFailed where it can't be started."""
        self._plan = plan
        self._folder = folder
        self._python = python
        self._preloading: _Preloading | None = self._start()

    def fork(self, connection: Connection, stdout: int, leave: Callable[[], object]) -> int:
        why = ""
        for _ in range(_STARTS):
            try:
                self._preloading = self._preloading or self._start()
                return self._preloading.fork(connection, stdout)
            except _Gone as error:
                why = self._give_up(error)
        log = preloading_log(self._folder)
        raise JobFailed(f"nothing can be scored by {self._python}: {why}; see {log}")

    def status(self, process: int, wait: bool) -> int | None:
        while True:
            if self._preloading is None or process not in self._preloading.workers:
                return -signal.SIGKILL  # with the process that forked it
            try:
                status = self._preloading.status(process)
            except _Gone as error:
                self._give_up(error)
                continue
            if status is not None or not wait:
                return status
            time.sleep(_LOOK)

    def close(self) -> None:
        if self._preloading is not None:
            self._preloading.end()

    def _start(self) -> _Preloading:
        return _Preloading(self._plan, self._folder, self._python)

    def _give_up(self, error: _Gone) -> str:
        """End the process that forks and all that it forked; say why that is needed."""
        how = self._preloading.end(0.0 if str(error) else _ENDING) if self._preloading else ""
        self._preloading = None
        return str(error) or how


class _Gone(Exception):
    """The preloading process has ended; or it lives, and the text says what is wrong with it."""


class _Preloading:
    """The process in the other Python."""

    def __init__(self, plan: Plan, folder: Path, python: str) -> None:
        self._ready = False
        self._connection, theirs = Pipe()
        self._channel = Channel(self._connection)
        self._log = preloading_log(folder).open("a+b")
        self._printed_before = self._log.seek(0, os.SEEK_END)
        self.workers: set[int] = set()
        try:
            self._process = subprocess.Popen(
                command_in(
                    python, "runner.engine.preloading", str(theirs.fileno()), str(os.getpid())
                ),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env=variables_in(python, os.environ, plan.environment_variables),
                pass_fds=(theirs.fileno(),),
            )
        except OSError as error:
            self._connection.close()
            self._channel.close()
            self._close_log()
            raise JobFailed(f"{python} can't be started: {error.strerror or error}") from None
        finally:
            theirs.close()
        with contextlib.suppress(OSError):  # it is gone already, and `status` will say so
            self._connection.send_bytes(encode(replace(plan, files=(), code=())))
            self._connection.send_bytes(os.fsencode(folder))

    def fork(self, connection: Connection, stdout: int) -> int:
        """Fork a worker and return its process id. Raises JobFailed where none can be."""
        if not self._ready:
            self._ready = bool(self._answer(_IMPORTING))
        try:
            self._send(FORK)
            for descriptor in (connection.fileno(), stdout):
                send_handle(self._connection, descriptor, self._process.pid)
        except OSError:
            raise _Gone from None
        forked = self._answer(_PATIENCE)
        if not isinstance(forked, int):
            raise JobFailed(f"no worker can be started: {forked}")
        if not _may_be_killed(forked):
            raise JobFailed(f"no worker can be started: process {forked} is none of this job's")
        self.workers.add(forked)
        return forked

    def status(self, process: int) -> int | None:
        """Return how a worker ended; None while it hasn't."""
        self._send(process)
        status: int | None = self._answer(_PATIENCE)
        if status is not None:
            self.workers.discard(process)
        return status

    def end(self, patience: float = 0.0) -> str:
        """End it and all that it forked; say how it ended. It may take `patience` seconds to end
        by itself, if that is what it is doing."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self._process.kill()
        self._connection.close()
        self._channel.close()
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(worker, signal.SIGKILL)
        return how_it_ended(self._process.wait(), self._close_log())

    def _close_log(self) -> bytes:
        """Close the log, which is kept if it holds anything, and return what was printed last."""
        with self._log as log:
            size = log.seek(0, os.SEEK_END)
            if not size:
                Path(log.name).unlink(missing_ok=True)
            log.seek(max(self._printed_before, size - _REMEMBERED))
            return log.read()

    def _send(self, message: Any) -> None:
        try:
            self._connection.send_bytes(json.dumps(message).encode())
        except OSError:
            raise _Gone from None

    def _answer(self, seconds: float) -> Any:
        deadline = time.monotonic() + seconds
        try:
            while self._connection.poll(max(0.0, deadline - time.monotonic())):
                for answer in self._channel.receive():  # each is asked for, so there is one at most
                    return json.loads(answer)
        except (EOFError, OSError, ValueError):
            raise _Gone from None
        raise _Gone(f"its process did not answer for {seconds:g} s")


def _may_be_killed(process: int) -> bool:
    """Tell whether a number that the other Python gave is that of a process of this job.

    It may have been answered by a model's own code, and all of that process's group is killed.
    """
    try:
        return (
            process > 0
            and process != os.getpgrp()
            and os.getpgid(process) == process
            and os.getsid(process) == os.getsid(0)
        )
    except OSError:
        return False
