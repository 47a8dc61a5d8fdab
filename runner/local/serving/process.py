"""Starts a worker process, sends it requests and receives its answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from socket import SHUT_RDWR, socket, socketpair
from typing import IO, Any

from runner.errors import JobFailed
from runner.local.serving.answer import Answer
from runner.local.serving.messages import MOST_ANSWERED, pack, unpack
from runner.local.serving.plan import DeploymentPlan
from runner.local.serving.relay import Relay
from runner.local.serving.request import Request
from runner.processes import command_in, python_command, variables_in, with_one_thread

# Seconds to import, load the model and get through a script's init().
_START_SECONDS = 600.0
_WRITTEN_INTO = "its script wrote into its connection"
_CHUNK = 1 << 18  # bytes of an answer that are read at once


class TooSlow(Exception):
    """The process gave no answer in time."""


class Died(Exception):
    """The process ended without an answer; or it has to end, for the reason that the text gives."""


class Process:
    """A worker process, started at once; `wait_until_ready` comes before the first request.

    It answers one request at a time, and can be sent the next while it does. It ends with all that
    its script has started, as a container does.
    """

    def __init__(self, plan: DeploymentPlan, log: IO[bytes] | None = None) -> None:
        """Start it. What the model or script prints goes to `log`, a file, else to standard error
        with the deployment's name before each line.

        Raises JobFailed where the plan's Python can't be started.
        """
        self.start_seconds = 0.0  # of loading, once it is ready
        self.notice: str | None = None  # worth a line in the log, once it is ready
        self._plan = plan
        self._received = bytearray()
        self._ended = False  # there is nothing more to receive
        self._answer: asyncio.Future[tuple[Any, bytes]] | None = None  # the answer that is awaited
        self._loop: asyncio.AbstractEventLoop | None = None  # the event loop that reads answers...
        self._reading: socket | None = None  # ...from this copy of the connection
        self._receiving = False  # a whole request was sent and not answered yet
        self._ahead: bytes | None = None  # the next request, which was sent...
        self._rest = b""  # ...except for these last bytes
        try:
            self._socket, theirs = socketpair()
            self._relay = Relay(plan.name, sys.stderr.fileno()) if log is None else None
        except OSError as error:
            raise JobFailed(f"deployment {plan.name!r} did not start: {error.strerror}") from None
        self._socket.setblocking(False)
        output = log if self._relay is None else self._relay.inlet
        command, variables = _command(plan, str(theirs.fileno()))
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # closed with this process, which ends the worker
                stdout=output,
                stderr=output,
                env=with_one_thread({"PYTHONUNBUFFERED": "1", **variables}),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # the terminal's Ctrl-C doesn't reach it
            )
        except OSError as error:
            self._socket.close()
            raise JobFailed(
                f"deployment {plan.name!r} did not start: {command[0]} can't be started:"
                f" {error.strerror or error}"
            ) from None
        finally:
            theirs.close()
            if self._relay is not None:
                self._relay.begin()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Wait until the model is loaded. JobFailed when it can't be, or the process ends."""
        name = f"deployment {self._plan.name!r}"
        try:
            told, _ = asyncio.run(self._exchange(pack(asdict(self._plan)), _START_SECONDS))
        except Died:
            raise JobFailed(f"{name} did not start: {self.how_it_ended()}") from None
        except TooSlow:
            raise JobFailed(f"{name} was not ready after {_START_SECONDS:g} s") from None
        self.start_seconds = told.get("seconds", 0.0)
        self.notice = told.get("notice")
        if (failed := told["failed"]) is not None:
            # The process knows its model by the folder, a person by its reference.
            model, label = self._plan.model, self._plan.label
            raise JobFailed(failed.replace(model, label) if model and label else failed)

    def send_ahead(self, message: bytes) -> None:
        """Send the next request, as far as that goes at once, while one is being answered.

        The process then works without a pause between the two. It reads the next only after it has
        answered the one before, so if it dies before, the next was not begun.
        """
        if self._receiving and self._ahead is None:
            with contextlib.suppress(OSError):  # if it is gone, another process gets the request
                sent = self._socket.send(message)
                self._ahead, self._rest = message, message[sent:]

    def has(self, message: bytes) -> bool:
        """Return whether it was sent this request ahead."""
        return self._ahead is message

    @property
    def free(self) -> bool:
        """Return whether it has nothing to answer."""
        return self._ahead is None

    async def score(self, message: bytes) -> Answer:
        """Have a packed request answered, in the plan's request timeout. Raises TooSlow or Died.

        After these, and where it is cancelled, the process is of no further use.
        """
        rest = self._rest if self.has(message) else message
        self._ahead = None
        told, body = await self._exchange(rest, self._plan.request_timeout)
        try:
            status, headers, by_model, notice = told
            pairs = tuple((name, value) for name, value in headers)
        except (ValueError, TypeError):
            raise Died(_WRITTEN_INTO) from None
        self._log_so_far()  # so that they are in the log before the answer is sent
        return Answer(status, body, pairs, by_model, notice)

    def how_it_ended(self) -> str:
        """Return how a process ended that died; this waits for its end for a moment."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        status = self._process.returncode
        if status is None:
            return "its process closed its connection"
        if status >= 0:
            return f"its process exited with status {status}"
        return f"its process was ended by signal {-status}"

    def end(self, grace: float = 0.0) -> None:
        """Let it end by itself, `grace` seconds at most, and see it gone."""
        with contextlib.suppress(OSError):  # where the process is gone already
            self._socket.shutdown(SHUT_RDWR)  # so that the loop, which has a copy, closes that
        self._socket.close()
        self._forget_closed_loop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        self.kill()
        self._process.wait()
        self._kill_all()  # also where it has ended by itself
        self._log_so_far()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def kill(self) -> None:
        """End it now, without waiting for that: also safe in a signal's handler."""
        if self._process.returncode is None:
            self._kill_all()

    def _kill_all(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _log_so_far(self) -> None:
        if self._relay is not None:
            self._relay.drain()

    async def _exchange(self, message: bytes, seconds: float) -> tuple[Any, bytes]:
        """Send a message and give the head and the body of the one that comes back."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._read_in(loop)
        self._answer = loop.create_future()
        self._resolve_answer(loop)  # it may be there already, of a request that was sent ahead
        try:
            async with asyncio.timeout(seconds):
                await loop.sock_sendall(self._socket, message)
                self._receiving = True
                return await self._answer
        except TimeoutError:
            raise TooSlow from None
        except OSError:
            raise Died from None
        finally:
            self._receiving = False

    def _read_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read what comes in an event loop from now on, until another has a request answered.

        To ask the system anew for each answer whether it is there costs more than to read it.
        """
        self._forget_closed_loop()
        self._loop, self._reading = loop, self._socket.dup()
        loop.add_reader(self._reading, self._arrived, loop, self._reading)

    def _forget_closed_loop(self) -> None:
        if self._reading is not None and self._loop is not None and self._loop.is_closed():
            self._reading.close()

    def _arrived(self, loop: asyncio.AbstractEventLoop, reading: socket) -> None:
        if loop is self._loop and self._received_more(loop, reading):
            return
        loop.remove_reader(reading)
        reading.close()

    def _received_more(self, loop: asyncio.AbstractEventLoop, reading: socket) -> bool:
        """Take what has arrived; whether there may come more."""
        try:
            chunk = reading.recv(_CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            chunk = b""
        self._received += chunk
        # A script that writes on and on into its connection is stopped.
        self._ended = not chunk or len(self._received) > 2 * MOST_ANSWERED
        self._resolve_answer(loop)
        return not self._ended

    def _resolve_answer(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the answer that is waited for once it is there, or why there will be none.

        `loop` is the loop of this thread. Where a request was sent ahead, its answer may arrive in
        one loop while another waits for it, and only that one may resolve it.
        """
        answer = self._answer
        if answer is None or answer.done():
            return
        waiting = answer.get_loop()
        if waiting is not loop:
            waiting.call_soon_threadsafe(self._resolve_answer, waiting)
            return
        try:
            told = unpack(self._received)
        except ValueError:
            answer.set_exception(Died(_WRITTEN_INTO))
            return
        if told is not None:
            answer.set_result(told)
        elif self._ended:
            answer.set_exception(Died())


def packed(request: Request) -> bytes:
    """Return a request in the bytes that a process is sent."""
    return pack((request.method, request.target, request.headers), request.body)


def _command(plan: DeploymentPlan, descriptor: str) -> tuple[list[str], Mapping[str, str]]:
    """Return the command that starts a worker, and its environment variables."""
    module, declared = "runner.local.serving.worker", plan.environment_variables
    if plan.python is None:
        return python_command(module, descriptor), {**os.environ, **declared}
    variables = variables_in(plan.python, os.environ, declared)
    return command_in(plan.python, module, descriptor), variables
