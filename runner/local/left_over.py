"""The command of a job whose host was killed: it goes on without one, until it is ended here.

A command and its children hold a lock, which the system takes from them with their last one. Its
process number is kept in the locked file, with the namespace that it is one of. By now it may be
somebody else's: where only a child holds the lock that has left the command's group, or where the
file is damaged. So a signal is sent only to a group of which a process has that file open.
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
from runner.local.machine import process_namespace
from runner.local.signals import all_processes

_GRACE = 5.0  # seconds a command has to end by itself
_LOOK = 0.05


@contextlib.contextmanager
def held_for_command(folder: Path) -> Iterator[int]:
    """Give the descriptor that a job's command has to inherit."""
    with open(_file(folder), "wb", opener=only_files) as file:
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
    while (group := _running(folder)) is not None and _is_the_commands(folder, group):
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            return  # it has ended meanwhile
        if time.monotonic() > deadline + _GRACE:
            return
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        time.sleep(_LOOK)


def _running(folder: Path) -> int | None:
    try:
        with open(_file(folder), "rb", opener=only_files) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                number, _, namespace = file.read().decode("ascii", "replace").partition(" ")
                if not number.isdecimal():
                    return None
                if namespace != process_namespace():
                    raise EnvironmentRefused(
                        f"the command of job {folder.name!r} runs on, in another container or on"
                        " another machine: cancel the job there"
                    ) from None
                return int(number)
    except (FileNotFoundError, IsADirectoryError):
        pass
    return None


def _is_the_commands(folder: Path, group: int) -> bool:
    """Whether a process of a group has the locked file open, as none but the command's have."""
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
        return True  # no other system says it
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
