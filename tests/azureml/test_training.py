"""`runner train --env dev`: one command job, submitted once, and what it wrote registered."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from runner.azureml import submission
from runner.azureml.workspace import AzureWorkspace
from runner.errors import EnvironmentRefused, Interrupted, NotFound, RunnerError, WrongUsage
from runner.workspace import LogLine, TrainingRequest
from tests.azureml.scored import Run
from tests.azureml.stage import Stage, change_before_sending, make_workspace, put
from tests.emulator import Emulator
from tests.emulator.faults import Answer, Drop, Fault, forbidden, server_error, throttled
from tests.emulator.state import Resource
from tests.projects import ScratchProject, make_project

SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\n"
FIT = (
    "import os, sys\n"
    "lines, word, model = sys.argv[1:]\n"
    "print('fitting', word)\n"
    "open(os.path.join(model, 'greeting.txt'), 'w').write(f'{word} {len(os.listdir(lines))}')\n"
)
COMMAND = "python fit.py ${{inputs.lines}} ${{inputs.word}} ${{outputs.model}}"
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"
TRAIN = (
    f"type: command\ncode: ./train\ncommand: {COMMAND}\n"
    "inputs:\n"
    "  lines: {type: uri_folder, path: ../../data/lines}\n"
    "  word: fine\n"
    "outputs:\n  model: {type: custom_model}\n"
    f"environment:\n  image: {IMAGE}\n  conda_file: ./conda.yml\n"
    "compute: azureml:cpu-cluster\n"
)


@dataclass(frozen=True)
class Trained:
    """A project with a training job, and the workspace that it trains in."""

    stage: Stage
    project: ScratchProject

    def declare(self, *changes: tuple[str, str], more: str = "") -> Path:
        text = TRAIN
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        return self.project.write("models/echo/train.yml", SCHEMA + text + more)

    def workspace(self) -> AzureWorkspace:
        return self.stage.workspace(self.project.root)

    def train(self, **inputs: str) -> str:
        """Begin a job, wait for its end and return its name."""
        workspace = self.workspace()
        job = workspace.train(TrainingRequest("echo", inputs=inputs))
        list(workspace.follow(job.name))
        return job.name

    def refused(self, model: str = "echo", **inputs: str) -> RunnerError:
        """Return the error of a call that makes no job."""
        before = self.jobs()
        with pytest.raises(RunnerError) as refused:
            self.workspace().train(TrainingRequest(model, inputs=inputs))
        assert self.jobs() == before
        assert "\n" not in str(refused.value)
        return refused.value

    def jobs(self) -> set[str]:
        found = self.stage.emulator.cloud.state.children(self.stage.workspace_id)
        return {job.body["name"] for job in found if job.properties.get("jobType") == "Command"}

    def job(self, name: str) -> Resource:
        found = self.stage.emulator.cloud.state.get(f"{self.stage.workspace_id}/jobs/{name}")
        assert found is not None
        return found

    def writes(self) -> list[str]:
        """Return the paths put into the workspace since the log of requests was cleared."""
        return [
            request.path.rpartition("/workspaces/scoring/")[2]
            for request in self.stage.emulator.requests
            if request.method == "PUT" and "/workspaces/scoring/" in request.path
        ]


@pytest.fixture(scope="session")
def training_group(scoring_cloud: Emulator) -> str:
    """Make a workspace for these tests, whose jobs would be listed in others."""
    return make_workspace(scoring_cloud)


@pytest.fixture
def trained(
    stored: Stage, training_group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Trained]:
    stage = replace(stored, group=training_group)
    project = make_project(tmp_path / "project")
    project.write("models/echo/train/fit.py", FIT)
    project.write("models/echo/conda.yml", "dependencies: [python=3.11]\n")
    trained = Trained(stage, project)
    trained.declare()
    monkeypatch.setattr(submission, "_FIRST_PAUSE", 0.02)
    monkeypatch.setenv("RUNNER_OUTPUTS", str(stage.write(tmp_path)))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(project.root)
    yield trained
    stage.emulator.operations.reset()


@pytest.fixture
def not_run(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """Return the same, whose jobs are kept but not run."""
    monkeypatch.setattr(trained.stage.emulator.cloud, "jobs", None)
    return trained


def test_a_job_is_followed_and_what_it_wrote_is_registered(trained: Trained, run: Run) -> None:
    done = run("train", "echo", "-o", "json")
    job = done.json()
    assert (job["type"], job["status"]) == ("command", "Completed")
    assert job["name"].startswith("echo-train-")
    assert job["started_at"] < job["ended_at"]
    assert "fitting fine\n" in done.err
    registered = run(
        "models", "register", "--from-job", job["name"], "--name", "greeting", "-o", "json"
    ).json()
    assert (registered["job"], registered["type"]) == (job["name"], "custom_model")
    fetched = trained.workspace().download_asset("model", "greeting", trained.project.root / "got")
    assert (fetched / "greeting.txt").read_text() == "fine 2"
    assert trained.stage.sdk().models.get("greeting", registered["version"]).job_name == job["name"]


def test_an_input_given_on_the_command_line_replaces_the_declared_one(trained: Trained) -> None:
    trained.project.write("other/only.txt", "one")
    name = trained.train(lines=str(trained.project.root / "other"), word="good")
    output = trained.workspace().download_job(name, trained.project.root / "got")
    assert (output / "named-outputs/model/greeting.txt").read_text() == "good 1"


def test_the_sdk_reads_the_job_as_it_is_declared(trained: Trained) -> None:
    from azure.ai.ml import load_job

    declared: Any = load_job(trained.declare(more="limits: {timeout: 50}\ntags: {team: risk}\n"))
    name = trained.train()
    client = trained.stage.sdk()
    found: Any = client.jobs.get(name)._to_job()
    assert (found.type, found.command) == ("command", declared.command)
    assert (found.compute, found.limits, found.tags) == (
        "cpu-cluster",
        declared.limits,
        {"team": "risk"},
    )
    assert found.outputs["model"].type == "custom_model"
    assert (found.inputs["word"], found.inputs["lines"].type) == ("fine", "uri_folder")
    sent = client.data.get(*found.inputs["lines"].path.split(":"))
    assert sent.type == "uri_folder"
    environment = client.environments.get(*found.environment.split(":"))
    assert (environment.image, environment.conda_file) == (
        IMAGE,
        {"dependencies": ["python=3.11"]},
    )
    assert "/codes/echo-train/versions/" in found.code


def test_every_key_of_a_job_is_sent(not_run: Trained) -> None:
    not_run.declare(
        ("model: {type: custom_model}", "model: {type: custom_model, mode: upload}"),
        ("{type: uri_folder,", "{type: uri_folder, mode: download, datastore: azureml:mine,"),
        more=(
            "name: mine\ndisplay_name: Mine\nexperiment_name: greetings\ndescription: a job\n"
            "tags: {team: risk}\nproperties: {ticket: '7'}\n"
            "environment_variables: {WORD: fine}\n"
            "resources: {instance_count: 2, instance_type: Standard_D2, shm_size: 4g,"
            " docker_args: --ipc=host}\n"
            "limits: {timeout: 50}\n"
            "distribution: {type: pytorch, process_count_per_instance: 2}\n"
            "identity: {type: user_identity}\n"
            "queue_settings: {job_tier: standard}\n"
            "services: {ui: {type: jupyter_lab}}\n"
        ),
    )
    stage = not_run.stage
    default = stage.emulator.arm("GET", f"{stage.workspace_id}/datastores/workspaceblobstore")[1]
    kept = ("accountName", "containerName", "datastoreType")
    properties = {key: default["properties"][key] for key in kept}
    properties["credentials"] = {"credentialsType": "None"}
    put(stage.emulator, f"{stage.workspace_id}/datastores/mine", {"properties": properties})
    job = not_run.workspace().train(TrainingRequest("echo"))
    assert job.name.startswith("mine-")
    sent = not_run.job(job.name).properties
    assert "/datastores/mine/paths/LocalUpload/" in sent["inputs"]["lines"]["uri"]
    assert sent["inputs"]["lines"]["mode"] == "Download"
    assert sent["inputs"]["word"] == {"jobInputType": "literal", "value": "fine"}
    assert sent["outputs"] == {"model": {"jobOutputType": "custom_model", "mode": "Upload"}}
    assert sent["properties"]["ticket"] == "7"
    said = {
        "displayName": "Mine",
        "experimentName": "greetings",
        "description": "a job",
        "tags": {"team": "risk"},
        "environmentVariables": {"WORD": "fine"},
        "resources": {
            "instanceCount": 2,
            "instanceType": "Standard_D2",
            "shmSize": "4g",
            "dockerArgs": "--ipc=host",
            "properties": {},
        },
        "limits": {"jobLimitsType": "Command", "timeout": "PT50S"},
        "distribution": {"distributionType": "PyTorch", "processCountPerInstance": 2},
        "identity": {"identityType": "UserIdentity"},
        "queueSettings": {"jobTier": "Standard"},
    }
    assert {key: sent[key] for key in said} == said


def test_a_part_that_changes_while_it_is_being_sent_makes_no_job(
    not_run: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_run.declare(("lines: {type: uri_folder", "lines: {type: custom_model"))
    file = not_run.project.input / "f000.txt"
    file.write_text(uuid.uuid4().hex)  # which no other test has sent
    change_before_sending(monkeypatch, file)
    error = not_run.refused()
    assert "lines changed while it was being sent: train again" in str(error)


def test_what_is_there_already_is_not_registered_again(not_run: Trained) -> None:
    requests, unique = not_run.stage.emulator.requests, uuid.uuid4().hex
    for file in ("data/lines/a.txt", "models/echo/train/a.txt"):
        not_run.project.write(file, unique)
    not_run.project.write("models/echo/conda.yml", f"name: n{unique}\n")
    requests.clear()
    first = not_run.workspace().train(TrainingRequest("echo"))
    kinds = [path.split("/")[0] for path in not_run.writes()]
    assert sorted(kinds) == ["codes", "data", "environments", "jobs"]
    requests.clear()
    second = not_run.workspace().train(TrainingRequest("echo"))
    assert not_run.writes() == [f"jobs/{second.name}"]
    assert first.name != second.name
    not_run.project.write("models/echo/conda.yml", f"name: o{unique}\n")
    requests.clear()
    third = not_run.workspace().train(TrainingRequest("echo"))
    assert [path.split("/")[0] for path in not_run.writes()] == ["environments", "jobs"]
    first, two, other = (
        not_run.job(job.name).properties["environmentId"] for job in (first, second, third)
    )
    assert first == two != other


@pytest.mark.parametrize(
    "faults",
    [
        [Drop("before")],
        [Drop("middle")],
        [Drop("after")],
        [throttled()],
        [server_error(), Drop("after")],
    ],
    ids=str,
)
def test_a_lost_answer_leaves_one_job(not_run: Trained, faults: list[Fault]) -> None:
    before = not_run.jobs()
    for fault in faults:
        not_run.stage.emulator.faults.inject(fault, method="PUT", path="*/jobs/*")
    job = not_run.workspace().train(TrainingRequest("echo"))
    not_run.stage.emulator.settle()
    assert not_run.jobs() - before == {job.name}
    assert len(not_run.stage.emulator.faults.injected) == len(faults)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (forbidden(), "needs a role"),
        (Answer(400, "UserError", "The request is odd."), "The request is odd."),
        (Drop("before"), "no job was found"),
    ],
    ids=str,
)
def test_what_azure_refuses_for_good_makes_no_job(
    not_run: Trained, fault: Fault, said: str
) -> None:
    not_run.stage.emulator.faults.inject(fault, method="PUT", path="*/jobs/*", times=None)
    refused = not_run.refused()
    assert isinstance(refused, EnvironmentRefused)
    assert said in str(refused)


def test_who_interrupts_the_request_leaves_no_job_running(
    not_run: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = not_run.jobs()
    not_run.stage.emulator.faults.inject(Drop("after"), method="PUT", path="*/jobs/*")

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(time, "sleep", interrupt)
        with pytest.raises(Interrupted, match="was canceled"):
            not_run.workspace().train(TrainingRequest("echo"))
    (name,) = not_run.jobs() - before
    assert not_run.job(name).properties["status"] == "Canceled"


def test_ctrl_c_cancels_the_job(trained: Trained) -> None:
    trained.declare((COMMAND, "echo fitting; sleep 600"))
    project = trained.project
    outputs = trained.stage.write(project.root)
    with subprocess.Popen(
        project.command("train", "echo", "--env", "dev"),
        cwd=project.root,
        env=project.environment(RUNNER_OUTPUTS=str(outputs), RUNNER_POLL_INTERVAL="0.05"),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        clock = threading.Timer(60, process.kill)
        clock.start()
        try:
            told = iter(process.stderr)
            name = next(line for line in told if line.startswith("job ")).split()[1]
            process.send_signal(signal.SIGINT)
            last = [*told][-1]
            assert process.wait(timeout=60) == 130
        finally:
            clock.cancel()
    assert f"interrupted: job {name} was canceled" in last
    assert trained.job(name).properties["status"] == "Canceled"


def test_a_job_that_fails_tells_its_error_and_its_last_lines(trained: Trained, run: Run) -> None:
    trained.declare((COMMAND, "python -c 'raise SystemExit(\"no such column\")'"))
    done = run("train", "echo")
    assert (done.status, done.out) == (1, "")
    last = done.err.splitlines()[-1]
    assert "failed: Execution failed" in last
    assert "status code 1" in last
    assert "no such column" in last
    name = last.partition("job ")[2].split()[0]
    refused = run("models", "register", "--from-job", name, "--name", "greeting")
    assert refused.status == 3
    assert f"job {name!r} is Failed: only a completed one has results" in refused.err


def test_a_training_job_is_among_the_jobs(trained: Trained, run: Run) -> None:
    name = trained.train()
    listed = {job["name"]: job["type"] for job in run("jobs", "list", "-o", "json").json()}
    assert listed[name] == "command"
    assert "fitting fine" in run("jobs", "stream", name).out
    refused = run("jobs", "resume", name)
    assert (refused.status, "runner train MODEL" in refused.err) == (3, True)
    run("jobs", "download", name, "--download-path", "fetched")
    assert Path("fetched/named-outputs/model/greeting.txt").read_text() == "fine 2"
    assert Path("fetched/artifacts/user_logs/std_log.txt").read_text() == "fitting fine\n"


def test_where_the_logs_lie_is_no_output(trained: Trained) -> None:
    output = {"jobOutputType": "uri_folder", "uri": "azureml://datastores/a/paths/b/"}
    for outputs, told in (
        ({}, None),
        ({"default": output}, None),
        ({"default": output, "model": output}, output["uri"]),
    ):
        name = trained.stage.job("any", "Running", jobType="Command", tags={}, outputs=outputs)
        assert trained.workspace().job(name).output == told


@pytest.mark.parametrize(
    ("changes", "more", "error", "said"),
    [
        (("cpu-cluster", "cpu-clutser"), "", NotFound, "no compute 'cpu-clutser'; did you mean"),
        (("azureml:cpu-cluster", "local"), "", WrongUsage, "compute: found 'local'"),
        (("data/lines", "data/nothing"), "", NotFound, "input lines: no file or folder"),
        (("uri_folder", "uri_file"), "", WrongUsage, "is a folder, not a uri_file"),
        (("./conda.yml", "./none.yml"), "", WrongUsage, "none.yml"),
        (("./train\n", "./none\n"), "", WrongUsage, "train.yml:3: code: Can't find"),
        (("./train\n", "https://git.test/a\n"), "", WrongUsage, "code: found 'https://git.test/a'"),
        (("../../data/lines", "azureml:lnes:1"), "", NotFound, "lnes"),
        (
            ("../../data/lines", "s3://a.test/b"),
            "",
            WrongUsage,
            "is no input Azure reads",
        ),
        (
            ("custom_model}", "custom_model, path: ./here}"),
            "",
            WrongUsage,
            "outputs.model: found './here'",
        ),
        (("path: ../../", "datastore: a, path: ../../"), "", NotFound, "no datastore 'a'"),
        ((), "distribution: {type: mpi, port: 1}\n", WrongUsage, "distribution.port"),
    ],
)
def test_a_job_that_can_not_be_sent_is_refused_in_one_line(
    not_run: Trained,
    changes: tuple[str, str] | tuple[()],
    more: str,
    error: type[RunnerError],
    said: str,
) -> None:
    not_run.declare(*([changes] if changes else []), more=more)
    refused = not_run.refused()
    assert isinstance(refused, error)
    assert said in str(refused)


@pytest.mark.parametrize(
    ("model", "inputs", "error", "said"),
    [
        ("ehco", {}, NotFound, "did you mean 'echo'?"),
        ("echo", {"wrod": "x"}, WrongUsage, "train.yml has no input 'wrod'; did you mean 'word'?"),
        (
            "echo",
            {"lines": "nowhere"},
            NotFound,
            "nowhere; name one that is here with --set lines=",
        ),
    ],
)
def test_a_wrong_call_is_refused_as_the_local_one_is(
    not_run: Trained, model: str, inputs: dict[str, str], error: type[RunnerError], said: str
) -> None:
    refused = not_run.refused(model, **inputs)
    assert isinstance(refused, error)
    assert said in str(refused)


def test_data_of_the_workspace_and_addresses_go_as_they_are(not_run: Trained) -> None:
    stage = not_run.stage
    put(
        stage.emulator,
        f"{stage.workspace_id}/data/greetings/versions/3",
        {
            "properties": {
                "dataType": "uri_folder",
                "dataUri": "azureml://datastores/workspaceblobstore/paths/greetings/",
            }
        },
    )
    workspace = not_run.workspace()
    place = "azureml://datastores/workspaceblobstore/paths/any/"
    account = stage.outputs()
    address = f"https://{_account(stage)}.blob.core.azure.test/any/where/"
    asset = f"{account.resource_id}/data/greetings/versions/3"
    for given, sent in (
        ("azureml:greetings:3", asset),
        ("azureml:greetings@latest", asset),
        (place, place),
        (address, address),
    ):
        job = workspace.train(TrainingRequest("echo", inputs={"lines": given}))
        assert not_run.job(job.name).properties["inputs"]["lines"]["uri"] == sent


def _account(stage: Stage) -> str:
    path = f"{stage.workspace_id}/datastores/workspaceblobstore"
    account: str = stage.emulator.arm("GET", path)[1]["properties"]["accountName"]
    return account


def test_a_model_is_read_by_its_id_and_one_of_this_machine_is_sent(not_run: Trained) -> None:
    stage = not_run.stage
    not_run.declare(("lines: {type: uri_folder", "lines: {type: custom_model"))
    workspace = not_run.workspace()
    job = workspace.train(TrainingRequest("echo", inputs={"lines": "azureml:diabetes:1"}))
    sent = not_run.job(job.name).properties["inputs"]["lines"]
    assert sent["uri"] == f"{stage.workspace_id}/models/diabetes/versions/1"
    job = workspace.train(TrainingRequest("echo"))
    sent = not_run.job(job.name).properties["inputs"]["lines"]
    assert sent["uri"].startswith("azureml://subscriptions/")
    assert sent["uri"].endswith("/lines")


def test_a_job_without_compute_leaves_the_choice_to_azure(not_run: Trained) -> None:
    not_run.declare(("compute: azureml:cpu-cluster\n", ""))
    job = not_run.workspace().train(TrainingRequest("echo"))
    assert "computeId" not in not_run.job(job.name).properties


def test_the_log_is_told_line_by_line(trained: Trained) -> None:
    workspace = trained.workspace()
    job = workspace.train(TrainingRequest("echo"))
    lines = [line.text for line in workspace.follow(job.name) if isinstance(line, LogLine)]
    assert lines == ["fitting fine"]
