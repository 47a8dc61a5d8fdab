"""Signals are sent here to the process that runs a job, and to no other.

A process number means another process in another container, and soon after its process has ended.
So a signal is sent only to the process that holds the job's lock, by a process handle (a pidfd) if
the system has those (Linux, from 5.3 on).
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.local.job_lock import owner, runs_here


def signal_owner(folder: Path, *numbers: int) -> bool:
    """Send signals to the process that runs a job.

    Returns False if it can't be reached from here: in another container, on another machine, or as
    another user's.
    """
    with _holder(folder) as process:
        return process is not None and all(process.send(number) for number in numbers)


def kill_owner(folder: Path) -> bool:
    """Kill the process that runs a job, with its session and its descendants.

    Returns False as `signal_owner` does.
    """
    with _holder(folder) as process:
        if process is None or not process.send(signal.SIGSTOP):
            return False
        # While it is there, stopped, no other session can have its number.
        killed = {process.number}
        while members := _members(process.number) - killed:
            for number in members:
                with _Process(number) as member:
                    if _belongs_to(number, process.number):
                        member.send(signal.SIGKILL)
            killed |= members
        return process.send(signal.SIGKILL)


class _Process:
    """A handle of a process, which stays that process's when its number is used again."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._handle: int | None = None
        self._has_ended = False
        if sys.platform == "linux":
            try:
                self._handle = os.pidfd_open(number)
            except OSError as error:
                # Other errors are those of a kernel, or a sandbox, without such handles.
                self._has_ended = error.errno == errno.ESRCH

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.close(self._handle)

    def send(self, number: int) -> bool:
        """Send a signal and return True; False if this process may not. An ended one takes any."""
        if self._has_ended:
            return True
        try:
            if self._handle is not None and sys.platform == "linux":
                signal.pidfd_send_signal(self._handle, number)
            else:
                os.kill(self.number, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return True


@contextmanager
def _holder(folder: Path) -> Iterator[_Process | None]:
    """Give the process that holds the job's lock; None if it can't be reached from here."""
    number = owner(folder)
    if number is None or number <= 0 or not runs_here(folder):
        yield None
        return
    with _Process(number) as process:
        # It had the lock before and after its handle was opened, so the handle is of the owner.
        yield process if owner(folder) == number else None


def _members(leader: int) -> set[int]:
    return {number for number in all_processes() if _belongs_to(number, leader)}


def _belongs_to(process: int, leader: int) -> bool:
    """Return whether a process is in a leader's session, or descends from the leader.

    A host adopts what the processes that it starts leave behind.
    """
    try:
        if os.getsid(process) == leader:
            return True
    except OSError:
        return False
    ancestor = parent_of(process)
    while ancestor not in (None, 0, 1, leader):
        ancestor = parent_of(ancestor or 0)
    return ancestor == leader


def parent_of(process: int) -> int | None:
    """Return the parent of a process; None if the system does not tell, as only Linux does."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except OSError:
        return None
    return int(status.rpartition(")")[2].split()[1])


def all_processes() -> list[int]:
    """Return the numbers of the processes that can be seen from here."""
    if sys.platform == "linux":
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    import subprocess

    listed = subprocess.run(
        ["/bin/ps", "-A", "-o", "pid="], capture_output=True, text=True, check=True
    )
    return [int(number) for number in listed.stdout.split()]
