"""Sessions and hosts that are killed in the middle of a job, which is taken up again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.engine.journal import read_journal
from tests.engine import job
from tests.engine.job import plan_job, score
from tests.java import SHORT_LIVED, needs_java

# Each mini-batch waits until the test lets it go.
SCRIPT = """
import os, time
def init(): pass
def run(mini_batch):
    for path in mini_batch:
        name = os.path.basename(path)
        while name > "b" and not os.path.exists(os.environ["LET_GO"]):
            time.sleep(0.05)
    return [os.path.basename(path) + " scored" for path in mini_batch]
"""
FILES = dict.fromkeys((f"{letter}{number}" for letter in "abc" for number in range(3)), b"")


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + job.LONGEST
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(process: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{process}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def is_java(process: int) -> bool:
    return b"java" in Path(f"/proc/{process}/cmdline").read_bytes()


@needs_java
def test_a_job_whose_jvm_host_and_executor_are_killed_in_turn_comes_to_the_same_bytes(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    settings: dict[str, Any] = {"script": SCRIPT, "mini_batch_size": 1, "timeout": 60}
    folder = plan_job(
        tmp_path / "spark", FILES, engine="spark", variables={"LET_GO": str(go)}, **settings
    )
    begun = [sys.executable, job.__file__, str(folder), "[null, null, {}]"]

    def begin(master: str = "", *, loaded: bool = True) -> subprocess.Popen[bytes]:
        (folder / "loaded").unlink(missing_ok=True)
        variables = {
            **os.environ,
            **SHORT_LIVED,
            "RUNNER_SPARK_MASTER": master,
            # Of another Spark, which a shell may be set up for.
            "SPARK_HOME": "/nowhere",
            "SPARK_REMOTE": "sc://127.0.0.1:1",
        }
        process = subprocess.Popen(
            begun, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        request.addfinalizer(process.kill)
        until(
            (folder / "loaded").exists
            if loaded
            else lambda: any(map(is_java, children(process.pid)))
        )
        return process

    first = begin()
    (java,) = filter(is_java, children(first.pid))
    os.kill(java, signal.SIGKILL)
    said, _ = first.communicate(timeout=job.LONGEST)
    assert b"the Spark session is gone" in said
    assert b"resume the job to go on" in said

    second = begin(loaded=False)
    (java,) = filter(is_java, children(second.pid))
    second.kill()
    second.communicate()
    # The JVM listens to its host and ends with it, so that nothing is left to score twice.
    until(lambda: not Path(f"/proc/{java}").exists())

    # The package reaches executors that are processes of their own, and Spark begins another.
    third = begin("local-cluster[1,1,1024]")
    (java,) = filter(is_java, children(third.pid))
    (executor,) = filter(is_java, children(java))
    os.kill(executor, signal.SIGKILL)
    go.touch()
    said, _ = third.communicate(timeout=job.LONGEST)
    assert json.loads(said)["error"] is None
    assert [attempt.attempt for attempt in read_journal(folder / "journal.jsonl")] == [1] * 9
    alone = score(tmp_path / "alone", FILES, variables={"LET_GO": str(go)}, **settings)
    assert (folder / "output" / "predictions.csv").read_bytes() == alone.output
