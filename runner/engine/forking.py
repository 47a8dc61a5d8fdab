"""Forks the workers of a job from this process, which has imported the modules that they need.

`other_python` forks them in another Python.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn, Protocol

from runner.engine import drivers
from runner.engine.plan import Plan
from runner.engine.worker import work


class Forking(Protocol):
    """Forks workers and tells how they ended. The caller kills them."""

    def fork(self, connection: Connection, stdout: int, leave: Callable[[], object]) -> int:
        """Fork a worker in a process group of its own, and return its process id.

        It talks over `connection` and prints to `stdout`. In a process that was forked from this
        one, `leave` closes all files that are not the worker's. Raises JobFailed where no worker
        can be forked.
        """
        ...

    def status(self, process: int, wait: bool) -> int | None:
        """Return the exit status of a worker, less than 0 for a signal; `wait` waits for its end.

        Return None for one that has not ended, or whose status is no longer known.
        """
        ...

    def close(self) -> None:
        """End the process that forks the workers, when no worker is left."""
        ...


class ForkingHere:
    """Forks workers from this process."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        drivers.preload(plan)

    def fork(self, connection: Connection, stdout: int, leave: Callable[[], object]) -> int:
        return fork_worker(self._plan, self._folder, connection, stdout, leave)

    def status(self, process: int, wait: bool) -> int | None:
        return status_of_child(process, wait)

    def close(self) -> None:
        """Do nothing: this process goes on."""


def fork_worker(
    plan: Plan, folder: Path, connection: Connection, stdout: int, leave: Callable[[], object]
) -> int:
    """Fork a worker from this process and return its process id; see `Forking.fork`."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()

    def serve() -> None:
        leave()
        work(plan, folder, connection, stdout, parent)

    process = os.fork()
    if process == 0:
        _serve_and_exit(serve)
    with contextlib.suppress(OSError):
        os.setpgid(process, process)
    return process


def status_of_child(process: int, wait: bool) -> int | None:
    """Return how a child of this process ended; see `Forking.status`."""
    try:
        found, status = os.waitpid(process, 0 if wait else os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if found else None


def _serve_and_exit(serve: Callable[[], None]) -> NoReturn:
    """Serve in the forked process, and end it: it never unwinds into the parent's code."""
    status = 1
    try:
        serve()
        status = 0
    except SystemExit as error:
        traceback.print_exc()
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status & 0xFF)
