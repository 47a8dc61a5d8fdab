"""The run of a job of Azure is read from the workspace's own MLflow."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from runner.azureml.workspace import AzureWorkspace
from runner.errors import NotFound, WrongUsage
from runner.workspace import TrainingRequest
from tests.azureml.scored import Run
from tests.azureml.stage import Stage, make_workspace
from tests.emulator import Emulator
from tests.emulator.faults import forbidden

TRACKED = """
import math, pathlib, sys
import mlflow
mlflow.log_param("depth", 3)
for step in range(3):
    mlflow.log_metric("loss", 1 / (step + 1), step=step)
mlflow.log_metric("odd", math.nan)
mlflow.log_metric("far", -math.inf)
mlflow.set_tag("team", "risk")
mlflow.log_text("hello", "notes/a.txt")
mlflow.log_text("flavors: {}", "tree/MLmodel")
with mlflow.start_run(nested=True):
    mlflow.log_param("fold", 1)
"""
JOB = """
type: command
code: ./{code}
command: {command}
inputs: {{rows: {{type: uri_folder, path: ./src}}, depth: 3}}
outputs: {{{output}: {{type: custom_model}}}}
environment: {{image: an/image}}
compute: azureml:cpu-cluster
experiment_name: trees
"""


class Jobs:
    """Jobs that ran to their end, each by the way it was to be done."""

    def __init__(self, stage: Stage, root: Path, folder: Path) -> None:
        self.group = stage.group
        self.workspace: AzureWorkspace = stage.workspace(root)
        self._folder = folder

    def run(self, name: str, code: str, command: str, output: str = "other") -> str:
        file = self._folder / f"{name}.yml"
        file.write_text(JOB.format(code=code, command=command, output=output))
        job = self.workspace.train(TrainingRequest(file=file))
        list(self.workspace.follow(job.name))
        assert self.workspace.job(job.name).status == "Completed"
        return job.name


@pytest.fixture(scope="module")
def jobs(scoring_cloud: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    root = tmp_path_factory.mktemp("runs")
    folder = root / "models" / "m"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "fit.py").write_text(TRACKED)
    (folder / "plain").mkdir()
    (folder / "plain" / "fit.py").write_text("pass\n")
    return Jobs(Stage(scoring_cloud, make_workspace(scoring_cloud)), root, folder)


@pytest.fixture(scope="module")
def tracked(jobs: Jobs, scoring_cloud: Emulator) -> str:
    """Return the name of a job that tracked; as it takes seconds, all tests share it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in scoring_cloud.environment.items():
            patch.setenv(name, value)
        patch.setenv("RUNNER_POLL_INTERVAL", "0.05")
        return jobs.run("tracked", "src", "python fit.py")


@pytest.fixture(autouse=True)
def _cloud(stored: Stage) -> None:
    """Let this process's environment lead to the cloud."""


def test_a_run_has_what_its_job_tracked(jobs: Jobs, tracked: str) -> None:
    run = jobs.workspace.run(tracked)
    assert run is not None
    assert (run.id, run.experiment, run.status) == (tracked, "trees", "FINISHED")
    assert run.parameters == {"depth": "3"}
    loss = run.metrics["loss"]
    assert (loss.value, loss.count) == (1 / 3, 3)
    assert [(point.step, point.value) for point in loss.curve] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert loss.curve[0].time > 0
    assert math.isnan(run.metrics["odd"].value)
    assert run.metrics["far"].value == -math.inf
    assert run.tags == {"team": "risk"}
    assert run.inputs["rows"].startswith("azureml:input-")
    assert {"notes/a.txt", "tree/MLmodel", "user_logs/std_log.txt"} >= set(run.artifacts)
    assert {"notes/a.txt", "tree/MLmodel"} <= set(run.artifacts)
    assert [model.name for model in run.models] == ["tree"]
    assert len(run.children) == 1


def test_the_only_logged_model_of_a_job_is_its_model(jobs: Jobs, tracked: str) -> None:
    address = f"azureml://jobs/{tracked}/outputs/artifacts/paths/tree"
    assert jobs.workspace.model_address(tracked) == address


def test_an_output_called_model_goes_first(jobs: Jobs) -> None:
    name = jobs.run("model", "plain", "echo fine > ${{outputs.model}}/a.txt", "model")
    assert jobs.workspace.model_address(name) == f"azureml://jobs/{name}/outputs/model/paths/"
    run = jobs.workspace.run(name)
    assert run is not None
    assert (run.status, run.parameters, run.models) == ("FINISHED", {}, ())


def test_several_logged_models_have_to_be_chosen_from(
    jobs: Jobs, tracked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner.jobs import tracking_server

    monkeypatch.setattr(
        tracking_server, "_files", lambda *_: iter(("a/MLmodel", "b/MLmodel", "MLmodel"))
    )
    with pytest.raises(WrongUsage, match="several models: name one of a, b with --artifact"):
        jobs.workspace.model_address(tracked)
    monkeypatch.setattr(tracking_server, "_files", lambda *_: iter(()))
    with pytest.raises(NotFound, match="no output 'model' and logged none"):
        jobs.workspace.model_address(tracked)


def test_a_job_is_shown_also_where_its_tracking_can_not_be_reached(
    jobs: Jobs,
    tracked: str,
    stored: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Run,
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    stage = replace(stored, group=jobs.group)
    monkeypatch.setenv("RUNNER_OUTPUTS", str(stage.write(tmp_path)))
    monkeypatch.chdir(tmp_path)
    stored.emulator.faults.inject(forbidden(), path="*/mlflow/*", times=None)
    shown = run("jobs", "show", tracked, "-o", "json")
    assert (shown.status, shown.json()["run"]) == (0, None)
    assert f"what job {tracked} tracked can't be shown: Azure refused" in shown.err


def test_a_job_that_scores_tracks_nothing(stage: Stage, tmp_path: Path) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Completed")
    workspace = stage.workspace(tmp_path)
    assert workspace.run(name) is None
    with pytest.raises(NotFound, match="which tracks nothing"):
        workspace.model_address(name)
    with pytest.raises(NotFound, match="no job 'nothing'"):
        workspace.run("nothing")


def test_the_page_of_the_runs_is_the_workspaces_own(stage: Stage, tmp_path: Path) -> None:
    addresses: list[str] = []
    stage.workspace(tmp_path).show_runs("127.0.0.1", 0, addresses.append)
    assert addresses == [f"https://ml.azure.test/experiments?wsid={stage.workspace_id}"]
