"""Reads the memory of the processes that a program starts. Linux only: peaks come from /proc."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.timing import ROOT, Program, ProgramFailed, check_status

_PAUSE = 0.05  # seconds between looks; the kernel keeps each process's peak meanwhile
_ROLES = ("command", "host", "worker")  # by how far below the command a process was started


def processes_below(pid: int) -> list[psutil.Process]:
    """Return the processes that a process started, and those that these started, and so on."""
    try:
        below: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return below


def shared_mb(process: psutil.Process) -> float:
    """Return the megabytes of a process, where pages that processes share are divided."""
    return float(process.memory_full_info().pss) / 1e6


def measure_peaks(program: Program, scratch: Path) -> dict[str, float]:
    """Run a program and follow every process that it starts: role → megabytes (10^6 bytes).

    They are the most that any process of a role held, with shared pages in full (VmHWM). Raises
    ProgramFailed when the program fails, and on a system without /proc.
    """
    if sys.platform != "linux":
        raise ProgramFailed("memory is measured on Linux only: it is read from /proc")
    output = Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
    peaks: dict[str, float] = {}
    depths: dict[int, int] = {}
    with tempfile.TemporaryFile("w+") as stderr:
        command = subprocess.Popen(
            program.words(output),
            cwd=ROOT,
            env=program.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        while command.poll() is None:
            for process in (psutil.Process(command.pid), *processes_below(command.pid)):
                with suppress(psutil.Error, OSError):
                    depth = depths.setdefault(process.pid, depths.get(process.ppid(), -1) + 1)
                    role = _ROLES[min(depth, len(_ROLES) - 1)]
                    peaks[role] = max(peaks.get(role, 0.0), _highest_mb(process.pid))
            time.sleep(_PAUSE)
        stderr.seek(0)
        check_status(program, command.returncode, stderr.read())
    return peaks


def _highest_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(next(found, "VmHWM: 0 kB").split()[1]) * 1024 / 1e6
