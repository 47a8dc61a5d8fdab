"""One worker process: what it is made of, and when it refuses to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner.local.engine.worker import draft, piece

from .job import score


def test_drafts_of_two_processes_never_meet_and_sweeping_spares_the_pieces(tmp_path: Path) -> None:
    assert len({draft(tmp_path, 3, 1), draft(tmp_path, 3, 2), piece(tmp_path, 3)}) == 3
    assert draft(tmp_path, 3, 1).suffix == ".draft"
    assert piece(tmp_path, 3).suffix != ".draft"


@pytest.mark.parametrize(("parent", "status"), [("os.getppid()", 0), ("os.getppid() + 1", 1)])
def test_a_worker_whose_parent_died_meanwhile_ends_and_any_living_parent_is_one(
    parent: str, status: int
) -> None:
    program = (
        f"import os; from runner.local.engine import worker; worker._die_with_parent({parent})"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == status


def test_a_worker_is_of_a_group_of_its_own_and_deaf_to_the_keyboard(tmp_path: Path) -> None:
    script = """
import os, signal
def init(): pass
def run(mini_batch):
    os.kill(os.getpid(), signal.SIGINT)
    return [f"{os.getpgid(0) == os.getpid()} {signal.getsignal(signal.SIGTERM).name}"]
"""
    assert score(tmp_path, {"a": b""}, script=script).output == b"True SIG_DFL\n"


def test_an_error_of_the_script_that_looks_like_a_full_disk_is_the_scripts_own(
    tmp_path: Path,
) -> None:
    script = """
import errno, os
def init(): pass
def run(mini_batch):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
"""
    outcome = score(tmp_path, {"a": b""}, script=script, max_retries=1)
    assert len(outcome.retries) == 1
    assert outcome.error is not None
    assert outcome.error.startswith("none of the 1 files could be scored; the first: OSError:")


def test_a_message_larger_than_any_buffer_comes_through(tmp_path: Path) -> None:
    files = {f"{index:04d}" + "n" * 240: b"" for index in range(2000)}
    script = "def init(): pass\ndef run(mini_batch): return [1 for _ in mini_batch]\n"
    outcome = score(tmp_path, files, script=script, mini_batch_size=2000)
    assert outcome.output == b"1\n" * 2000
    assert len(outcome.attempts[0].files) == 2000
