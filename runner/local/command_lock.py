"""A command that outlives its killed host is ended here before its job goes on.

A command and its children hold a lock, which the system releases when the last of them ends. The
locked file has the process number of the command, and the namespace of that number. The number may
be another process's by now: if only a child that has left the command's group holds the lock, or if
the file is damaged. So a signal is sent only to a group with a process that has that file open.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from runner.errors import EnvironmentRefused
from runner.files.only_files import only_files
from runner.local.job_lock import running_kernel
from runner.local.signals import all_processes

_GRACE = 5.0  # seconds a command has to end by itself
_LOOK = 0.05


@contextlib.contextmanager
def lock_for_command(folder: Path) -> Iterator[int]:
    """Lock the file, and give the descriptor that a job's command has to inherit."""
    with open(_file(folder), "wb", opener=only_files) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def note_command(descriptor: int, process: int) -> None:
    """Write down the process that inherited the lock, which leads its group."""
    os.write(descriptor, f"{process} {_process_namespace()}".encode())


def end_orphaned_command(folder: Path) -> None:
    """End the command that a killed host left running, if any, and wait for its end.

    Processes that have left the command's process group go on. Raises EnvironmentRefused where the
    command runs in another container or on another machine.
    """
    deadline = time.monotonic() + _GRACE
    number = signal.SIGTERM
    while (group := _running(folder)) is not None and _has_locked_file(folder, group):
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            return  # it has ended meanwhile
        if time.monotonic() > deadline + _GRACE:
            return
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        time.sleep(_LOOK)


def _process_namespace() -> str:
    """Return the namespace of this process's number; a container has one of its own."""
    try:
        return f"{running_kernel()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no file
    except OSError:
        return running_kernel()


def _running(folder: Path) -> int | None:
    try:
        with open(_file(folder), "rb", opener=only_files) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                number, _, namespace = file.read().decode("ascii", "replace").partition(" ")
                if not number.isdecimal():
                    return None
                if namespace != _process_namespace():
                    raise EnvironmentRefused(
                        f"the command of job {folder.name!r} runs on, in another container or on"
                        " another machine: cancel the job there"
                    ) from None
                return int(number)
    except (FileNotFoundError, IsADirectoryError):
        pass
    return None


def _has_locked_file(folder: Path, group: int) -> bool:
    """Return whether a process of the group has the locked file open."""
    locked = _file(folder).stat()
    return group > 1 and any(
        _has_open(number, locked) for number in all_processes() if _group_of(number) == group
    )


def _group_of(process: int) -> int | None:
    try:
        return os.getpgid(process)
    except OSError:
        return None


def _has_open(process: int, file: os.stat_result) -> bool:
    if sys.platform != "linux":
        return True  # no other system tells
    for descriptor in _open_files(process):
        with contextlib.suppress(OSError):
            if os.path.samestat(descriptor.stat(), file):
                return True
    return False


def _open_files(process: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{process}/fd").iterdir())
    except OSError:  # it has ended, or is another user's
        return []


def _file(folder: Path) -> Path:
    return folder / "command.lock"
