"""A tracked job that is cut off, ended, taken up again and removed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from runner.engine.stopped import Stopped
from runner.errors import NotFound
from runner.jobs.addresses import parse_job_address
from runner.jobs.folder import job_folder
from runner.local.job_lock import owner
from runner.local.tracking.artifacts import find_artifact
from runner.local.tracking.lifecycle import begin_run
from runner.local.tracking.plan import RunInput, RunPlan
from runner.local.tracking.record import tracked_run
from runner.local.tracking.removal import tracked_of
from runner.local.tracking.store import (
    artifact_root,
    local_path,
    store_address,
    store_file,
    why_untracked,
)
from runner.workspace import Run
from tests.local.tracking.scripts import JOB
from tests.projects import ScratchProject

# Logs, and waits for a word to end; a second attempt ends at once.
SLOW = """
import os, time
import mlflow
mlflow.log_metric("loss", 1.0)
mlflow.log_text("hello", "hello.txt")
mlflow.start_run(run_name="beside", nested=True)
mlflow.log_metric("fold", 2.0)
class Constant(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input
for name in ("kept", "model"):
    logged = mlflow.pyfunc.log_model(name=name, python_model=Constant(), pip_requirements=[])
    if name == "kept":
        mlflow.register_model(logged.model_uri, "kept")
if not os.path.exists("began"):
    open("began", "w").close()
    time.sleep(600)
"""


def until(look: Callable[[], object], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it didn't come about in time"
        time.sleep(0.05)


def began(project: ScratchProject, name: str) -> bool:
    return (job_folder(project.home, name) / "code" / "began").exists()


def kill_host(project: ScratchProject, name: str) -> None:
    process = owner(job_folder(project.home, name))
    assert process is not None
    os.kill(process, signal.SIGKILL)
    until(lambda: owner(job_folder(project.home, name)) is None)


def live(project: ScratchProject, name: str) -> Run:
    run = tracked_run(project.home, name)
    assert run is not None
    return run


def test_a_job_that_is_cut_off_goes_on_with_its_run_and_is_removed_with_it(
    project: ScratchProject,
) -> None:
    project.write("models/echo/src/slow.py", SLOW)
    project.write("models/echo/slow.yml", JOB.format(command="exec python slow.py"))
    name = project.json("train", "echo", "slow", "--no-wait")["name"]
    until(lambda: began(project, name))
    run = live(project, name)
    assert (run.status, run.metrics["loss"].value) == ("RUNNING", 1.0)  # seen as it runs
    kill_host(project, name)
    noted = (job_folder(project.home, name) / "command.lock").read_text()
    process = int(noted.split()[0])

    client = MlflowClient(tracking_uri=store_address(project.home))
    # Canceled now, the command that was left over is ended, and its runs are.
    assert project.json("jobs", "cancel", name)["status"] == "Canceled"
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    run = live(project, name)
    statuses = {client.get_run(each).info.status for each in (run.id, *run.children)}
    assert (run.status, statuses) == ("KILLED", {"KILLED"})

    # Taken up again it is a new attempt of the same run.
    assert project.json("jobs", "resume", name)["status"] == "Completed"
    again = live(project, name)
    assert (again.id, again.status) == (run.id, "FINISHED")
    assert again.metrics["loss"].count == 2
    assert {model.name for model in again.models} == {"kept", "model"}

    kept = find_artifact(project.home, parse_job_address("models:/kept/1"))
    tracked = tracked_of(project.home, [name])
    assert sum(folder.exists() for folder in tracked.folders) >= 3  # a run's and two models'
    project.json("jobs", "remove", name, "--yes")
    left = client.search_runs(
        ["0", *(e.experiment_id for e in client.search_experiments())], run_view_type=ViewType.ALL
    )
    assert list(left) == []
    assert not any(folder.exists() for folder in tracked.folders)
    assert (kept / "MLmodel").is_file()  # MLflow's registry has it


def test_a_job_is_canceled_while_its_inputs_are_hashed(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)  # takes no room, and half an hour to hash
    (tmp_path / "jobs" / "a").mkdir(parents=True)
    plan = RunPlan("some", "a", inputs={"x": RunInput("large", str(tmp_path / "large"))})
    stopping = iter([False, False, True])
    with pytest.raises(Stopped):
        begin_run(tmp_path, "a", plan, lambda: next(stopping))
    assert not MlflowClient(tracking_uri=store_address(tmp_path)).search_runs(["0", "1"])


def test_a_broken_store_fails_the_job_in_one_line_before_its_command(
    project: ScratchProject,
) -> None:
    project.write("models/echo/slow.yml", JOB.format(command="touch ran").replace("./src", "."))
    store_file(project.home).parent.mkdir(parents=True)
    store_file(project.home).write_text("no database")
    done = project.run("train", "echo", "slow")
    assert done.returncode == 1
    assert "can't be used" in done.stderr.splitlines()[-1]
    assert "runner jobs resume" in done.stderr.splitlines()[-1]
    assert not list(project.home.glob("jobs/*/code/ran"))


def test_a_workspace_where_mlflow_would_write_beside_it_is_not_tracked(tmp_path: Path) -> None:
    assert why_untracked(tmp_path / "a b#é") is None
    assert "set RUNNER_HOME to a folder without % and ?" in str(why_untracked(tmp_path / "a%20b"))


def test_artifacts_are_found_in_whatever_folder_the_workspace_lies_or_lay(tmp_path: Path) -> None:
    home = tmp_path / "tracking" / "artifacts" / "home"
    kept = artifact_root(home) / "run" / "artifacts"
    assert local_path(home, str(kept)) == local_path(home, kept.as_uri()) == kept
    assert local_path(home, "/elsewhere/tracking/artifacts/run/artifacts") == kept
    assert local_path(home, "/elsewhere/run/artifacts") == Path("/elsewhere/run/artifacts")


def test_in_a_new_workspace_what_a_job_made_is_not_found(tmp_path: Path) -> None:
    for address, says in (
        ("azureml://jobs/none/outputs/artifacts/paths/model", "no job 'none'"),
        ("azureml://jobs/none/outputs/../paths/model", "no job 'none'"),
        ("models:/none/1", "no job of this workspace has been tracked yet"),
    ):
        with pytest.raises(NotFound, match=says):
            find_artifact(tmp_path, parse_job_address(address))
