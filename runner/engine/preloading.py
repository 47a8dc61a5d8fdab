"""The process in another Python that forks the workers of a job.

It imports what they will need, once, and then forks one whenever it is asked to. It talks over a
socket: first come the plan and the job's folder and goes a word that the imports are done; then
each request, for a worker or for how one ended, is answered by one message.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path
from typing import Any

from runner.engine import drivers
from runner.engine.forking import fork_worker, status_of_child
from runner.engine.plan import Plan, decode
from runner.engine.worker import die_with_parent
from runner.errors import JobFailed

FORK = "fork"  # the request for a worker; its socket and its stdout are sent after it


def main(descriptor: str, parent: str) -> None:
    """Serve until the socket of that file descriptor is closed. `parent` is the process id of who
    started this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(int(parent))
    os.set_inheritable(int(descriptor), False)
    connection = Connection(int(descriptor))
    plan = decode(connection.recv_bytes())
    folder = Path(connection.recv_bytes().decode())
    with contextlib.suppress(JobFailed):  # which the worker tells in its own words
        drivers.preload(plan)
    _answer(connection, True)
    while True:
        try:
            asked = json.loads(connection.recv_bytes())
        except (EOFError, OSError):
            # Not as a program ends: what was imported has nothing to finish here.
            os._exit(0)
        if asked == FORK:
            _answer(connection, _fork(plan, folder, connection))
        else:
            _answer(connection, status_of_child(asked, wait=False))


def _fork(plan: Plan, folder: Path, connection: Connection) -> int | str:
    """Fork a worker and return its process id, or why there is none."""
    worker = Connection(_receive_descriptor(connection))
    stdout = _receive_descriptor(connection)
    try:
        return fork_worker(plan, folder, worker, stdout, connection.close)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        worker.close()
        os.close(stdout)


def _receive_descriptor(connection: Connection) -> int:
    descriptor: int = recv_handle(connection)
    os.set_inheritable(descriptor, False)
    return descriptor


def _answer(connection: Connection, message: Any) -> None:
    connection.send_bytes(json.dumps(message).encode())
