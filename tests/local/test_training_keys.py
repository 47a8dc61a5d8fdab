"""What else a command job may declare: each key is obeyed, refused by name or told of."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.jobs.folder import job_folder
from tests.projects import ScratchProject, make_project, without_mlflow

SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\n"
PLAIN = SCHEMA + "type: command\nenvironment: azureml:anything@latest\n"
FULL = (
    PLAIN + "code: ../..\n"
    "command: >-\n"
    "  sleep 1; models/echo/tool.sh > ${{outputs.made}}/greeting.txt;\n"
    "  env > ${{outputs.seen}}; ls -a > ${{outputs.listed}}/files.txt\n"
    "inputs:\n"
    "  lines: {type: uri_folder, path: ../../data/lines, datastore: azureml:team}\n"
    "outputs:\n"
    "  made: {type: custom_model, name: made-here, version: '7'}\n"
    "  seen: {type: uri_file, name: seen-here}\n"
    "  listed: {path: azureml://datastores/team/paths/listed}\n"
    "identity: {type: user_identity}\n"
    "services: {editor: {type: vs_code}}\n"
    "queue_settings: {job_tier: spot}\n"
    "distribution: {type: pytorch, process_count_per_instance: 1}\n"
    "resources: {instance_count: 1, shm_size: 2g}\n"
    "compute: azureml:cpu-cluster\n"
)


@dataclass(frozen=True)
class Ended:
    project: ScratchProject
    job: dict[str, Any]
    begun: subprocess.CompletedProcess[str]

    @property
    def folder(self) -> Path:
        return job_folder(self.project.home, self.job["name"])

    def output(self, name: str) -> Path:
        return self.folder / "named-outputs" / name


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Return a job with nearly every key, whose code was changed as soon as it was begun."""
    project = without_mlflow(make_project(tmp_path_factory.mktemp("keys") / "project"))
    project.write("models/echo/full.yml", FULL)
    project.write("models/echo/tool.sh", "#!/bin/sh\necho as it was\n").chmod(0o755)
    project.write("models/echo/key.txt", "only mine\n").chmod(0o600)
    project.write("models/echo/own/deep/a.txt", "in a folder of mine\n")
    (project.root / "models" / "echo" / "own").chmod(0o700)
    # An earlier job may have left anything in the workspace, which lies in the code's folder.
    project.write(".runner/jobs/earlier/code/a.py", "")
    (project.home / "jobs" / "earlier" / "code" / "gone.py").symlink_to("nothing")
    shell = {
        "AZUREML_RUN_ID": "azure",
        "OMP_NUM_THREADS": "3",
        "MLFLOW_RUN_ID": "mine",
        "MLFLOW_TRACKING_URI": "http://x",
    }
    begun = project.run("train", "echo", "full", "--no-wait", "-o", "json", env=shell)
    project.write("models/echo/tool.sh", "#!/bin/sh\necho as it is\n")
    project.run("jobs", "stream")
    job = project.json("jobs", "show", json.loads(begun.stdout)["name"])
    assert job["status"] == "Completed", job
    return Ended(project, job, begun)


def test_the_code_runs_as_it_was_when_the_job_was_begun(ended: Ended) -> None:
    assert (ended.output("made") / "greeting.txt").read_text() == "as it was\n"


def test_what_only_its_owner_may_read_of_the_code_stays_so(ended: Ended) -> None:
    copies = ended.folder / "code" / "models" / "echo"
    modes = {name: (copies / name).stat().st_mode & 0o777 for name in ("key.txt", "own", "tool.sh")}
    assert (modes["key.txt"], modes["own"]) == (0o600, 0o700)
    assert modes["tool.sh"] & 0o100


def test_the_workspace_itself_is_no_part_of_the_code(ended: Ended) -> None:
    listed = (ended.output("listed") / "files.txt").read_text().split()
    assert "models" in listed
    assert ".runner" not in listed


def test_an_output_with_a_name_becomes_an_asset(ended: Ended) -> None:
    model = ended.project.json("models", "show", "made-here")
    assert (model["version"], model["type"], model["job"]) == (
        "7",
        "custom_model",
        ended.job["name"],
    )
    data = ended.project.json("data", "show", "seen-here")
    assert (data["version"], data["type"]) == ("1", "uri_file")


def test_nothing_of_azure_and_of_another_run_is_inherited(ended: Ended) -> None:
    seen = ended.output("seen").read_text()
    assert "AZUREML_" not in seen
    assert "MLFLOW_RUN_ID" not in seen
    assert "MLFLOW_TRACKING_URI" not in seen


def test_threads_are_limited_as_the_shell_says_and_no_further(ended: Ended) -> None:
    seen = ended.output("seen").read_text()
    assert [line for line in seen.splitlines() if "_NUM_THREADS" in line] == ["OMP_NUM_THREADS=3"]


def test_keys_without_a_meaning_here_are_told_in_one_line(ended: Ended) -> None:
    told = [line for line in ended.begun.stderr.splitlines() if "mean nothing" in line]
    assert len(told) == 1
    assert (
        "identity, services, queue_settings, distribution, resources.shm_size,"
        " inputs.lines.datastore, outputs.listed.path"
    ) in told[0]


def test_without_mlflow_the_job_says_that_it_is_not_tracked(ended: Ended) -> None:
    assert "the job isn't tracked, because MLflow is not installed" in ended.begun.stderr
    assert re.search(r"/mlflow(\.txt)?` adds it", ended.begun.stderr)
    log = (ended.folder / "logs" / "job.txt").read_text()
    assert "the job isn't tracked" in log
    assert not (ended.project.home / "tracking").exists()


def test_a_job_that_made_no_model_and_tracked_nothing_says_what_to_do(ended: Ended) -> None:
    words = ("models", "register", "--name", "m", "--from-job", ended.job["name"])
    done = ended.project.run(*words)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "has no run in MLflow" in done.stderr


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("resources: {instance_count: 2}\n", "wants 2 machines (resources.instance_count)"),
        (
            "distribution: {type: pytorch, process_count_per_instance: 4}\n",
            "distribution.process_count_per_instance: 4",
        ),
        ("outputs: {table: {type: mltable, name: table}}\n", "type mltable"),
        ("code: git+https://example.test/a.git\n", "is not on this machine"),
    ],
)
def test_a_key_that_this_machine_cannot_obey_is_refused_by_name(
    project: ScratchProject, key: str, says: str
) -> None:
    project.write("models/echo/train.yml", PLAIN + "command: 'true'\n" + key)
    done = project.run("train", "echo")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert says in done.stderr
    assert not list(project.home.glob("jobs/*"))


def test_without_code_a_command_runs_in_an_empty_folder(project: ScratchProject) -> None:
    text = PLAIN + 'command: test -z "$(ls -A)" && kill -9 $$\n'
    project.write("models/echo/train.yml", text)
    done = without_mlflow(project).run("train", "echo")
    assert done.returncode == 1
    assert "the command was killed by SIGKILL" in done.stderr
