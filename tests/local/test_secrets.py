"""Variables that look like secrets: scripts and commands have them, and no file does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.projects import ScratchProject, make_project, without_mlflow

# Made up, and of the form of a key.
DECLARED, GIVEN = "declared-secret-4711", "given-secret-0815"

PRINTING = """
import os

def init():
    print("loaded")

def run(mini_batch):
    key, region = os.environ["API_KEY"], os.environ["REGION"]
    if os.path.exists(os.environ["BROKEN"]):
        raise SystemExit(1)
    return [f"{len(key)} {key[:5]} {region}" for _ in mini_batch]
"""

JOB = f"""
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
environment: azureml:anything@latest
command: >-
  test ! -e ../../../../broken && echo "${{#API_KEY}} $REGION" > ${{{{outputs.made}}}}/said.txt
environment_variables: {{API_KEY: {DECLARED}, REGION: north}}
outputs: {{made: {{type: uri_folder}}}}
"""

PIPELINE = f"""
$schema: https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json
name: told
type: pipeline
outputs: {{made: {{type: uri_folder}}}}
jobs:
  first:
    type: command
    component:
      name: first
      type: command
      outputs: {{made: {{type: uri_folder}}}}
      environment: azureml:anything@latest
      command: >-
        echo "${{#API_KEY}} $REGION" > ${{{{outputs.made}}}}/said.txt
        && tr '\\0' ' ' < /proc/$$/cmdline > ${{{{outputs.made}}}}/shown.txt
    environment_variables: {{API_KEY: {DECLARED}, REGION: "it's north"}}
    outputs: {{made: "${{{{parent.outputs.made}}}}"}}
"""


def files_with(folder: Path, text: str) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes() and "code" not in path.parts
    ]


@pytest.fixture
def project(tmp_path: Path) -> ScratchProject:
    project = without_mlflow(make_project(tmp_path / "project"))
    project.script(PRINTING)
    project.deployment(
        "settings:\n"
        "  mini_batch_size: 1\n"
        "  error_threshold: 0\n"
        "  retry_settings: {max_retries: 0}\n"
        "  environment_variables:\n"
        f"    {{API_KEY: {DECLARED}, REGION: north, BROKEN: {project.root / 'broken'}}}\n"
    )
    return project


def test_a_secret_reaches_the_script_and_no_file(project: ScratchProject) -> None:
    job = project.json("score")
    assert f"{len(DECLARED)} decla north" in Path(job["output"]).read_text()
    assert files_with(project.home, DECLARED) == []
    assert files_with(project.home, "north") != []  # what is no secret can be looked up


def test_a_resumed_job_has_the_secret_that_is_declared(project: ScratchProject) -> None:
    (project.root / "broken").touch()
    assert project.run("score").returncode == 1
    (project.root / "broken").unlink()
    done = project.run("jobs", "resume")
    assert done.returncode == 0, done.stderr
    (output,) = project.home.rglob("predictions.csv")
    assert f"{len(DECLARED)} decla" in output.read_text()
    assert files_with(project.home, DECLARED) == []


def test_a_resumed_job_whose_secret_nobody_declares_says_how_to_give_it(
    project: ScratchProject,
) -> None:
    (project.root / "broken").touch()
    secret = f"environment_variables.API_KEY={GIVEN}"
    assert project.run("score", "--set", secret).returncode == 1
    (project.root / "broken").unlink()
    refused = project.run("jobs", "resume")
    assert refused.returncode == 3
    assert "can't go on without the value of API_KEY" in refused.stderr
    assert "`export API_KEY=...`" in refused.stderr
    done = project.run("jobs", "resume", env={"API_KEY": GIVEN})
    assert done.returncode == 0, done.stderr
    (output,) = project.home.rglob("predictions.csv")
    assert f"{len(GIVEN)} given" in output.read_text()
    assert files_with(project.home, GIVEN) == []


def test_a_command_has_its_secrets_and_no_file_does(project: ScratchProject) -> None:
    project.write("models/echo/train.yml", JOB)
    (project.root / "broken").touch()
    failed = project.run("train", "echo")
    assert failed.returncode != 0
    (project.root / "broken").unlink()
    done = project.run("jobs", "resume")
    assert done.returncode == 0, done.stderr
    (said,) = project.home.rglob("said.txt")
    assert said.read_text() == f"{len(DECLARED)} north\n"
    assert files_with(project.home, DECLARED) == []
    assert "API_KEY" in json.loads(next(project.home.rglob("command.json")).read_text())["secrets"]


def test_the_steps_of_a_pipeline_have_their_secrets_and_no_file_or_command_line_does(
    project: ScratchProject,
) -> None:
    project.write("models/echo/pipeline.yml", PIPELINE)
    project.write(
        "models/echo/steps.yml",
        "$schema: https://azuremlschemas.azureedge.net/latest/pipelineComponentBatchDeployment"
        ".schema.json\n"
        "name: steps\nendpoint_name: echo\ntype: pipeline\ncomponent: ./pipeline.yml\n",
    )
    done = project.run("score", "--deployment", "steps")
    assert done.returncode == 0, done.stderr
    (said,) = project.home.rglob("said.txt")
    assert said.read_text() == f"{len(DECLARED)} it's north\n"
    assert files_with(project.home, DECLARED) == []


LOOKING = """
import os, pathlib

def init():
    key = os.environ["API_KEY"].encode()
    home = pathlib.Path(os.environ["BROKEN"]).parent / ".runner"
    found = [path for path in home.rglob("*") if path.is_file() and key in path.read_bytes()]
    if found:
        raise ValueError(f"written into {found}")

def run(mini_batch):
    return [os.environ["API_KEY"][:5] for _ in mini_batch]
"""


def test_scoring_for_a_comparison_writes_none_into_a_file(project: ScratchProject) -> None:
    project.script(LOOKING)
    done = project.run("models", "compare", *["models/echo/model.yml"] * 2, "--rows", "changed.csv")
    assert "None of 2 predictions changes" in done.stdout, done.stderr
