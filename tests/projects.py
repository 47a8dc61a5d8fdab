"""A small project on disk, and the runner as a person calls it there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# What the tests' own environment has is what models and jobs run in, unless a test is about others.
OWN_PACKAGES = {"RUNNER_ENV_MANAGER": "local"}

ROOT = Path(__file__).resolve().parent.parent

ECHO = """
import os

def init():
    global greeting
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "greeting", "greeting.txt")) as file:
        greeting = file.read().strip()

def run(mini_batch):
    rows = []
    for path in mini_batch:
        with open(path) as file:
            rows += [f"{greeting},{os.path.basename(path)},{line.strip()}" for line in file]
    return rows
"""


@dataclass(frozen=True)
class ScratchProject:
    """A project's root, and what runs the runner in it."""

    root: Path
    modules: tuple[Path, ...] = ()  # folders whose modules are found before all others
    env_manager: str = OWN_PACKAGES["RUNNER_ENV_MANAGER"]

    @property
    def home(self) -> Path:
        return self.root / ".runner"

    @property
    def input(self) -> Path:
        return self.root / "data" / "lines"

    def script(self, text: str) -> None:
        """Replace the scoring script."""
        self.write("models/echo/code/score.py", text)

    def deployment(self, more: str = "") -> None:
        """Replace the deployment's settings."""
        self.write(
            "models/echo/batch-deployment.yml",
            "$schema: https://azuremlschemas.azureedge.net/latest/modelBatchDeployment.schema.json\n"
            "name: main\nendpoint_name: echo\nmodel: azureml:greeting@latest\n"
            "code_configuration: {code: ./code, scoring_script: score.py}\n" + more,
        )

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def lines(self, files: int, lines: int = 3) -> None:
        """Replace the input: `files` files of `lines` lines each."""
        shutil.rmtree(self.input, ignore_errors=True)
        self.input.mkdir(parents=True)
        for number in range(files):
            text = "".join(f"line {line} of {number}\n" for line in range(lines))
            (self.input / f"f{number:03d}.txt").write_text(text)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "runner", *words]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("RUNNER_")}
        path = os.pathsep.join(map(str, (*self.modules, ROOT)))
        return (
            kept
            | {"PYTHONPATH": path, "NO_COLOR": "1", "RUNNER_ENV_MANAGER": self.env_manager}
            | more
        )

    def run(
        self, *words: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=self.root,
            env=self.environment(**(env or {})),
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def json(self, *words: str) -> Any:
        """Return what a command prints with `-o json`; the test fails when the command does."""
        done = self.run(*words, "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def make_project(root: Path) -> ScratchProject:
    """Return one batch endpoint `echo` over a model `greeting`, and two files of three lines."""
    project = ScratchProject(root)
    project.write("Pulumi.yaml", "name: scratch\nruntime: python\n")
    project.write("models/echo/greeting/greeting.txt", "hello\n")
    project.write(
        "models/echo/model.yml",
        "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\n"
        "name: greeting\ntype: custom_model\npath: ./greeting\n",
    )
    project.write(
        "models/echo/data.yml",
        "$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json\n"
        "name: lines\ntype: uri_folder\npath: ../../data/lines\n",
    )
    project.write(
        "models/echo/batch-endpoint.yml",
        "$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json\n"
        "name: echo\ndefaults: {deployment_name: main}\n",
    )
    project.deployment("settings: {mini_batch_size: 1, max_concurrency_per_instance: 2}\n")
    project.script(ECHO)
    project.lines(2)
    return project


def without_mlflow(project: ScratchProject) -> ScratchProject:
    """Return the same project where MLflow is not installed, and so jobs are not tracked."""
    hiding = project.write("hiding/sitecustomize.py", "import sys\nsys.modules['mlflow'] = None\n")
    return replace(project, modules=(hiding.parent,))


def add_diabetes(project: ScratchProject) -> None:
    """Add the sample model, its declarations and its data."""
    shutil.copytree(ROOT / "models" / "diabetes", project.root / "models" / "diabetes")
    shutil.copytree(ROOT / "data" / "diabetes", project.root / "data" / "diabetes")
