"""Processes that a script or command leaves running, such as daemons, end with their job.

On Linux a process whose parent has ended becomes a child of the job's host, which ends those that
are left when the job has ended. Elsewhere a process that has left its group and session goes on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from runner.local.signals import all_processes, parent_of

_LOOK = 0.01  # seconds between checks of what has been killed
_PATIENCE = 5.0  # seconds for the system to end them


def adopt() -> None:
    """Become the parent of descendants whose parent ends."""
    if sys.platform == "linux":
        import ctypes

        child_subreaper = 36  # PR_SET_CHILD_SUBREAPER
        ctypes.CDLL(None).prctl(child_subreaper, 1, 0, 0, 0)


def reap() -> None:
    """Reap adopted processes that have ended, so that they don't fill the process table."""
    if sys.platform != "linux":
        return
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or not _is_adopted(ended.si_pid):
            return  # the code that started it waits for it
        _wait_for(ended.si_pid)


def end_orphans() -> None:
    """End the adopted processes and all that they have started.

    No other process that this one has started in a session of its own may be left.
    """
    if sys.platform != "linux":
        return
    deadline = time.monotonic() + _PATIENCE
    while orphans := [child for child in _children() if _is_adopted(child) or _is_apart(child)]:
        for process in orphans:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)  # a child keeps its number until it is waited for
        for process in orphans:
            _wait_for(process)
        if time.monotonic() > deadline:
            return
        time.sleep(_LOOK)


def _children() -> list[int]:
    """Return the children of this process; none where the system does not tell."""
    me = os.getpid()
    return [number for number in all_processes() if parent_of(number) == me]


def _wait_for(child: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, os.WNOHANG)


def _is_adopted(child: int) -> bool:
    """Return whether a child is in a process group that another process made.

    A process that this one starts is in its group, or leads a group.
    """
    try:
        return os.getpgid(child) not in (child, os.getpgrp())
    except OSError:
        return False


def _is_apart(child: int) -> bool:
    try:
        return os.getsid(child) != os.getsid(0)
    except OSError:
        return False
