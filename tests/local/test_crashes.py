"""A host killed at each step of a job, and the job resumed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused
from runner.local import jobs
from runner.local.workspace import LocalWorkspace
from runner.project import find_project
from runner.workspace import Invocation, JobStatus
from tests.projects import ROOT, ScratchProject

# Runs a host that kills itself before its N-th step that changes something outside itself.
KILLED = """
import os, signal, sys
steps = int(sys.argv[1])
me = os.getpid()
STEPS = {"os.rename", "os.remove", "os.mkdir", "os.fork", "shutil.rmtree", "sqlite3.connect"}

def count(event, arguments):
    global steps
    if event in STEPS and os.getpid() == me:
        steps -= 1
        if steps == 0:
            os.kill(me, signal.SIGKILL)

from runner.local.host import main
sys.addaudithook(count)
sys.exit(main(sys.argv[2], sys.argv[3]))
"""


def run_killed_at(project: ScratchProject, step: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Score with a host that is killed at a step; resume; return how the first host ended."""
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("RUNNER_HOME", raising=False)
    workspace = LocalWorkspace(find_project())
    ended: list[int] = []

    def spawn(home: Path, name: str, _secrets: object) -> subprocess.Popen[bytes]:
        (home / "jobs" / name / "logs").mkdir(exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(step), str(home), name],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        ended.append(process.wait(timeout=60))
        return process

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "start_host", spawn)
        try:
            workspace.invoke(Invocation(output_path=str(project.root / "out")))
        except EnvironmentRefused:
            assert ended == [-9]  # before it had begun
    (job,) = workspace.jobs()
    if job.status is not JobStatus.COMPLETED:
        workspace.resume(job.name)
        for _ in workspace.follow(job.name):
            pass
        job = workspace.job(job.name)
    assert job.status is JobStatus.COMPLETED, (step, job.error)
    return ended[0]


def test_a_job_killed_at_any_step_is_completed_by_one_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.projects import make_project

    steps = 0
    while True:
        steps += 1
        project = make_project(tmp_path / str(steps))
        status = run_killed_at(project, steps, monkeypatch)
        lines = (project.root / "out" / "predictions.csv").read_text().splitlines()
        assert lines == [f"hello,f{n:03d}.txt,line {i} of {n}" for n in (0, 1) for i in range(3)]
        assert (project.home / "jobs").exists()
        if status == 0:
            break
        assert status == -9
    assert steps > 15  # it was killed at many steps before it came through
