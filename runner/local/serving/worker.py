"""Holds a deployment's model in a process, which scores one request after another.

It talks over a socket. First comes the plan and goes one message, ready or not; then each request
that comes is answered.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
import traceback
from typing import BinaryIO

from runner.errors import JobFailed
from runner.local.serving.answer import Answer, refuse
from runner.local.serving.messages import MOST_ANSWERED, pack, read
from runner.local.serving.plan import DeploymentPlan
from runner.local.serving.request import Request
from runner.local.serving.scorer import answer, load


def main(descriptor: str) -> None:
    """Serve until the socket of that file descriptor is closed."""
    _end_with_server()
    connection = socket.socket(fileno=int(descriptor))
    connection.set_inheritable(False)  # what a script starts must not keep it open
    stream = connection.makefile("rb")

    def leave() -> None:
        stream.close()
        connection.close()

    # A forked copy that returns from the script must not answer: its answer would be taken for that
    # of another request.
    os.register_at_fork(after_in_child=leave)
    told, _ = read(stream)
    plan = DeploymentPlan(**told)
    began = time.monotonic()
    try:
        scorer = load(plan)
    except JobFailed as error:
        if (cause := error.__cause__) is not None:
            traceback.print_exception(type(cause), cause, cause.__traceback__)
        connection.sendall(pack({"failed": str(error)}))
        return
    # When the other side closes, this process ends as a program does, with the script's own exit
    # handlers.
    with contextlib.suppress(EOFError, OSError):
        connection.sendall(
            pack({"failed": None, "seconds": time.monotonic() - began, "notice": scorer.notice})
        )
        while True:
            given = answer(scorer, _receive(stream))
            for printed in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):  # a script may have replaced it
                    printed.flush()
            connection.sendall(_packed(given))


def _receive(stream: BinaryIO) -> Request:
    (method, target, headers), body = read(stream)
    return Request(method, target, tuple((name, value) for name, value in headers), body)


def _packed(given: Answer) -> bytes:
    if len(given.body) > MOST_ANSWERED:
        text = f"the answer has {len(given.body):,} bytes, and {MOST_ANSWERED:,} is the most here"
        given = refuse(500, text, by_model=True)
    head = (given.status, given.headers, given.by_model, given.notice)
    return pack(head, given.body)


def _end_with_server() -> None:
    """Leave Ctrl-C to the server, and end this process, with all that the script has started, where
    the server ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch() -> None:
        os.read(lifeline, 1)
        os.killpg(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
