"""The process that holds a deployment's model: it scores one request after another.

It talks over a socket. First comes the plan and goes one message, ready or not; then each request
that comes is answered. Requests and answers are two messages each: a head, as JSON, and a body.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import asdict
from multiprocessing.connection import Connection

from runner.errors import JobFailed
from runner.local.serving.answer import Answer
from runner.local.serving.plan import DeploymentPlan
from runner.local.serving.request import Request
from runner.local.serving.scorer import answer, load


def main(descriptor: str) -> None:
    """Serve until the socket of that file descriptor is closed."""
    _settle()
    socket = int(descriptor)
    os.set_inheritable(socket, False)  # what a script starts must not keep it open
    connection = Connection(socket)
    # A copy of this process that returns from the script would answer, too: somebody else's
    # request, by the order of the answers.
    os.register_at_fork(after_in_child=connection.close)
    plan = DeploymentPlan(**json.loads(connection.recv_bytes()))
    began = time.monotonic()
    try:
        scorer = load(plan)
    except JobFailed as error:
        if (cause := error.__cause__) is not None:
            traceback.print_exception(type(cause), cause, cause.__traceback__)
        _tell(connection, failed=str(error))
        return
    # The other side leaves when it needs no more answers; this process then ends as a program
    # does, with what the script has to do at its exit.
    with contextlib.suppress(EOFError, OSError):
        _tell(connection, failed=None, seconds=time.monotonic() - began, notice=scorer.notice)
        while True:
            _send(connection, answer(scorer, _receive(connection)))


def _receive(connection: Connection) -> Request:
    head = json.loads(connection.recv_bytes())
    headers = tuple((name, value) for name, value in head.pop("headers"))
    return Request(headers=headers, body=connection.recv_bytes(), **head)


def _send(connection: Connection, given: Answer) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a script may have put anything in its place
            stream.flush()
    head = asdict(given)
    body = head.pop("body")
    _tell(connection, **head)
    connection.send_bytes(body)


def _tell(connection: Connection, **message: object) -> None:
    connection.send_bytes(json.dumps(message).encode())


def _settle() -> None:
    """Ctrl-C is for the server; and without the server there is nobody to answer: then this
    process goes, with all that the script has started."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch() -> None:
        os.read(lifeline, 1)
        os.killpg(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
