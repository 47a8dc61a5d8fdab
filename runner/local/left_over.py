"""The command of a job whose host was killed: it goes on without one, until it is ended here.

A command and its children hold a lock, which the system takes from them with their last one. So its
process number, kept in the locked file with the namespace that it is one of, is never that of
somebody else by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from runner.errors import EnvironmentRefused
from runner.local.machine import process_namespace

_GRACE = 5.0  # seconds a command has to end by itself
_LOOK = 0.05


@contextlib.contextmanager
def held_for_command(folder: Path) -> Iterator[int]:
    """Give the descriptor that a job's command has to inherit."""
    with _file(folder).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def note_command(descriptor: int, process: int) -> None:
    """Write down which process, the leader of its group, inherited the lock."""
    os.write(descriptor, f"{process} {process_namespace()}".encode())


def end_left_over(folder: Path) -> None:
    """End the command that a killed host left running, if there is one, and wait for its end.

    Only what has left the command's process group goes on. Raises EnvironmentRefused where the
    command runs in another container or on another machine.
    """
    deadline = time.monotonic() + _GRACE
    number = signal.SIGTERM
    while (process := _running(folder)) is not None:
        try:
            os.killpg(process, number)
        except (ProcessLookupError, PermissionError):
            return  # the group is gone: who has the lock is a process of its own by now
        if time.monotonic() > deadline + _GRACE:
            return
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        time.sleep(_LOOK)


def _running(folder: Path) -> int | None:
    try:
        with _file(folder).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                number, _, namespace = file.read().decode().partition(" ")
                if not number:
                    return None
                if namespace != process_namespace():
                    raise EnvironmentRefused(
                        f"the command of job {folder.name!r} runs on, in another container or on"
                        " another machine: cancel the job there"
                    ) from None
                return int(number)
    except FileNotFoundError:
        pass
    return None


def _file(folder: Path) -> Path:
    return folder / "command.lock"
