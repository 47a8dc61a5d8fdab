"""Four training jobs that begin at once in a new workspace, and what is known of them after."""

from __future__ import annotations

import json
import math
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient

from runner.errors import NotFound, WrongUsage
from runner.jobs.addresses import parse_job_address
from runner.jobs.folder import job_folder
from runner.local.tracking.artifacts import find_artifact, model_address
from runner.local.tracking.record import origin_of, read_record
from runner.local.tracking.store import artifact_root, store_address
from runner.workspace import Run
from tests.local.tracking.scripts import add_jobs
from tests.projects import ScratchProject, make_project

KINDS = ("whole", "failing", "elsewhere", "late")


@dataclass(frozen=True)
class Trained:
    project: ScratchProject
    names: dict[str, str]  # of the jobs, by what declares them
    ends: dict[str, subprocess.CompletedProcess[str]]

    @property
    def home(self) -> Path:
        return self.project.home

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=store_address(self.home))

    def run(self, kind: str) -> Run:
        run = read_record(job_folder(self.home, self.names[kind]))
        assert run is not None
        return run

    def log(self, kind: str) -> str:
        return self.project.run("jobs", "stream", self.names[kind]).stdout

    def artifact(self, path: str) -> Path:
        text = f"azureml://jobs/{self.names['whole']}/outputs/artifacts/paths/{path}"
        return find_artifact(self.home, parse_job_address(text))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    project = make_project(tmp_path_factory.mktemp("tracked") / "project")
    add_jobs(project)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.test"]
    subprocess.run([*git, "init", "-q", "-b", "main"], cwd=project.root, check=True)
    subprocess.run([*git, "add", "."], cwd=project.root, check=True)
    subprocess.run([*git, "commit", "-qm", "a"], cwd=project.root, check=True)
    address = "https://me:secret@example.test/a.git"
    subprocess.run([*git, "remote", "add", "origin", address], cwd=project.root, check=True)
    shell = {
        "AZUREML_RUN_ID": "azure",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "MLFLOW_REGISTRY_URI": "databricks-uc",
    }
    begun = [
        project.run("train", "echo", kind, "--no-wait", "-o", "json", env=shell) for kind in KINDS
    ]
    names = {kind: json.loads(done.stdout)["name"] for kind, done in zip(KINDS, begun, strict=True)}
    ends = {kind: project.run("jobs", "stream", name) for kind, name in names.items()}
    return Trained(project, names, ends)


def test_the_run_holds_what_the_declaration_and_the_script_say(trained: Trained) -> None:
    run = trained.run("whole")
    assert (run.status, run.name, run.experiment) == (
        "FINISHED",
        "renamed by the script",
        "greetings",
    )
    # The value that the job was given gives way to the one that the script logged.
    assert run.parameters == {"C": "0.5", "word": "fine"}
    assert run.tags == {
        "team": "blue",
        "a_b": "odd",
        "cost": "low",
        "stage": "trial",
        "azureml.git.dirty": "False",
    }
    assert run.artifacts == ("notes/hello.txt", "notes/out.txt")
    assert [(model.name, model.flavors) for model in run.models] == [
        ("first", ("python_function", "sklearn")),
        ("second", ("python_function", "sklearn")),
    ]


def test_the_run_names_its_data_by_version_or_by_content(trained: Trained) -> None:
    inputs = trained.run("whole").inputs
    assert inputs["lines"] == "azureml:lines:1"
    first = trained.project.root / "data" / "lines" / "f000.txt"
    assert re.fullmatch(rf"{re.escape(str(first))} \(sha256 [0-9a-f]{{12}}\)", inputs["first"])
    assert inputs["outside"].endswith("data/outside")  # a link leads out of it
    assert inputs["grid"].startswith("grid (")


def test_the_run_names_its_commit_and_keeps_no_password(trained: Trained) -> None:
    run = trained.run("whole")
    tags = trained.client.get_run(run.id).data.tags
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=trained.project.root, capture_output=True, check=True
    )
    assert run.commit == head.stdout.decode().strip()
    assert tags["mlflow.source.git.branch"] == "main"
    assert tags["mlflow.source.git.repoURL"] == "https://example.test/a.git"
    assert tags["mlflow.note.content"] == "With everything"


def as_it_was(value: float) -> str:
    """Return a number as the script logged it: MLflow returns the largest double for infinity."""
    return repr(math.copysign(math.inf, value) if abs(value) > 1e308 else value)


def test_metrics_are_those_that_mlflow_has(trained: Trained) -> None:
    run = trained.run("whole")
    data = trained.client.get_run(run.id).data
    assert run.metrics.keys() == data.metrics.keys()
    for name, metric in run.metrics.items():
        assert repr(metric.value) == as_it_was(data.metrics[name])
        history = trained.client.get_metric_history(run.id, name)
        assert metric.count == len(history)
        known = {(point.step, as_it_was(point.value), point.timestamp) for point in history}
        assert {(point.step, repr(point.value), point.time) for point in metric.curve} <= known
    assert math.isnan(run.metrics["loss"].value)
    assert [point.step for point in run.metrics["loss"].curve] == [0, 1, 2]
    assert (run.metrics["limit"].value, run.metrics["depth"].value) == (math.inf, -math.inf)


def test_a_long_curve_is_thinned_and_keeps_its_last_point(trained: Trained) -> None:
    many = trained.run("whole").metrics["many"]
    assert many.count == 20_000
    assert 500 < len(many.curve) <= 1_000
    assert (many.curve[0].step, many.curve[-1].step) == (0, 19_999)


def test_every_run_that_a_script_made_is_found_and_ended(trained: Trained) -> None:
    client = trained.client
    whole, failing = trained.run("whole"), trained.run("failing")
    children = [client.get_run(run) for run in whole.children]
    assert {"child", "left open"} < {child.info.run_name for child in children}
    assert "late" in {key for child in children for key in child.data.metrics}
    assert {child.info.status for child in children} == {"FINISHED"}
    assert [client.get_run(run).info.status for run in failing.children] == ["FAILED"]


def test_a_command_that_exits_with_3_fails_its_run(trained: Trained) -> None:
    assert "exited with status 3" in trained.ends["failing"].stderr
    run = trained.run("failing")
    assert (run.status, run.tags["began"]) == ("FAILED", "yes")
    assert trained.client.get_run(run.id).info.status == "FAILED"


def test_a_command_that_outlives_its_limit_is_killed_and_so_is_its_run(trained: Trained) -> None:
    assert "took longer than 1 s (limits.timeout)" in trained.ends["late"].stderr
    assert trained.run("late").status == "KILLED"


def test_what_was_logged_is_downloaded_with_the_job(trained: Trained, tmp_path: Path) -> None:
    target = tmp_path / "here"
    words = ("jobs", "download", trained.names["whole"], "--output-path", str(target))
    assert trained.project.run(*words).returncode == 0
    assert (target / "artifacts" / "notes" / "hello.txt").read_text() == "hello"
    assert (target / "artifacts" / "second" / "MLmodel").is_file()
    assert (target / "artifacts" / "run.json").is_file()


def test_a_job_without_names_goes_by_its_own_in_the_current_folders_experiment(
    trained: Trained,
) -> None:
    run = trained.run("failing")
    assert (run.name, run.experiment) == (trained.names["failing"], "project")


def test_a_script_that_tracks_elsewhere_is_told_of(trained: Trained) -> None:
    assert "nothing was tracked to the job's run: elsewhere.py, line 4," in trained.log("elsewhere")


def test_the_command_finds_its_run_and_no_sign_of_azure(trained: Trained) -> None:
    printed = (
        job_folder(trained.home, trained.names["whole"]) / "logs" / "command.txt"
    ).read_text()
    variables = json.loads(printed.splitlines()[0])
    run = trained.run("whole")
    assert variables["MLFLOW_RUN_ID"] == run.id
    assert variables["MLFLOW_EXPERIMENT_NAME"] == "greetings"
    assert variables["MLFLOW_TRACKING_URI"] == store_address(trained.home)
    assert {"MLFLOW_EXPERIMENT_ID", "MLFLOW_TRACKING_TOKEN"} <= variables.keys()
    assert not any(name.startswith("AZUREML") for name in variables)
    assert "MLFLOW_REGISTRY_URI" not in variables


def test_an_experiment_of_another_name_is_refused_as_on_azure(trained: Trained) -> None:
    assert "refused: Cannot start run with ID" in trained.log("whole")


def test_nothing_is_written_into_the_project(trained: Trained) -> None:
    status = subprocess.run(
        ["git", "status", "--porcelain", "--ignored"],
        cwd=trained.project.root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert status.stdout.split() == ["??", ".runner/"]
    code = job_folder(trained.home, trained.names["whole"]) / "code"
    assert not (code / "secret.txt").exists()  # as .amlignore has it
    assert (code / "written-beside-the-code.txt").exists()


def test_a_logged_model_is_found_by_every_address(trained: Trained) -> None:
    run = trained.run("whole")
    second = trained.artifact("second")
    assert (second / "MLmodel").is_file()
    assert second.is_relative_to(artifact_root(trained.home))
    for text in (
        f"runs:/{run.id}/second",
        f"models:/{run.models[1].id}",
        "models:/kept-by-mlflow/1",
        "models:/kept-by-mlflow@champion",
        "models:/kept-by-mlflow/latest",
    ):
        assert find_artifact(trained.home, parse_job_address(text)) == second


def test_an_artifact_is_found_by_its_path(trained: Trained) -> None:
    assert trained.artifact("notes/hello.txt").read_text() == "hello"
    assert trained.artifact("first/MLmodel").is_file()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("frist", "did you mean 'first'?"),
        ("notes/nothing.txt", "there is no such artifact"),
    ],
)
def test_a_path_that_is_no_artifact_is_not_found(trained: Trained, path: str, says: str) -> None:
    with pytest.raises(NotFound) as refused:
        trained.artifact(path)
    assert says in str(refused.value)


def test_an_artifact_that_is_a_link_out_of_the_run_is_refused(trained: Trained) -> None:
    with pytest.raises(WrongUsage, match="leads out"):
        trained.artifact("notes/out.txt")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("models:/kept-by-mlflow/7", "has no such model"),
        ("models:/kept-by-mlflow@loser", "has no alias 'loser'"),
        ("models:/kept-by/latest", "did you mean 'kept-by-mlflow'?"),
        ("models:/m-0123456789abcdef", "no files of such a model"),
        ("runs:/0123/model", "has no run '0123'"),
        ("azureml://jobs/none/outputs/artifacts/paths/model", "no job 'none'"),
    ],
)
def test_what_no_job_made_is_not_found(trained: Trained, address: str, says: str) -> None:
    with pytest.raises(NotFound) as refused:
        find_artifact(trained.home, parse_job_address(address))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_of_several_logged_models_has_to_be_named(trained: Trained) -> None:
    with pytest.raises(WrongUsage, match="first, second with --artifact"):
        model_address(trained.home, trained.names["whole"])


def test_a_run_without_a_model_says_how_one_is_logged(trained: Trained) -> None:
    with pytest.raises(NotFound, match="log_model"):
        model_address(trained.home, trained.names["failing"])


def test_a_models_origin_is_its_run_data_commit_and_metrics(trained: Trained) -> None:
    origin, run = origin_of(trained.home, trained.names["whole"]), trained.run("whole")
    assert origin is not None
    assert (origin.run, origin.commit) == (run.id, run.commit)
    assert origin.data["lines"] == "azureml:lines:1"
    assert origin.metrics["many"] == 19_999.0
