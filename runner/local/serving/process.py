"""A worker process, seen from the process that sends it requests."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from multiprocessing.connection import Pipe
from typing import IO

from runner.errors import JobFailed
from runner.local.serving.answer import Answer
from runner.local.serving.plan import DeploymentPlan
from runner.local.serving.relay import Relay
from runner.local.serving.request import Request
from runner.processes import command_in, python_command, variables_in, with_one_thread

# Seconds to import, load the model and get through a script's init().
_START_SECONDS = 600.0


class TooSlow(Exception):
    """No answer in time."""


class Died(Exception):
    """The process ended without an answer; the text says how."""


class Process:
    """Started at once; `wait_until_ready` before the first request. One request at a time.

    It ends with all that its script has started, as a container does.
    """

    def __init__(self, plan: DeploymentPlan, log: IO[bytes] | None = None) -> None:
        """Start it. What the model or script prints goes to `log`, a file, else to standard error
        with the deployment's name before each line.

        Raises JobFailed where the plan's Python can't be started.
        """
        self.start_seconds = 0.0  # that it took to load, once it is ready
        self.notice: str | None = None  # worth a line in the log, once it is ready
        self._plan = plan
        try:
            self._connection, theirs = Pipe()
            self._relay = Relay(plan.name, sys.stderr.fileno()) if log is None else None
        except OSError as error:
            raise JobFailed(f"deployment {plan.name!r} did not start: {error.strerror}") from None
        _limit(self._connection.fileno(), plan.request_timeout)
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
                start_new_session=True,  # the terminal's Ctrl-C is not for it
            )
        except OSError as error:
            self._connection.close()
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
        deadline = time.monotonic() + _START_SECONDS
        name = f"deployment {self._plan.name!r}"
        try:
            self._send(json.dumps(asdict(self._plan)).encode())
            told = json.loads(self._receive(deadline))
        except Died as error:
            raise JobFailed(f"{name} did not start: {error}") from None
        except TooSlow:
            raise JobFailed(f"{name} was not ready after {_START_SECONDS:g} s") from None
        self.start_seconds = told.get("seconds", 0.0)
        self.notice = told.get("notice")
        if (failed := told["failed"]) is not None:
            # The process knows its model by the folder, a person by its reference.
            model, label = self._plan.model, self._plan.label
            raise JobFailed(failed.replace(model, label) if model and label else failed)

    def score(self, request: Request) -> Answer:
        """Have one request answered, in the request timeout. Raises TooSlow or Died."""
        deadline = time.monotonic() + self._plan.request_timeout
        head = {"method": request.method, "target": request.target, "headers": request.headers}
        self._send(json.dumps(head).encode())
        self._send(request.body)
        try:
            told = json.loads(self._receive(deadline))
            headers = tuple((name, value) for name, value in told.pop("headers"))
            answer = Answer(body=self._receive(deadline), headers=headers, **told)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Died("its script wrote into its connection") from None
        self._log_so_far()  # which is in the log when its answer is there
        return answer

    def end(self, grace: float = 0.0) -> None:
        """Let it end by itself, `grace` seconds at most, and see it gone."""
        self._connection.close()
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

    def _send(self, message: bytes) -> None:
        try:
            self._connection.send_bytes(message)
        except BlockingIOError:
            raise TooSlow from None
        except OSError:
            raise Died(self._how_it_ended()) from None

    def _receive(self, deadline: float) -> bytes:
        try:
            if not self._connection.poll(max(0.0, deadline - time.monotonic())):
                raise TooSlow
            return self._connection.recv_bytes()
        except BlockingIOError:
            raise TooSlow from None
        except (EOFError, OSError):
            raise Died(self._how_it_ended()) from None

    def _how_it_ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        status = self._process.returncode
        if status is None:
            return "its process closed its connection"
        if status >= 0:
            return f"its process exited with status {status}"
        return f"its process was ended by signal {-status}"


def _limit(descriptor: int, seconds: float) -> None:
    """Have nobody wait longer on a socket for a process that hangs in the middle of a message."""
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        fraction, whole = math.modf(seconds)
        span = struct.pack("@ll", int(whole), max(1, int(fraction * 1e6)))  # 0 is without end
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, option, span)


def _command(plan: DeploymentPlan, descriptor: str) -> tuple[list[str], Mapping[str, str]]:
    """The command that starts a worker in the plan's Python, and its environment variables."""
    module, declared = "runner.local.serving.worker", plan.environment_variables
    if plan.python is None:
        return python_command(module, descriptor), {**os.environ, **declared}
    variables = variables_in(plan.python, os.environ, declared)
    return command_in(plan.python, module, descriptor), variables
