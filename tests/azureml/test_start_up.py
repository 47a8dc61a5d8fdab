"""A look at a job costs less than a script that asks the SDK for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.azureml.stage import Stage
from tests.projects import ROOT

PLAIN = """
import sys
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), *sys.argv[1:4], cloud="AzureTest")
print(client.jobs.get(sys.argv[4]).status + "")
"""


def run(*words: str, folder: Path) -> tuple[float, str]:
    begun = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return time.perf_counter() - begun, ended.stdout


def test_a_job_is_shown_in_half_the_time_of_a_plain_script(stage: Stage, tmp_path: Path) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Completed", settings={}, jobs={})
    outputs = stage.write(tmp_path)
    (tmp_path / "Pulumi.yaml").touch()
    words = ("-m", "runner", "jobs", "show", name, "-e", "dev", "--outputs", str(outputs))
    group = stage.group.rpartition("/")[2]
    scope = (stage.emulator.cloud.subscription, group, "scoring", name)
    theirs, status = run("-W", "ignore", "-c", PLAIN, *scope, folder=tmp_path)
    ours, shown = run(*words, "-o", "json", folder=tmp_path)
    assert json.loads(shown)["status"] == status.strip() == "Completed"
    assert ours <= theirs / 2


def test_a_look_at_a_job_imports_nothing_heavy(stage: Stage, tmp_path: Path) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Running")
    outputs = stage.write(tmp_path)
    (tmp_path / "Pulumi.yaml").touch()
    script = (
        "import sys\n"
        "from runner.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'azure.ai', 'azure.storage', 'pulumi', 'pandas', 'mlflow', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    words = ("jobs", "show", name, "-e", "dev", "--outputs", str(outputs))
    assert run("-c", script, *words, folder=tmp_path)[1].splitlines()[-1] == "[]"
