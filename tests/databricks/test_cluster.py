"""The host on a cluster, as a process before a folder that stands for a volume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.databricks.cluster import score
from runner.databricks.requests import FILE, ScoreRequest, request_text
from runner.errors import JobFailed

SCRIPT = """
import os

def init():
    global greeting
    greeting = os.environ["GREETING"]

def run(mini_batch):
    rows = []
    for path in mini_batch:
        with open(path) as file:
            text = file.read().strip()
        if text == "wait" and not os.path.exists("{go}"):
            import time
            time.sleep(600)
        if text == "bad":
            raise ValueError("bad line")
        with open("{seen}", "a") as seen:
            seen.write(os.path.basename(path) + " ")
        rows.append(f"{{greeting}},{{os.path.basename(path)}},{{text}}")
    return rows
"""


class Stage:
    """A folder as a volume, with data and code in it."""

    def __init__(self, root: Path) -> None:
        self.volume = root / "volume"
        self.go, self.seen = root / "go", root / "seen"
        self.place = self.volume / "jobs" / "echo-1"
        self.write("data/lines/1/a.txt", "one")
        self.write("data/lines/1/b.txt", "two")
        self.write("code/1/score.py", SCRIPT.format(go=self.go, seen=self.seen))

    def write(self, name: str, text: str) -> None:
        path = self.volume / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def ask(self, settings: Mapping[str, Any] | None = None, **changes: Any) -> None:
        request = ScoreRequest(
            job="echo-1",
            endpoint="echo",
            deployment="main",
            job_id=1,
            created_at="2026-01-01T00:00:00.000+00:00",
            input="data/lines/1",
            given="azureml:lines:1",
            output="jobs/echo-1/named-outputs/score",
            settings={"processes": 1, "mini_batch_size": 1, **(settings or {})},
            script="code/1/score.py",
            environment_variables={"GREETING": "hello"},
        )
        self.write(f"jobs/echo-1/{FILE}", request_text(replace(request, **changes)))

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from runner.databricks.cluster import score; score()",
                str(self.place / FILE),
                "",  # no model, whose fetching costs the seconds that importing MLflow takes
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self) -> tuple[int, str]:
        """Return the exit status, and the last line of what was printed."""
        process = self.start()
        _, printed = process.communicate(timeout=60)
        lines = printed.strip().splitlines()
        return process.returncode, lines[-1] if lines else ""

    @property
    def output(self) -> Path:
        return self.place / "named-outputs" / "score"

    def summary(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.place / "summary.json").read_text())
        return content


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_job_leaves_its_output_and_its_records_in_the_volume(stage: Stage) -> None:
    stage.ask()
    assert stage.run() == (0, "")
    assert (stage.output / "predictions.csv").read_text() == "hello,a.txt,one\nhello,b.txt,two\n"
    assert (stage.summary()["status"], stage.summary()["rows"]) == ("Completed", 2)
    names = {path.name for path in stage.place.iterdir()}
    assert names >= {"journal.jsonl", "failures.csv", "report.html", "starts.txt", "logs"}
    assert "pieces" not in names
    assert "is Completed" in (stage.place / "logs" / "job.txt").read_text()


def test_a_run_that_was_begun_by_hand_says_what_begins_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["score", "", "models:/lake.scoring.penguins/1"])
    with pytest.raises(JobFailed, match=r"no request: `runner score ENDPOINT --env ENV` begins"):
        score()


def test_a_job_that_fails_ends_with_its_error_as_the_last_line(stage: Stage) -> None:
    stage.write("data/lines/1/a.txt", "bad")
    stage.ask({"error_threshold": 0, "max_retries": 0})
    status, last = stage.run()
    assert status == 1
    assert last.startswith("runner.errors.JobFailed: ")
    assert "bad line" in last
    assert stage.summary()["status"] == "Failed"
    assert not stage.output.exists()


def test_a_job_that_was_killed_is_taken_up_again_from_the_volume(stage: Stage) -> None:
    stage.write("data/lines/1/b.txt", "wait")
    stage.ask({"timeout": 600.0})
    process = stage.start()
    journal = stage.place / "journal.jsonl"
    deadline = time.monotonic() + 30
    while not (journal.exists() and b"a.txt" in journal.read_bytes()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.communicate()
    stage.go.touch()
    assert stage.run() == (0, "")
    assert (stage.output / "predictions.csv").read_text() == "hello,a.txt,one\nhello,b.txt,wait\n"
    assert stage.seen.read_text().split() == ["a.txt", "b.txt"]
    assert len((stage.place / "starts.txt").read_text().split()) == 2


def test_a_job_that_is_told_to_end_says_that_it_was_canceled(stage: Stage) -> None:
    stage.write("data/lines/1/a.txt", "wait")
    stage.ask({"timeout": 600.0})
    process = stage.start()
    log = stage.place / "logs" / "job.txt"
    deadline = time.monotonic() + 30
    while not log.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert "was canceled" in log.read_text()


def test_an_output_place_that_holds_something_is_left_alone(stage: Stage) -> None:
    stage.write("elsewhere/kept.txt", "mine")
    stage.ask(output="elsewhere")
    status, last = stage.run()
    assert (status, "exists already" in last) == (1, True)
    assert [path.name for path in (stage.volume / "elsewhere").iterdir()] == ["kept.txt"]


def test_a_volume_that_takes_no_more_fails_the_job_and_says_what_is_needed(stage: Stage) -> None:
    stage.ask()
    stage.write("jobs/echo-1/logs", "a file where a folder has to be")
    status, last = stage.run()
    assert status == 1
    assert "can't be written" in last or "can't be read" in last


@pytest.mark.parametrize("limited", [True, False])
def test_no_more_processes_run_than_the_driver_has_cores_unless_they_were_asked_for(
    stage: Stage, limited: bool
) -> None:
    asked = len(os.sched_getaffinity(0)) + 2
    for number in range(asked):
        stage.write(f"data/lines/2/{number}.txt", "one")
    stage.ask({"processes": asked}, input="data/lines/2", limited=limited)
    assert stage.run() == (0, "")
    logs = list((stage.place / "logs").glob("worker-*.txt"))
    assert len(logs) == (asked - 2 if limited else asked)
