"""Peak memory is read for every process a program starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.memory import measure_peaks
from benchmarks.timing import Program, ProgramFailed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")

# A command that waits for a detached host, which waits for a worker that holds 200 MB.
WORKER = "held = bytearray(200_000_000); import time; time.sleep(0.5)"
HOST = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORKER!r}], check=True)"
COMMAND = f"""
import subprocess, sys
subprocess.run([sys.executable, '-c', {HOST!r}], check=True, start_new_session=True)
"""


def test_the_command_its_host_and_its_worker_are_told_apart(tmp_path: Path) -> None:
    peaks = measure_peaks(Program("tree", [sys.executable, "-c", COMMAND]), tmp_path)
    assert peaks.keys() == {"command", "host", "worker"}
    assert peaks["worker"] > 200 > 100 > peaks["host"]


def test_a_program_that_fails_gives_no_figure(tmp_path: Path) -> None:
    program = Program("broken", [sys.executable, "-c", "raise SystemExit('no luck')"])
    with pytest.raises(ProgramFailed, match="broken: exit status 1\nno luck"):
        measure_peaks(program, tmp_path)
