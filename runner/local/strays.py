"""What a script or command leaves running behind itself, such as a daemon: it ends with the job.

On Linux a process whose parent has ended becomes a child of the job's host, which ends what is left
of those when the job has ended. Elsewhere a process that has left its group and session goes on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from runner.local.signals import all_processes, parent_of

_LOOK = 0.01  # seconds between looks at what has been killed
_PATIENCE = 5.0  # seconds the system has to end it


def adopt() -> None:
    """Become the parent of what is left by the processes that this one starts, and they start."""
    if sys.platform == "linux":
        import ctypes

        child_subreaper = 36  # PR_SET_CHILD_SUBREAPER
        ctypes.CDLL(None).prctl(child_subreaper, 1, 0, 0, 0)


def reap() -> None:
    """Take note of the adopted ones that have ended, so that they don't fill the process table."""
    if sys.platform != "linux":
        return
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or not _is_adopted(ended.si_pid):
            return  # whoever started it asks how it has ended
        _bury(ended.si_pid)


def end_strays() -> None:
    """End the adopted ones and all that they have started. Called when nothing else is left that
    this process has started in a session of its own."""
    if sys.platform != "linux":
        return
    deadline = time.monotonic() + _PATIENCE
    while strays := [child for child in _children() if _is_adopted(child) or _is_apart(child)]:
        for process in strays:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)  # a child: its number is nobody else's
        for process in strays:
            _bury(process)
        if time.monotonic() > deadline:
            return
        time.sleep(_LOOK)


def _children() -> list[int]:
    """The children of this process; none where the system does not tell them."""
    me = os.getpid()
    return [number for number in all_processes() if parent_of(number) == me]


def _bury(child: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, os.WNOHANG)


def _is_adopted(child: int) -> bool:
    """Whether a child is a member of a group that another process than this one made.

    What this one starts is in its group, or leads one of its own.
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
