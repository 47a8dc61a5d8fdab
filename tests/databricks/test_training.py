"""Training jobs on Databricks: one run of a cluster, which is one MLflow run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from runner.azure.client import RETRIES
from runner.environments import open_workspace
from tests.azureml.scored import Run
from tests.databricks.jobs_stage import LinesProject
from tests.emulator.faults import Drop

JOB = """
type: spark
code: .
entry: {file: program/main.py}
py_files: [helpers.py]
args: --rows ${{inputs.rows}} --depth ${{inputs.depth}} --to ${{outputs.notes}}
inputs:
  rows: {type: uri_file, path: ./rows.csv}
  depth: 3
outputs:
  notes: {type: uri_folder}
experiment_name: trees
"""
PROGRAM = """
import argparse, os, sys
import mlflow
import helpers
parser = argparse.ArgumentParser()
for name in ("--rows", "--depth", "--to"):
    parser.add_argument(name)
options = parser.parse_args()
with mlflow.start_run():
    mlflow.log_param("depth", options.depth)
    if options.depth == "0":
        raise ValueError("no depth at all")
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_text(open(options.rows).read(), "notes/rows.txt")
with open(os.path.join(options.to, "said.txt"), "w") as file:
    file.write(helpers.said())
print("trained", os.path.exists("rows.csv"))
room = os.environ["MLFLOW_DFS_TMP"]
os.mkdir(room)
print("room", room, end=".")
sys.exit(0)
"""
# Of Entra, and of a run on the stand-in.
TOKEN = re.compile(rb"eyJ[\w-]{10,}\.[\w-]{10,}\.|dkea[0-9a-f]{32}")


@pytest.fixture
def trees(lines: LinesProject) -> LinesProject:
    project = lines.project
    project.write("models/trees/train.yml", JOB)
    project.write("models/trees/program/main.py", PROGRAM)
    project.write("models/trees/helpers.py", "def said():\n    return 'fine'\n")
    project.write("models/trees/rows.csv", "a,b\n1,2\n")
    return lines


def submitted(lines: LinesProject) -> list[dict[str, Any]]:
    path = "/api/2.2/jobs/runs/list?run_type=SUBMIT_RUN"
    return list(lines.lake.do("GET", path).get("runs") or ())


def test_a_job_is_a_run_on_the_cluster_and_one_of_mlflow(
    trees: LinesProject, run: Run, tmp_path: Path
) -> None:
    done = run("train", "trees", "-o", "json").json()
    name, tracked = done["name"], done["run"]
    assert (done["status"], done["type"]) == ("Completed", "spark")
    assert (tracked["name"], tracked["status"], tracked["experiment"]) == (
        name,
        "FINISHED",
        "trees",
    )
    assert tracked["parameters"] == {"depth": "3"}
    assert tracked["metrics"]["loss"]["count"] == 3
    assert tracked["artifacts"] == ["notes/rows.txt"]
    assert tracked["inputs"]["rows"].endswith("models/trees/rows.csv")
    assert (trees.folder(name) / "named-outputs/notes/said.txt").read_text() == "fine"
    log = run("jobs", "stream", name).out
    assert "trained True" in log
    assert f"jobs/{name}/mlflow-tmp." in log  # lent, and taken away again
    assert not (trees.folder(name) / "mlflow-tmp").exists()

    failed = run("train", "trees", "--set", "depth=0")
    assert failed.status == 1
    assert "ValueError: no depth at all" in failed.err
    jobs = run("jobs", "list", "--type", "spark", "-o", "json").json()
    assert [job["status"] for job in jobs] == ["Failed", "Completed"]
    assert run("jobs", "show", jobs[0]["name"], "-o", "json").json()["run"]["status"] == "FAILED"
    assert len(submitted(trees)) == 2
    compared = run("jobs", "compare", jobs[0]["name"], name)
    assert (compared.status, "depth" in compared.out) == (0, True)

    target = tmp_path / "fetched"
    assert run("jobs", "download", name, "--download", str(target)).status == 0
    assert (target / "named-outputs" / "notes" / "said.txt").read_text() == "fine"
    kept = [trees.lake.local(trees.lake.volume), trees.project.root, target]
    files = [path for folder in kept for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if TOKEN.search(path.read_bytes())] == []


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ("sys.exit(7)", "RuntimeError: exited with status 7; its log ends: one / two / three"),
        (
            "os.kill(os.getpid(), 9)",
            "The Python process exited with exit code -9.; its log ends: one / two / three",
        ),
    ],
)
def test_a_program_that_ends_without_an_error_is_told_by_the_last_lines_that_it_printed(
    trees: LinesProject, run: Run, end: str, why: str
) -> None:
    program = f"import os, sys\nfor word in ('one', 'two', 'three'):\n    print(word)\n{end}\n"
    trees.project.write("models/trees/program/main.py", program)
    done = run("train", "trees")
    assert done.status == 1
    assert f"{why}; its logs and report" in done.err.splitlines()[-1]


def test_a_job_that_is_stopped_leaves_no_mlflow_run_open(trees: LinesProject, run: Run) -> None:
    trees.project.write("models/trees/program/main.py", "import time\ntime.sleep(600)\n")
    name = run("train", "trees", "--no-wait").out.strip()
    assert run("jobs", "cancel", name).status == 0
    assert run("jobs", "stream", name).status == 1
    shown = run("jobs", "show", name, "-o", "json").json()
    assert (shown["status"], shown["run"]["status"]) == ("Canceled", "KILLED")
    resumed = run("jobs", "resume", name)
    assert resumed.status == 3
    assert "train again with `runner train trees --env lake`" in resumed.err


def test_a_cluster_that_was_taken_away_leaves_no_mlflow_run_open(
    trees: LinesProject, run: Run
) -> None:
    lake = trees.lake
    (cluster,) = lake.outputs()["clusters"].values()
    lake.do("POST", "/api/2.1/clusters/permanent-delete", cluster)
    done = run("train", "trees")
    assert (done.status, submitted(trees)) == (3, [])
    assert "does not exist" in done.err
    assert "run `pulumi up --stack lake`" in done.err
    experiments = lake.do("POST", "/api/2.0/mlflow/experiments/search", {"max_results": 10})
    ids = [experiment["experiment_id"] for experiment in experiments["experiments"]]
    runs = lake.do("POST", "/api/2.0/mlflow/runs/search", {"experiment_ids": ids})["runs"]
    assert [begun["info"]["status"] for begun in runs] == ["FAILED"]


def test_a_cluster_that_does_not_start_for_want_of_quota_fails_the_job_and_its_mlflow_run(
    trees: LinesProject, run: Run
) -> None:
    trees.lake.databricks.switches.quota_exceeded = True
    trees.lake.do("POST", "/api/2.1/clusters/delete", {"cluster_id": trees.lake.cluster_id})
    done = run("train", "trees")
    assert done.status == 1
    assert "ask for more cores of that family in the subscription's quotas" in done.err
    shown = run("jobs", "show", "-o", "json").json()
    assert (shown["status"], shown["run"]["status"]) == ("Failed", "FAILED")


def test_a_job_that_never_began_is_begun_by_resume(
    trees: LinesProject, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RETRIES, "retry_backoff_factor", 0.01)
    trees.project.write("models/trees/program/main.py", "print('fine')\n")
    faults = trees.lake.emulator.faults
    faults.inject(Drop("before"), path="*/runs/submit", times=None)
    lost = run("train", "trees")
    faults.clear()
    assert (lost.status, submitted(trees)) == (3, [])
    name = re.findall(r"runner jobs resume (\S+) --env lake", lost.err)[0]
    assert run("jobs", "resume", name).status == 0
    assert run("jobs", "stream", name).status == 0
    assert len(submitted(trees)) == 1


def test_a_command_job_is_refused_with_the_way_out(trees: LinesProject, run: Run) -> None:
    trees.project.write(
        "models/trees/train.yml",
        "type: command\ncommand: python train.py\ncode: .\nenvironment: {image: an/image}\n",
    )
    refused = run("train", "trees")
    assert (refused.status, submitted(trees)) == (3, [])
    assert "declare `type: spark` with `entry: {file: train.py}`" in refused.err


def test_the_page_of_the_runs_is_the_workspaces_own(lines: LinesProject) -> None:
    addresses: list[str] = []
    workspace = open_workspace("lake")
    workspace.show_runs("127.0.0.1", 0, addresses.append)
    assert addresses == [f"{lines.lake.host}/ml/experiments?o={lines.lake.workspace_id}"]
