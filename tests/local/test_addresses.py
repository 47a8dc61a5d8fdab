"""What a training job made, registered by every address of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from runner.errors import EnvironmentRefused, NotFound, RunnerError, WrongUsage
from runner.jobs.folder import job_folder
from runner.local.addresses import find_files
from runner.local.assets import find, register
from runner.local.database import opened
from runner.local.job_records import insert_job
from runner.local.jobs import show_job
from runner.local.removal import remove_jobs
from runner.local.tracking.record import read_record
from runner.workspace import Asset, Job, JobStatus, Registration
from tests.projects import ECHO, ScratchProject, make_project

JOB = """
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
type: command
code: ./src
environment: azureml:anything@latest
command: python fit.py ${{inputs.lines}} ${{outputs.table}} ${{outputs.rest}}
inputs:
  lines: {type: uri_folder, path: azureml:lines@latest}
outputs:
  table: {type: uri_folder}
  rest: {type: uri_folder, name: leftover}
"""
FIT = """
import os, sys
import mlflow
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

def log(name, classes):
    model = LogisticRegression().fit([[0.0], [1.0]], classes)
    return mlflow.sklearn.log_model(model, name=name, pip_requirements=["scikit-learn"])

with mlflow.start_run():
    mlflow.log_metric("f1", 0.5, step=0)
    mlflow.log_metric("f1", 0.75, step=1)
    mlflow.log_metric("loss", float("nan"))
    mlflow.log_text("hello", "notes/hello.txt")
    logged = log("model", [0, 1])
    mlflow.register_model(logged.model_uri, "kept")
    MlflowClient().set_registered_model_alias("kept", "champion", 1)
    with mlflow.start_run(nested=True):
        mlflow.log_metric("f1", 0.875)
        log("best", ["no", "yes"])
_, _, table, rest = sys.argv
open(os.path.join(rest, "rest.txt"), "w").write("rest\\n")
os.mkdir(os.path.join(table, "part"))
open(os.path.join(table, "part", "a.csv"), "w").write("1\\n")
os.symlink("/etc", os.path.join(table, "out"))
"""


@dataclass(frozen=True)
class Trained:
    """A project, and a job of it that logged two models, one of them in a child run."""

    project: ScratchProject
    job: str

    @property
    def home(self) -> Path:
        return self.project.home

    @property
    def run(self) -> str:
        record = read_record(job_folder(self.home, self.job))
        assert record is not None
        return record.id

    @property
    def child(self) -> str:
        record = read_record(job_folder(self.home, self.job))
        assert record is not None
        return record.children[0]

    def output(self, path: str) -> str:
        return f"azureml://jobs/{self.job}/outputs/{path}"

    def copied(self, folder: Path) -> Trained:
        """Return a copy in another place, to be changed."""
        shutil.copytree(self.project.root, folder / "project", symlinks=True)
        return replace(self, project=ScratchProject(folder / "project"))

    def register(self, address: str, name: str, **more: Any) -> Asset:
        return register(self.home, "model", Registration(name, address, None, **more))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    project = make_project(tmp_path_factory.mktemp("addresses") / "project")
    project.write("models/echo/src/fit.py", FIT)
    project.write("models/echo/train.yml", JOB)
    return Trained(project, project.json("train", "echo")["name"])


@pytest.mark.parametrize(
    ("address", "base_name"),
    [
        ("azureml://jobs/{job}/outputs/artifacts/paths/model/", "model"),
        ("azureml://jobs/{job}/outputs/artifacts/paths/model", "model"),
        ("runs:/{run}/model", "model"),
        ("models:/kept/1", "kept"),
        ("models:/kept@champion", "kept"),
    ],
)
def test_a_logged_model_is_registered_by_every_address_and_knows_where_it_came_from(
    trained: Trained, address: str, base_name: str
) -> None:
    text = address.format(job=trained.job, run=trained.run)
    model = trained.register(text, "every")
    assert (model.version, model.type, model.job) == ("1", "mlflow_model", trained.job)
    assert Path(model.path, "MLmodel").is_file()
    assert find_files(trained.home, text).base_name == base_name
    origin = model.origin
    assert origin is not None
    assert (origin.run, origin.data, origin.metrics["f1"]) == (
        trained.run,
        {"lines": "azureml:lines:1"},
        0.75,
    )
    assert find(trained.home, "model", "every").reference == model.reference


def test_a_model_of_a_child_run_has_the_figures_of_that_run(trained: Trained) -> None:
    addresses = (f"runs:/{trained.child}/best", trained.output("artifacts/paths/best"))
    for number, address in enumerate(addresses):
        model = trained.register(address, f"best-{number}")
        assert model.origin is not None
        assert (model.job, model.origin.run) == (trained.job, trained.child)
        assert model.origin.metrics == {"f1": 0.875}
        assert model.origin.data == {"lines": "azureml:lines:1"}


def test_the_first_job_that_made_a_content_stays_its_origin(trained: Trained) -> None:
    model = trained.register(trained.output("artifacts/paths/model"), "first")
    with opened(trained.home) as connection:
        insert_job(connection, Job("other", "command", JobStatus.COMPLETED, "2025-01-01"))
    again = Registration("first", Path(model.path), "mlflow_model", job="other")
    assert register(trained.home, "model", again) == model


def test_a_version_that_came_from_no_job_takes_the_first_that_made_the_same(
    trained: Trained,
) -> None:
    found = find_files(trained.home, trained.output("artifacts/paths/model"))
    by_hand = register(trained.home, "model", Registration("late", found.path, "mlflow_model"))
    assert (by_hand.job, by_hand.origin) == (None, None)
    model = trained.register(trained.output("artifacts/paths/model"), "late")
    assert (model.version, model.job) == (by_hand.version, trained.job)
    assert model.origin is not None


def test_an_output_and_what_is_in_it_can_be_registered_as_data(trained: Trained) -> None:
    wanted = Registration("part", trained.output("table/paths/part/a.csv"), None)
    data = register(trained.home, "data", wanted)
    assert (data.type, data.base_name, data.job) == ("uri_file", "a.csv", trained.job)
    assert Path(data.path).read_text() == "1\n"


def test_an_output_that_its_job_registers_knows_where_it_came_from(trained: Trained) -> None:
    data = find(trained.home, "data", "leftover")
    assert data.job == trained.job
    assert data.origin is not None
    assert (data.origin.run, data.origin.metrics["f1"]) == (trained.run, 0.75)


@pytest.mark.parametrize(
    ("address", "error", "says"),
    [
        ("azureml://jobs/nobody/outputs/model", NotFound, "no job 'nobody'"),
        ("azureml://jobs/{job}/outputs/tabel", NotFound, "did you mean 'table'?"),
        ("azureml://jobs/{job}/outputs/..", NotFound, "has no output '..'"),
        ("azureml://jobs/{job}/outputs/table/paths/prt", NotFound, "did you mean 'part'?"),
        ("azureml://jobs/{job}/outputs/table/paths/part/b.csv", NotFound, "did you mean 'a.csv'?"),
        ("azureml://jobs/{job}/outputs/table/paths/out/passwd", WrongUsage, "by a link"),
        ("azureml://jobs/{job}/outputs/table/paths/../../plan", WrongUsage, "leads out of"),
        ("azureml://jobs/{job}/outputs/artifacts/paths/modle", NotFound, "did you mean 'model'?"),
        ("azureml://jobs/{job}/outputs/artifacts/paths/notes", WrongUsage, "not an MLflow model"),
        ("runs:/{run}/modle", NotFound, "runs:/{run}/modle"),
        ("runs:/0a1b/model", NotFound, "runs:/0a1b/model"),
        ("models:/kepd/1", NotFound, "did you mean 'kept'?"),
        ("models:/kept/7", NotFound, "models:/kept/7"),
        ("models:/kept@loser", NotFound, "no alias 'loser'"),
        ("models:/m-0a1b", NotFound, "models:/m-0a1b"),
        ("models:/kept", WrongUsage, "allowed: azureml://jobs/"),
        ("azureml://registries/hub/models/m/versions/1", EnvironmentRefused, "--env"),
        ("azureml://datastores/team/paths/model", EnvironmentRefused, "--env"),
        ("https://example.test/a b", EnvironmentRefused, "`curl -fLO 'https://example.test/a b'`"),
        ("dbfs:/models/m", EnvironmentRefused, "fetch it and give the copy with --path"),
    ],
)
def test_an_address_that_leads_nowhere_here_is_one_line_with_a_way_out(
    trained: Trained, address: str, error: type[RunnerError], says: str
) -> None:
    names = {"job": trained.job, "run": trained.run}
    wanted = Registration("wrong", address.format(**names), "mlflow_model")
    with pytest.raises(error) as caught:
        register(trained.home, "model", wanted)
    assert type(caught.value) is error
    assert says.format(**names) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(NotFound):
        find(trained.home, "model", "wrong")


@pytest.mark.parametrize("in_place", [True, False])
def test_a_deployment_scores_with_a_model_that_is_declared_by_its_address(
    trained: Trained, tmp_path: Path, in_place: bool
) -> None:
    copy = trained.copied(tmp_path)
    address = f"runs:/{trained.run}/notes"
    copy.project.write("models/echo/model.yml", f"name: noted\npath: {address}\n")
    copy.project.deployment()
    deployment = copy.project.root / "models" / "echo" / "batch-deployment.yml"
    model = f"{{path: {address}}}" if in_place else "azureml:noted@latest"
    text = deployment.read_text().replace("azureml:greeting@latest", model)
    deployment.write_text(text)
    copy.project.script(ECHO.replace('"greeting", "greeting.txt"', '"notes", "hello.txt"'))
    done = copy.project.json("score")
    assert Path(done["output"]).read_text().startswith("hello,f000.txt,line 0 of 0\n")
    registered = find(copy.home, "model", "echo-main" if in_place else "noted")
    assert (registered.job, registered.base_name) == (trained.job, "notes")
    assert copy.project.run("score").stderr.count("changed since") == 0


def test_the_command_registers_what_a_job_logged_and_shows_where_it_came_from(
    trained: Trained, tmp_path: Path
) -> None:
    copy = trained.copied(tmp_path)
    register = ("models", "register", "--name", "m", "--from-job", trained.job)
    several = copy.project.run(*register)
    assert several.returncode == 2
    assert "logged several models" in several.stderr
    assert "--artifact" in several.stderr
    asset = copy.project.json(*register, "--artifact", "model")
    assert (asset["name"], asset["version"], asset["type"]) == ("m", "1", "mlflow_model")
    assert asset["origin"]["metrics"] == {"f1": 0.75, "loss": "NaN"}
    shown = [line.split() for line in copy.project.run("models", "show", "m").stdout.splitlines()]
    assert ["job", trained.job] in shown
    assert ["run", trained.run] in shown
    assert ["data", "lines", "azureml:lines:1"] in shown
    assert ["metrics", "f1", "0.75"] in shown
    assert copy.project.run("models", "register", *register[2:], "--artifact", "..").returncode == 2


def test_a_job_without_a_model_names_the_ways_to_register_what_it_made(
    trained: Trained,
) -> None:
    trained.project.json("score")
    job = trained.project.json("jobs", "show")["name"]
    refused = trained.project.run("models", "register", "--name", "m", "--from-job", job)
    assert refused.returncode == NotFound.exit_status
    assert refused.stderr == (
        f"error: job {job!r} is a batch job, which tracks nothing: name a training job\n"
    )


def test_the_files_of_a_job_that_runs_are_not_whole_yet(trained: Trained) -> None:
    with opened(trained.home) as connection:
        running = Job("running", "command", JobStatus.QUEUED, "2999-01-01T00:00:00+00:00")
        insert_job(connection, running)
    with pytest.raises(EnvironmentRefused, match=r"is Queued.*`runner jobs stream running` waits"):
        trained.register("azureml://jobs/running/outputs/model", "wrong")


def test_a_model_outlives_its_job_and_the_tracking_store_and_still_tells_all_of_it(
    trained: Trained, tmp_path: Path
) -> None:
    copy = trained.copied(tmp_path)
    model = copy.register(copy.output("artifacts/paths/model"), "outliving")
    address = f"runs:/{copy.run}/model"
    shutil.rmtree(copy.home / "tracking")
    remove_jobs(copy.home, [show_job(copy.home, copy.job)], pretend=False)
    assert find(copy.home, "model", "outliving") == model
    with pytest.raises(NotFound):
        copy.register(address, "outliving")
