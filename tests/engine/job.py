"""Jobs for the engine's tests, each run in a fresh process as the runner does it.

Run as a program it is that process: it runs the plan in a folder and prints what came of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.engine.attempt import Attempt
from runner.engine.inputs import list_files
from runner.engine.journal import read_journal
from runner.engine.plan import Plan, Settings, read_plan, write_plan

LONGEST = 120  # seconds a test's job may take before the test fails


@dataclass(frozen=True)
class Outcome:
    """The result of a run of a job."""

    folder: Path
    error: str | None  # of a job that failed
    stopped: bool
    said: tuple[str, ...]
    memory: int  # peak of the parent process, bytes
    seconds: float

    @property
    def attempts(self) -> list[Attempt]:
        return read_journal(self.folder / "journal.jsonl")

    @property
    def retries(self) -> list[str | None]:
        return [attempt.reason for attempt in self.attempts if attempt.outcome == "retried"]

    @property
    def output(self) -> bytes | None:
        path = self.folder / "output" / "predictions.csv"
        return path.read_bytes() if path.exists() else None

    @property
    def log(self) -> str:
        logs = sorted((self.folder / "logs").glob("worker-*.txt"))
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in logs)


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def plan_job(
    place: Path,
    files: Mapping[str, bytes],
    *,
    script: str | None = None,
    model: Path | None = None,
    variables: Mapping[str, str] | None = None,
    python: str | None = None,
    **settings: Any,
) -> Path:
    """Lay out a job in `place` and return its folder; `script` is the source of one,
    `python` what runs it."""
    _, listed = list_files(write_files(place / "input", files))
    folder = place / "job"
    folder.mkdir()
    if script is not None:
        (place / "code").mkdir()
        (place / "code" / "score.py").write_text(script, encoding="utf-8")
    plan = Plan(
        job="job",
        input=str(place / "input"),
        files=listed,
        settings=Settings(**settings),
        model=str(model) if model else None,
        script=str(place / "code" / "score.py") if script is not None else None,
        environment_variables=variables or {},
        python=python,
    )
    write_plan(plan, folder / "plan.json")
    return folder


def run_job(
    folder: Path,
    *,
    stop_after: int | None = None,
    largest_file: int | None = None,
    **limits: float,
) -> Outcome:
    """Run a job and publish its output, in a process of its own.

    `stop_after`: ask it to stop once so many mini-batches are done in all.
    `largest_file`: bytes past which the disk counts as full.
    `limits`: seconds for `loading` and `grace`, as `run` takes them.
    """
    done = subprocess.run(
        [sys.executable, __file__, str(folder), json.dumps([stop_after, largest_file, limits])],
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    return Outcome(folder=folder, **{**result, "said": tuple(result["said"])})


def score(place: Path, files: Mapping[str, bytes], **job: Any) -> Outcome:
    """Lay out a job and run it."""
    return run_job(plan_job(place, files, **job))


def main(arguments: Sequence[str]) -> None:
    import resource

    from runner.engine.pieces import publish
    from runner.engine.run import Stopped, run
    from runner.errors import JobFailed

    folder = Path(arguments[0])
    stop_after, largest_file, limits = json.loads(arguments[1])
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    def stop() -> bool:
        attempts = read_journal(folder / "journal.jsonl")
        done = {attempt.mini_batch for attempt in attempts if attempt.outcome == "done"}
        return stop_after is not None and len(done) >= stop_after

    said: list[str] = []
    error, stopped, began = None, False, time.time()
    plan = read_plan(folder / "plan.json")
    try:
        attempts = run(plan, folder, began=began, stop=stop, log=said.append, **limits)
        publish(plan, folder, attempts)
    except JobFailed as failure:
        error = str(failure)
    except Stopped:
        stopped = True
    children_left = True
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        children_left = False
    assert not children_left, "a worker outlived its job"
    result = {
        "error": error,
        "stopped": stopped,
        "said": said,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "seconds": time.time() - began,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
