"""The process that scores for a comparison: which sample is scored twice, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from runner.comparison.host import choose_sample
from runner.engine.attempt import Attempt
from tests.projects import make_project

SLOW = """
import os, pathlib, time

def init():
    begun = pathlib.Path(os.environ["BEGUN"])
    begun.with_suffix(".part").write_text(str(os.getpid()))
    begun.with_suffix(".part").rename(begun)
    time.sleep(600)

def run(mini_batch):
    return list(mini_batch)
"""


def _attempts(*rows: int) -> list[Attempt]:
    return [
        Attempt(
            mini_batch=number, attempt=1, outcome="done", worker=0, started=0, seconds=0, rows=count
        )
        for number, count in enumerate(rows)
    ]


def test_a_sample_is_of_parts_from_everywhere_and_no_more_than_so_many_rows() -> None:
    sample = choose_sample(_attempts(*[100] * 64), 400)
    assert [attempt.mini_batch for attempt in sample] == [0, 16, 32, 48]


def test_where_no_part_is_small_enough_the_smallest_is_the_sample() -> None:
    assert [attempt.rows for attempt in choose_sample(_attempts(900, 500, 700), 400)] == [500]
    assert choose_sample([], 400) == []


def test_all_of_a_small_input_is_the_sample() -> None:
    assert len(choose_sample(_attempts(100, 100, 100, 100), 400)) == 4


def _wait_until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_interruption_ends_the_scoring_and_leaves_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    # Of a comparison that was killed: whoever compares next removes it.
    left = project.write(".runner/comparisons/left/plan.json", "{}").parent
    os.utime(left, (0, 0))
    project.script(SLOW)
    begun = tmp_path / "begun"
    with subprocess.Popen(
        project.command("models", "compare", "models/echo/greeting", "./models/echo/greeting"),
        cwd=project.root,
        env=project.environment(BEGUN=str(begun)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            _wait_until(begun.exists)
        except AssertionError:
            process.kill()
            raise
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "error: interrupted"
    assert list((project.home / "comparisons").iterdir()) == []
    _wait_until(lambda: not _is_there(int(begun.read_text())))
