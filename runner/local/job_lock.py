"""The lock of a job tells which process of this machine runs it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import sys
from pathlib import Path
from typing import BinaryIO

from runner.errors import EnvironmentRefused
from runner.files.only_files import only_files, read_file


def lock(folder: Path) -> BinaryIO | None:
    """Lock the job for this process until the file is closed; None if another process has it.

    It is a POSIX record lock, which children don't inherit: so a worker that outlives a killed host
    doesn't keep the job from being resumed.
    """
    file = open(folder / "lock", "ab", opener=only_files)  # noqa: SIM115
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    # For `runs_here`. On a full disk the job is locked all the same.
    with contextlib.suppress(OSError):
        file.truncate(0)
        file.write(running_kernel().encode())
        file.flush()
    return file


def check_lock(folder: Path) -> None:
    """Raise EnvironmentRefused if something that is no file lies in the place of the lock."""
    path = folder / "lock"
    if path.exists() and not path.is_file():
        raise EnvironmentRefused(
            f"{path} is not a file, and is what the process of a job holds: remove it, and"
            f" `runner jobs resume {folder.name}` goes on"
        )


def owner(folder: Path) -> int | None:
    """Return the number of the process that runs the job; None if none does.

    It doesn't try to take the lock, which could keep a job from starting. The number is not above
    0 for a process that this one can't see, such as one of another container.
    """
    try:
        with open(folder / "lock", "rb", opener=only_files) as file:
            answer = fcntl.fcntl(file, fcntl.F_GETLK, _flock(fcntl.F_WRLCK))
    except (FileNotFoundError, IsADirectoryError):
        return None
    kind, process = _read_flock(answer)
    return None if kind == fcntl.F_UNLCK else process


def runs_here(folder: Path) -> bool:
    """Return whether the process that holds the job's lock runs on this kernel, too.

    Otherwise, as on a file system that machines share, the number that `owner` gives may be
    another process's here.
    """
    try:
        return read_file(folder / "lock") == running_kernel().encode()
    except OSError:
        return False


def running_kernel() -> str:
    """Return the id of this start of this machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return os.uname().nodename  # there is no /proc on macOS


def _flock(kind: int) -> bytes:
    """Return C's `struct flock` for a whole file."""
    if sys.platform == "darwin":
        return struct.pack("qqihh", 0, 0, 0, kind, os.SEEK_SET)
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)


def _read_flock(answer: bytes) -> tuple[int, int]:
    """Return the kind of lock and the process that holds it."""
    if sys.platform == "darwin":
        _, _, process, kind, _ = struct.unpack("qqihh", answer)
    else:
        kind, _, _, _, process = struct.unpack("hhqqi4x", answer)
    return kind, process
