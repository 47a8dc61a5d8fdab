"""The power is cut while a job runs: what was not synced is gone, and the job comes to the same."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.projects import ScratchProject, make_project

from .power.disk import Change, Disk, changes, record, there

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None,
    reason="changes are written down by a library that Linux preloads and a C compiler makes",
)

SEED = 20_261_129
CUTS = 50  # of each recording
FILES = 5
EXPECTED = "".join(f"hello,f{n:03d}.txt,line {i} of {n}\n" for n in range(FILES) for i in range(3))
# Has a run sync whenever it can, in place of every few seconds.
SYNCING = """
import runner.engine.run as run
run._SYNC_EVERY = run._SYNC_SHARE = 0.0
"""
# Takes up, in a fork for each line it reads, whatever job is there; begins one where none is.
RESUMING = """
import json, os, sys, traceback
from pathlib import Path
import runner.jobs.batch_run, runner.engine.process_pool, runner.report, runner.local.assets
from runner.errors import NotFound
from runner.local import host, jobs
from runner.local.workspace import LocalWorkspace
from runner.project import find_project
from runner.workspace import Invocation, JobStatus

class Here:
    def __init__(self, home, name, secrets):
        assert not secrets
        self.status = host.main(str(home), name)
    def poll(self):
        return self.status

def take_up(output):
    jobs.start_host = Here
    workspace = LocalWorkspace(find_project())
    found = workspace.jobs()
    left = [str(found[0].status)] if found else []
    if not found:
        workspace.invoke(Invocation(output_path=output))
    elif found[0].status is not JobStatus.COMPLETED:
        workspace.resume(found[0].name)
    (job,) = workspace.jobs()
    summary = runner.jobs.summary.read_summary(Path(job.folder))
    return left, str(job.status), job.error, summary and summary.rows

for line in sys.stdin:
    readable, writable = os.pipe()
    if os.fork() == 0:
        try:
            answer = take_up(line.strip())
        except BaseException:
            answer = traceback.format_exc()
        os.write(writable, json.dumps(answer).encode())
        os._exit(0)
    os.close(writable)
    os.wait()
    with open(readable) as answer:
        print(answer.read(), flush=True)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> ScratchProject:
    project = make_project(tmp_path_factory.mktemp("power"))
    project.lines(FILES)
    return project


@pytest.fixture(scope="module")
def resuming(project: ScratchProject) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", RESUMING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=project.root,
        env=project.environment(RUNNER_HOME=str(disk_of(project) / "home")),
    ) as process:
        yield process
        process.kill()


def disk_of(project: ScratchProject) -> Path:
    return project.root / "disk"


def score_recorded(project: ScratchProject, place: Path, syncing: bool) -> list[Change]:
    """Score on a disk that is watched, and return what happened to it."""
    disk = disk_of(project)
    shutil.rmtree(disk, ignore_errors=True)
    disk.mkdir()
    more = {"RUNNER_HOME": str(disk / "home")}
    if syncing:
        hiding = project.write(f"{place.name}/sitecustomize.py", SYNCING)
        more["PYTHONPATH"] = f"{hiding.parent}:{project.environment()['PYTHONPATH']}"
    record(
        project.command("score", "--output-path", str(disk / "out")),
        disk,
        place,
        project.root,
        project.environment(**more),
    )
    return changes(place)


def ask(resuming: subprocess.Popen[str], output: Path) -> Any:
    assert resuming.stdin is not None
    assert resuming.stdout is not None
    resuming.stdin.write(f"{output}\n")
    resuming.stdin.flush()
    return json.loads(resuming.stdout.readline())


def first_of(happened: list[Change], ending: bytes) -> int:
    """Return when the first file of that name was made."""
    return next(
        number
        for number, change in enumerate(happened)
        if change.kind == "O" and change.first.endswith(ending)
    )


@pytest.mark.parametrize("syncing", [False, True])
def test_a_job_comes_to_the_same_wherever_the_power_is_cut(
    project: ScratchProject,
    resuming: subprocess.Popen[str],
    tmp_path: Path,
    syncing: bool,
) -> None:
    happened = score_recorded(project, tmp_path, syncing)
    output = disk_of(project) / "out"
    disk = Disk(disk_of(project))
    for change in happened:
        disk.take(change)
    # All that was changed was written down, or what follows would mean little.
    assert {path: disk.whole()[path] for path in there(disk_of(project))} == there(disk_of(project))
    chance = random.Random(SEED + syncing)  # noqa: S311
    cuts = [*sorted(chance.sample(range(len(happened)), CUTS - 1)), len(happened)]
    disk = Disk(disk_of(project))
    found: set[str] = set()
    begun = first_of(happened, b"/logs/host.txt")
    done = 0
    for cut in cuts:
        for change in happened[done:cut]:
            disk.take(change)
        done = cut
        disk.lay_out(chance)
        answer = ask(resuming, output)
        assert isinstance(answer, list), (SEED, cut, answer)
        left, status, error, rows = answer
        found.update(left or ["nothing"])
        assert left or cut <= begun, (SEED, cut)  # a job that has begun is known
        assert (status, error, rows) == ("Completed", None, 3 * FILES), (SEED, cut, left)
        assert (output / "predictions.csv").read_text() == EXPECTED, (SEED, cut, left)
    assert left == ["Completed"]  # the last cut, once the command had said so
    assert found >= {"nothing", "NotResponding", "Completed"}
