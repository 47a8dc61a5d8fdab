from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

# A job that runs until it is canceled; the line on stdout says that it is being followed.
PROGRAM = """
import sys
from memory import MemoryWorkspace
from runner.cli import main
from runner.workspace import Invocation
workspace = MemoryWorkspace(endless=True, deaf={deaf})
for _ in range({jobs}):
    workspace.invoke(Invocation())
workspace.on_follow = lambda: print("followed", flush=True)
def open_workspace(environment):
    workspace.environment = environment
    return workspace
main(sys.argv[1:], open_workspace)
"""


@contextmanager
def started(*args: str, deaf: bool = False, jobs: int = 0) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(deaf=deaf, jobs=jobs), *args],
        env={**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        while process.stdout.readline() != "followed\n":
            assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_score_cancels_its_job_and_says_how_to_resume(number: int) -> None:
    with started("score") as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == "followed\n"  # once more, until it had ended
    assert err.splitlines() == [
        "job job-1: 4 mini-batches",
        "canceling job job-1; Ctrl-C again leaves at once",
        "error: interrupted: job job-1 was canceled;"
        " take it up again with `runner jobs resume job-1`",
    ]


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interruption_leaves_at_once(second: int) -> None:
    with started("score", deaf=True) as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while not process.stderr.readline().startswith("canceling"):
            assert process.poll() is None
        process.send_signal(second)
        assert process.wait(timeout=30) == 130


def test_an_interrupted_training_is_canceled() -> None:
    with started("train", "diabetes") as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.endswith("error: interrupted: job job-1 was canceled\n")


@pytest.mark.parametrize(("words", "more"), [((), ""), (("--env", "dev"), " --env dev")])
def test_an_interrupted_stream_leaves_the_job_running(words: tuple[str, ...], more: str) -> None:
    with started("jobs", "stream", *words, jobs=1) as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.endswith(f"job job-1 goes on; `runner jobs cancel job-1{more}` stops it\n")


@contextmanager
def running(program: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a process of a program that the test talks to by lines and signals."""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_who_interrupts_the_request_for_a_job_is_told_how_to_leave_and_where_to_look() -> None:
    program = """
import time
from memory import MemoryWorkspace
from runner.cli import main
def invoke(_):
    try:
        print("asking", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("looking", flush=True)
        time.sleep(60)
workspace = MemoryWorkspace()
workspace.environment, workspace.invoke = "dev", invoke
main(["score", "--env", "dev"], lambda *_: workspace)
"""
    with running(program) as process:
        assert process.stdout is not None
        for line in ("asking\n", "looking\n"):
            assert process.stdout.readline() == line
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == (
        "interrupted: a job that has begun is canceled; Ctrl-C again leaves at once, and then"
        " `runner jobs list --env dev` tells what runs\n"
    )


def test_an_interrupt_that_a_library_swallows_still_cancels_the_job() -> None:
    program = """
import time
from memory import MemoryWorkspace
from runner.cli import main
workspace = MemoryWorkspace(endless=True)
workspace.environment, begin = "dev", workspace.invoke
def invoke(invocation):
    try:
        print("asking", flush=True)
        time.sleep(60)
    except BaseException:
        pass
    return begin(invocation)
workspace.invoke = invoke
main(["score", "--env", "dev"], lambda *_: workspace)
"""
    with running(program) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asking\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "job job-1 was canceled" in err
