"""Reads the memory of the processes that a program starts. Linux only: peaks come from /proc."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.timing import ROOT, Program, ProgramFailed, check_status

_PAUSE = 0.05  # seconds between looks; the kernel keeps each process's peak meanwhile
_ROLES = ("command", "host", "worker")  # by how far below the command a process was started


@dataclass
class Peak:
    """The most memory that any process of one role held, in megabytes (10^6 bytes)."""

    rss_mb: float = 0.0  # resident, shared pages counted in full (VmHWM)
    pss_mb: float = 0.0  # resident, shared pages divided among those that share them, as sampled
    processes: int = 0


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


def measure_peaks(program: Program, scratch: Path) -> dict[str, Peak]:
    """Run a program and follow every process that it starts: role → peak.

    Raises ProgramFailed when it fails, and on a system without /proc.
    """
    if sys.platform != "linux":
        raise ProgramFailed("memory is measured on Linux only: it is read from /proc")
    output = Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
    peaks: dict[int, Peak] = {}
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
                    depths.setdefault(process.pid, depths.get(process.ppid(), -1) + 1)
                    peak = peaks.setdefault(process.pid, Peak())
                    peak.rss_mb = max(peak.rss_mb, _highest_mb(process.pid))
                    peak.pss_mb = max(peak.pss_mb, shared_mb(process))
            time.sleep(_PAUSE)
        stderr.seek(0)
        check_status(program, command.returncode, stderr.read())
    found: dict[str, Peak] = {}
    for pid, peak in peaks.items():
        most = found.setdefault(_ROLES[min(depths[pid], len(_ROLES) - 1)], Peak())
        most.rss_mb = max(most.rss_mb, peak.rss_mb)
        most.pss_mb = max(most.pss_mb, peak.pss_mb)
        most.processes += 1
    return found


def _highest_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(next(found, "VmHWM: 0 kB").split()[1]) * 1024 / 1e6
