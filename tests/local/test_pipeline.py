"""Deployed pipelines on this machine, as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused, WrongUsage
from runner.local.workspace import LocalWorkspace
from runner.project import Project
from runner.workspace import Invocation
from tests.projects import ScratchProject, without_mlflow

ENDPOINT = "name: heart-batch\ndefaults: {deployment_name: prepared}\n"
DEPLOYMENT = """
name: prepared
endpoint_name: heart-batch
type: pipeline
component: pipeline.yml
settings: {default_compute: cpu-cluster}
"""
PIPELINE = """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json
type: pipeline
name: prepare_and_score
inputs:
  input_data: {type: uri_folder}
  factor: {type: integer, default: 2}
  quiet: {type: boolean, optional: true}
outputs:
  scores: {type: uri_folder, mode: upload}
jobs:
  score_job: # reads of the one below, so it comes second
    type: command
    component: components/score.yml
    inputs:
      data: ${{parent.jobs.prepare_job.outputs.prepared}}
      factor: ${{parent.inputs.factor}}
    outputs:
      scores: {mode: upload, path: "${{parent.outputs.scores}}"}
  prepare_job:
    type: command
    component: azureml:prepare_lines@latest
    inputs:
      data: ${{parent.inputs.input_data}}
      quiet: ${{parent.inputs.quiet}}
    outputs:
      prepared:
"""
PREPARE = """
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
name: prepare_lines
type: command
inputs:
  data: {type: uri_folder}
  quiet: {type: boolean, optional: true}
outputs:
  prepared: {type: uri_folder}
code: ../code
environment: azureml:AzureML-sklearn-1.0@latest
command: >-
  python prepare.py --data ${{inputs.data}} $[[--quiet ${{inputs.quiet}}]]
  --out ${{outputs.prepared}}
"""
SCORE = """
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
name: score_lines
type: command
inputs:
  data: {type: uri_folder}
  factor: {type: integer}
outputs:
  scores: {type: uri_folder}
code: ../code
environment: azureml:AzureML-sklearn-1.0@latest
command: python score.py ${{inputs.data}} ${{inputs.factor}} ${{outputs.scores}}
"""
PREPARE_PY = """
import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
for option in ("--data", "--out", "--quiet"):
    parser.add_argument(option)
asked = parser.parse_args()
lines = [line for file in sorted(Path(asked.data).glob("*.txt")) for line in file.open()]
Path(asked.out, "numbers.txt").write_text("".join(lines) + f"{len(str(asked.quiet or ''))}\\n")
"""
SCORE_PY = """
import sys
from pathlib import Path

data, factor, scores = sys.argv[1:]
numbers = Path(data, "numbers.txt").read_text().split()
Path(scores, "scores.txt").write_text(" ".join(str(int(each) * int(factor)) for each in numbers))
"""
MANAGER = ("--env-manager", "local")


@pytest.fixture
def heart(project: ScratchProject) -> ScratchProject:
    folder = "models/heart"
    project.write(f"{folder}/batch-endpoint.yml", ENDPOINT)
    project.write(f"{folder}/batch-deployment.yml", DEPLOYMENT)
    project.write(f"{folder}/pipeline.yml", PIPELINE)
    project.write(f"{folder}/components/prepare.yml", PREPARE)
    project.write(f"{folder}/components/score.yml", SCORE)
    project.write(f"{folder}/code/prepare.py", PREPARE_PY)
    project.write(f"{folder}/code/score.py", SCORE_PY)
    project.write("data/heart/a.txt", "1\n2\n")
    return without_mlflow(project)  # a tracked job takes seconds more


def test_the_steps_run_in_their_order_with_what_each_reads_of_the_other(
    heart: ScratchProject,
) -> None:
    ran = heart.run("score", "heart-batch", "--data", "data/heart", "-o", "json", *MANAGER)
    assert ran.returncode == 0, ran.stderr
    job = json.loads(ran.stdout)
    assert (job["type"], job["endpoint"], job["deployment"]) == (
        "pipeline",
        "heart-batch",
        "prepared",
    )
    folder = Path(job["folder"])
    assert (folder / "named-outputs/scores/scores.txt").read_text() == "2 4 0"
    log = (folder / "logs/command.txt").read_text()
    assert log.index("step prepare_job") < log.index("step score_job")


def test_inputs_are_given_by_name_and_a_step_that_fails_is_the_last(heart: ScratchProject) -> None:
    heart.write("models/heart/code/score.py", "import sys; sys.exit(' '.join(sys.argv[2:3]))\n")
    inputs = ("--inputs", "input_data=data/heart", "--inputs", "factor=7")
    failed = heart.run("score", "heart-batch", *inputs, "--inputs", "quiet=true", *MANAGER)
    assert failed.returncode == 1
    (log,) = heart.home.glob("jobs/*/logs/command.txt")
    assert log.read_text().split("\n")[-3:] == ["7", "step score_job failed", ""]
    (prepared,) = heart.home.glob("jobs/*/steps/prepare_job/prepared/numbers.txt")
    assert prepared.read_text() == "1\n2\n4\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        (
            "pipeline.yml",
            "type: command\n    component: comp",
            "type: parallel\n    component: comp",
            "step 'score_job' of pipeline.yml is of type parallel, which only Azure runs",
        ),
        (
            "pipeline.yml",
            "azureml:prepare_lines",
            "azureml:elsewhere",
            "runs azureml:elsewhere@latest, which is not on this machine",
        ),
        (
            "batch-deployment.yml",
            "pipeline.yml",
            "azureml:elsewhere:3",
            "runs azureml:elsewhere:3, whose steps are not on this machine",
        ),
        ("pipeline.yml", "jobs.prepare_job", "jobs.score_job", "steps wait for each other"),
        ("pipeline.yml", "jobs.prepare_job", "jobs.other", "reads of no step 'other'"),
        ("components/prepare.yml", "  prepared:", "  ../prepared:", "found the name '../prepared'"),
        ("components/score.yml", "inputs.factor", "inputs.facto", "has no input 'facto'"),
        ("pipeline.yml", "  factor: $", "  fact: $", "step 'score_job' has no input 'fact'"),
    ],
)
def test_what_does_not_run_here_is_named_and_leaves_no_job(
    heart: ScratchProject, file: str, old: str, new: str, words: str
) -> None:
    path = heart.root / "models/heart" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    project = Project(heart.root, heart.root / "models", heart.home)
    call = Invocation("heart-batch", data=str(heart.root / "data/heart"))
    with pytest.raises((WrongUsage, EnvironmentRefused)) as refused:
        LocalWorkspace(project).invoke(call)
    assert words in str(refused.value)
    assert not list(heart.home.glob("jobs/*"))
