"""What a script leaves running behind itself ends with its job."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from runner.jobs.folder import job_folder
from runner.local.job_lock import owner
from runner.local.signals import kill_owner
from tests.projects import ScratchProject, make_project

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")

# Each mini-batch leaves a daemon with a child, and a process that ends by itself.
DAEMONS = """
import os, subprocess, time

BESIDE = os.path.join(os.path.dirname(__file__), "daemons")

def init():
    pass

def run(mini_batch):
    if os.fork() == 0:
        os.setsid()
        daemon = subprocess.Popen(["sh", "-c", "sleep 600 & exec sleep 600"])
        with open(BESIDE, "a") as file:
            file.write(f"{daemon.pid}\\n")
        os._exit(0)
    os.wait()
    subprocess.run(["sh", "-c", "true & true"], check=True)
    while os.path.exists(BESIDE + ".wait"):
        time.sleep(0.05)
    return mini_batch
"""


@pytest.fixture
def project(tmp_path: Path) -> ScratchProject:
    project = make_project(tmp_path)
    project.script(DAEMONS)
    return project


def daemons(project: ScratchProject) -> list[int]:
    """Return the sessions of the daemons that were started."""
    listed = project.root / "models/echo/code/daemons"
    return [int(line) for line in listed.read_text().split()] if listed.exists() else []


def is_there(process: int) -> bool:
    """Return whether a process runs; an ended process may still be a zombie."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_daemons_end_with_their_job(project: ScratchProject) -> None:
    assert project.run("score").returncode == 0
    assert len(daemons(project)) == 2
    assert not any(map(is_there, daemons(project)))


def test_daemons_end_with_a_host_that_is_killed_from_here(project: ScratchProject) -> None:
    project.write("models/echo/code/daemons.wait", "")
    name = project.json("score", "--no-wait")["name"]
    folder = job_folder(project.home, name)
    deadline = time.monotonic() + 60
    while len(daemons(project)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    host = owner(folder)
    assert host is not None
    os.kill(host, signal.SIGSTOP)
    assert kill_owner(folder)
    while owner(folder) is not None:
        time.sleep(0.02)
    assert not any(map(is_there, daemons(project)))
