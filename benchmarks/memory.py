"""Peak memory of each process of a program's tree. Linux only: it reads /proc."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.timing import ROOT, Program, ProgramFailed, environment_for

_MARK = "BENCHMARK_TREE"
_PAUSE = (
    0.05  # seconds between looks; the peak resident size is the kernel's own and can't be missed
)
_ROLES = ("command", "host", "worker")


@dataclass(frozen=True)
class Peak:
    """The most memory any process of one role held, in megabytes (10^6 bytes)."""

    rss_mb: float  # resident, shared pages counted in full: VmHWM
    pss_mb: float  # resident, shared pages divided among those that share them, as sampled
    processes: int


def _read(path: Path) -> str:
    """Read a file below /proc; empty when the process is gone."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _number(text: str, key: str) -> int:
    """Read the number of `key:  123 kB` in a /proc file; 0 when the key isn't there."""
    for line in text.splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def _members(mark: str, known: Mapping[int, bool]) -> dict[int, bool]:
    """Whether each living process carries the mark; those known already aren't read again."""
    alive = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208
    return {
        pid: known.get(pid) or f"{_MARK}={mark}" in _read(Path(f"/proc/{pid}/environ"))
        for pid in alive
    }


def _role(pid: int, root: int) -> str:
    """What a process is, by how far below the command it was started."""
    depth = 0
    while pid != root and depth < len(_ROLES) - 1:
        parent = _number(_read(Path(f"/proc/{pid}/status")), "PPid")
        if parent <= 1:
            break
        pid, depth = parent, depth + 1
    return _ROLES[depth]


def descendants(root: int) -> dict[int, list[int]]:
    """The processes below one, each with those above it up to that one, nearest first."""
    parents = {
        int(entry): _number(_read(Path(f"/proc/{entry}/status")), "PPid")
        for entry in os.listdir("/proc")  # noqa: PTH208
        if entry.isdigit()
    }
    found = {}
    for pid in parents:
        above = []
        parent = parents[pid]
        while parent in parents and parent != root:
            above.append(parent)
            parent = parents[parent]
        if parent == root:
            found[pid] = [*above, root]
    return found


def proportional_mb(pids: Iterable[int]) -> float:
    """What processes hold together, in megabytes: pages that they share count once."""
    sizes = (_number(_read(Path(f"/proc/{pid}/smaps_rollup")), "Pss") for pid in pids)
    return sum(sizes) * 1024 / 1e6


def measure_peaks(program: Program, scratch: Path) -> dict[str, Peak]:
    """Run a program and follow every process it starts, detached ones too: role → peak.

    `command` is the process itself, `host` one it started, `worker` one below that.
    Raises `ProgramFailed` when it fails, and on a system without /proc.
    """
    if sys.platform != "linux":
        raise ProgramFailed("memory is measured on Linux only: it is read from /proc")
    mark = uuid.uuid4().hex
    output = Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
    members: dict[int, bool] = {}
    roles: dict[int, str] = {}
    rss: dict[int, int] = {}
    pss: dict[int, int] = {}
    with tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(
            program.command(output),
            cwd=ROOT,
            env={**environment_for(program), _MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        while process.poll() is None:
            members = _members(mark, members)
            for pid in (pid for pid, ours in members.items() if ours):
                proc = Path(f"/proc/{pid}")
                roles.setdefault(pid, _role(pid, process.pid))
                rss[pid] = max(rss.get(pid, 0), _number(_read(proc / "status"), "VmHWM"))
                rollup = _read(proc / "smaps_rollup")
                pss[pid] = max(pss.get(pid, 0), _number(rollup, "Pss"))
            time.sleep(_PAUSE)
        stderr.seek(0)
        if process.returncode:
            raise ProgramFailed(
                f"{program.name}: exit status {process.returncode}\n{stderr.read()[-2000:]}"
            )
    return {
        role: Peak(
            rss_mb=max(rss[pid] for pid in pids) * 1024 / 1e6,
            pss_mb=max(pss[pid] for pid in pids) * 1024 / 1e6,
            processes=len(pids),
        )
        for role in _ROLES
        if (pids := [pid for pid in roles if roles[pid] == role])
    }
