"""Faults over the commands of jobs: no second run, and nothing lost."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import pytest

from runner.azure import client
from runner.cli import main
from runner.databricks import tracked
from runner.workspace import Summary
from tests.azureml.storm import SERVICES, Weather
from tests.databricks.jobs_stage import LinesProject, make_lines_project
from tests.emulator.databricks.run_state import end
from tests.emulator.databricks.running import Running
from tests.emulator.databricks.seed import SeededLake
from tests.emulator.databricks.store import Document, Store
from tests.emulator.faults import Stall

_PARTS = 2
_HOST = "adb-*"
_LONGEST = 60.0  # seconds that a command may take in any weather
_WEATHERS = tuple(found for found in SERVICES if not isinstance(found.fault, Stall))
_numbers = count()


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    words: tuple[str, ...]
    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        return self.err.rstrip("\n").rpartition("\n")[2]

    def __str__(self) -> str:
        return f"runner {' '.join(self.words)} ended with {self.status}:\n{self.out}\n{self.err}"


def runner(*words: str) -> Ended:
    """Run a command in this process, as `runner` would."""
    stdout, stderr = io.StringIO(), io.StringIO()
    begun = time.monotonic()
    with redirect_stdout(stdout), redirect_stderr(stderr), pytest.raises(SystemExit) as left:
        main((*words, "--env", "lake"))
    assert time.monotonic() - begun < _LONGEST
    return Ended(words, int(left.value.code or 0), stdout.getvalue(), stderr.getvalue())


def _at_once(running: Running, store: Store, run: Document, cluster: str) -> None:
    """End a run in the moment in which its cluster is there, with what its host would leave."""
    task = run["task"].get("python_wheel_task") or run["task"]["spark_python_task"]
    request = next(text for text in task["parameters"] if text.endswith("/request.json"))
    place = Path(running._local(store, request)).parent
    asked = json.loads((place / "request.json").read_text())
    if asked["type"] == "batch":
        score = place / "named-outputs" / "score"
        score.mkdir(parents=True)
        (score / "predictions.csv").write_text(asked["given"] + "\n")
        summary = Summary(
            asked["job"], "Completed", 1, 1, 0, 1, 0, 1.0, 1.0, {}, "/x/p.csv", "/x/report.html"
        )
        (place / "summary.json").write_text(json.dumps(asdict(summary)))
    end(store, run["run_id"], "TERMINATED", "SUCCESS", "SUCCESS")


@dataclass(frozen=True)
class Walk:
    """A command, and what has to be true once it has ended well."""

    words: tuple[str, ...]
    done: Callable[[Ended], bool]


class Scene:
    """A project on the stand-in, whose runs end at once."""

    def __init__(self, lines: LinesProject) -> None:
        self.lines = lines
        # What is kept by MLflow's own server is asked for once before the clock is looked at.
        lines.lake.ask("GET", "/api/2.0/mlflow/runs/get?run_id=none")
        self.finished = runner("score", "--no-wait").out.strip()
        assert runner("jobs", "stream", self.finished).status == 0

    def score(self, number: int) -> Walk:
        folder = f"data/new-{number}"
        self.lines.project.write(f"{folder}/a.txt", f"text {number}")
        words = ("score", "--data", folder, "-o", "json")
        return Walk(words, lambda ended: json.loads(ended.out)["status"] == "Completed")

    def train(self, _: int) -> Walk:
        words = ("train", "trees", "-o", "json")
        return Walk(words, lambda ended: json.loads(ended.out)["status"] == "Completed")

    def listing(self, _: int) -> Walk:
        return Walk(("jobs", "list"), lambda ended: self.finished in ended.out)

    def show(self, _: int) -> Walk:
        words = ("jobs", "show", self.finished, "-o", "json")
        return Walk(words, lambda ended: json.loads(ended.out)["status"] == "Completed")

    def download(self, number: int) -> Walk:
        target = self.lines.project.root / f"fetched-{number}"
        words = ("jobs", "download", self.finished, "--download", str(target))
        predictions = target / "named-outputs" / "score" / "predictions.csv"
        return Walk(words, lambda _: predictions.exists())

    def begun(self) -> dict[str, list[int]]:
        """Return the runs that there are, by the request that they were given."""
        store = self.lines.lake.databricks.store(self.lines.lake.workspace_id)
        found: dict[str, list[int]] = {}
        for run in store.all("runs"):
            task = run["task"].get("python_wheel_task") or run["task"]["spark_python_task"]
            found.setdefault(task["parameters"][0], []).append(run["run_id"])
        return found

    def tracked(self) -> list[str]:
        """Return the names of the MLflow runs that there are."""
        path = "/api/2.0/mlflow/experiments/get-by-name?experiment_name="
        name = f"{self.lines.lake.outputs()['experiments']}/trees"
        found = self.lines.lake.do("GET", path + name)["experiment"]["experiment_id"]
        asked = {"experiment_ids": [found], "max_results": 1000}
        kind = {"Content-Type": "application/json"}
        status, answer = self.lines.lake.ask("POST", "/api/2.0/mlflow/runs/search", asked, kind)
        assert status == 200, answer
        return [str(run["info"]["run_name"]) for run in answer["runs"]]


_FAULTS = {"score": 24, "train": 16, "listing": 2, "show": 4, "download": 4}


@pytest.fixture
def scene(lake: SeededLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    lines = make_lines_project(lake, tmp_path / "project")
    lines.project.write(
        "models/trees/train.yml",
        "type: spark\ncode: .\nentry: {file: main.py}\nexperiment_name: trees\n",
    )
    lines.project.write("models/trees/main.py", "")
    monkeypatch.setenv("RUNNER_OUTPUTS", str(lines.outputs))
    monkeypatch.setenv("RUNNER_POLL_INTERVAL", "0.02")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    monkeypatch.chdir(lines.project.root)
    monkeypatch.setattr(Running, "_work", _at_once)
    monkeypatch.setitem(client.RETRIES, "retry_backoff_factor", 0.01)
    monkeypatch.setattr(tracked, "_PAUSE", 0.02)
    lake.databricks.switches.seconds_to_start = 0.0
    yield Scene(lines)
    lake.emulator.faults.clear()


@pytest.mark.parametrize("part", range(_PARTS))
def test_no_fault_begins_a_second_run_or_loses_one(scene: Scene, part: int) -> None:
    dice = random.Random(part)  # noqa: S311 - to be repeated, not to be secret
    emulator = scene.lines.lake.emulator
    for command, faults in _FAULTS.items():
        plan: Callable[[int], Walk] = getattr(scene, command)
        emulator.requests.clear()
        calm = runner(*plan(next(_numbers)).words)
        assert calm.status == 0, str(calm)
        length = sum(found.host.startswith("adb-") for found in emulator.requests)
        left = faults // _PARTS
        while left:  # another day is shorter, and then no fault may befall it
            weather = dice.choice(_WEATHERS)
            left -= _meet(scene, plan(next(_numbers)), dice.randrange(length), weather)
    names = scene.tracked()
    assert len(set(names)) == len(names)


def _meet(scene: Scene, walk: Walk, position: int, weather: Weather) -> bool:
    """Run a command in a weather, and again where that failed; whether it met any."""
    emulator = scene.lines.lake.emulator
    before = scene.begun()
    emulator.faults.inject(weather.fault, host=_HOST, skip=position, times=weather.times)
    first = runner(*walk.words)
    met = bool(emulator.faults.injected)
    emulator.faults.clear()
    emulator.settle()
    said = f"{weather.name} at request {position}: {first}"
    new = {request: runs for request, runs in scene.begun().items() if request not in before}
    assert len(new) <= 1, said
    assert all(len(runs) == 1 for runs in new.values()), said
    if first.status == 0:
        assert walk.done(first), said
        return met
    assert first.status in (1, 3), said
    assert first.error.startswith("error: "), said
    assert "Traceback" not in first.err, said
    for request in new:
        # There is a job: who asked was told its name, and finds it complete.
        name = request.split("/")[-2]
        assert name in first.err, said
        assert runner("jobs", "stream", name).status == 0, said
        shown = json.loads(runner("jobs", "show", name, "-o", "json").out)
        assert shown["status"] == "Completed", said
    again = runner(*walk.words)
    assert again.status == 0, f"{said}\n{again}"
    assert walk.done(again), str(again)
    return met
