"""Jobs of every kind that `az ml` takes, written by azure-ai-ml after our own upload."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.azure import client
from runner.azureml import submission
from runner.errors import RunnerError, WrongUsage
from runner.workspace import Job, TrainingRequest
from tests.azureml.scored import Run
from tests.azureml.stage import Stage
from tests.emulator.faults import (
    Drop,
    ExpireTokens,
    Fault,
    server_error,
    throttled,
    unavailable,
)
from tests.projects import ROOT

SCHEMAS = "https://azuremlschemas.azureedge.net/latest"
ENVIRONMENT = "environment: {image: an/image, conda_file: ./conda.yml}"
SWEPT = """
sampling_algorithm: random
search_space: {c: {type: uniform, min_value: 0.1, max_value: 0.9}}
objective: {goal: minimize, primary_metric: loss}
limits: {max_total_trials: 4, max_concurrent_trials: 2, timeout: 7200}
"""
SWEEP = f"""
type: sweep
trial:
  code: ./src
  command: python fit.py ${{{{inputs.rows}}}} ${{{{inputs.depth}}}} ${{{{search_space.c}}}}
  {ENVIRONMENT}
inputs:
  rows: {{type: uri_folder, path: ./rows}}
  depth: 3
compute: azureml:cpu-cluster
{SWEPT}"""
PIPELINE = f"""
type: pipeline
inputs:
  rows: {{type: uri_folder, path: ./rows}}
  depth: 3
settings: {{default_compute: azureml:cpu-cluster}}
jobs:
  clean:
    type: command
    component: ./parts/clean.yml
    inputs: {{rows: "${{{{parent.inputs.rows}}}}"}}
  fit:
    type: command
    code: ./src
    command: python fit.py ${{{{inputs.rows}}}} ${{{{inputs.more}}}} ${{{{inputs.depth}}}}
    {ENVIRONMENT}
    inputs:
      rows: ${{{{parent.jobs.clean.outputs.out}}}}
      more: {{type: uri_file, path: ./rows/a.csv}}
      depth: ${{{{parent.inputs.depth}}}}
  score:
    type: parallel
    mini_batch_size: "1"
    input_data: ${{{{inputs.rows}}}}
    inputs: {{rows: {{type: uri_folder, path: ./rows}}}}
    outputs: {{scores: {{type: uri_folder}}}}
    task: {{type: run_function, code: ./src, entry_script: fit.py, {ENVIRONMENT}}}
"""
CLEAN = f"""
$schema: {SCHEMAS}/commandComponent.schema.json
type: command
name: clean
inputs: {{rows: {{type: uri_folder}}}}
outputs: {{out: {{type: uri_folder}}}}
code: ./code
environment: {{build: {{path: ./docker}}}}
command: python clean.py ${{{{inputs.rows}}}} ${{{{outputs.out}}}}
"""
SPARK = """
type: spark
code: ./src
entry: {file: fit.py}
conf:
  spark.driver.cores: 1
  spark.driver.memory: 2g
  spark.executor.cores: 2
  spark.executor.memory: 2g
  spark.executor.instances: 2
inputs: {rows: {type: uri_file, path: ./rows/a.csv, mode: direct}}
args: --rows ${{inputs.rows}}
identity: {type: user_identity}
resources: {instance_type: standard_e4s_v3, runtime_version: "3.4"}
"""
AUTOML = """
type: automl
task: classification
primary_metric: accuracy
target_column_name: b
training_data: {type: mltable, path: ./table}
compute: azureml:cpu-cluster
limits: {timeout_minutes: 30, max_trials: 4}
"""
PARALLEL = """
type: parallel
compute: azureml:cpu-cluster
input_data: ${{inputs.rows}}
inputs: {rows: {type: uri_folder, path: ./rows}}
task: {type: run_function, code: ./src, entry_script: fit.py, environment: azureml:e:1}
"""


class Kinds:
    """A model folder with a job of each kind, and the workspace that they are for."""

    def __init__(self, stage: Stage, root: Path) -> None:
        self.stage = stage
        self.root = root
        self.folder = root / "models" / "m"
        for name, text in {
            "src/fit.py": "pass\n",
            "conda.yml": "dependencies: [python=3.11]\n",
            "rows/a.csv": "a,b\n1,2\n",
            "table/MLTable": "paths: [{file: ./a.csv}]\n",
            "table/a.csv": "a,b\n1,2\n",
            "parts/clean.yml": CLEAN,
            "parts/code/clean.py": "pass\n",
            "parts/docker/Dockerfile": "FROM scratch\n",
        }.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def train(self, text: str, **inputs: str) -> Job:
        file = self.write("job.yml", text)
        workspace = self.stage.workspace(self.root)
        return workspace.train(TrainingRequest(file=file, inputs=inputs))

    def sent(self, text: str, **inputs: str) -> dict[str, Any]:
        """Return a job as Azure has it, without the workspace's id."""
        return self.get("jobs", self.train(text, **inputs).name)

    def names(self) -> set[str]:
        """Return the names of the workspace's jobs."""
        found = self.stage.emulator.cloud.state.children(self.stage.workspace_id)
        return {job.body["name"] for job in found if job.properties.get("jobType")}

    def refused(self, text: str) -> str:
        with pytest.raises(RunnerError) as refused:
            self.train(text)
        assert isinstance(refused.value, WrongUsage)
        assert "\n" not in str(refused.value)
        return str(refused.value)

    def get(self, *path: str) -> dict[str, Any]:
        found = self.stage.emulator.arm("GET", "/".join((self.stage.workspace_id, *path)))[1]
        properties: dict[str, Any] = self._plain(found["properties"])
        return properties

    def _plain(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._plain(inner) for key, inner in value.items()}
        return value.replace(self.stage.workspace_id, "") if isinstance(value, str) else value


@pytest.fixture
def kinds(stored: Stage, tmp_path: Path) -> Iterator[Kinds]:
    yield Kinds(stored, tmp_path)
    stored.emulator.operations.reset()


def test_a_sweep_is_sent_with_its_trial(kinds: Kinds) -> None:
    sent = kinds.sent(SWEEP, depth="5")
    assert (sent["jobType"], sent["status"]) == ("Sweep", "Completed")
    assert sent["trial"]["codeId"].startswith("/codes/m-job/versions/")
    assert sent["trial"]["environmentId"].startswith("/environments/CliV2Anonymous")
    assert sent["inputs"]["rows"]["uri"].startswith("/data/input-")
    assert sent["inputs"]["depth"] == {"jobInputType": "literal", "value": "5"}
    assert sent["limits"]["maxTotalTrials"] == 4


def test_a_job_of_any_kind_is_followed_to_its_end(
    kinds: Kinds, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("RUNNER_OUTPUTS", str(kinds.stage.write(kinds.root)))
    monkeypatch.chdir(kinds.root)
    Path("Pulumi.yaml").touch()
    done = run("train", "--file", str(kinds.write("job.yml", PIPELINE)), "-o", "json")
    job = done.json()
    assert (done.status, job["type"], job["status"]) == (0, "pipeline", "Completed")
    shown = run("jobs", "show", job["name"], "-o", "json").json()
    assert (shown["type"], shown["status"]) == ("pipeline", "Completed")


def test_an_input_of_the_call_replaces_a_declared_path(kinds: Kinds) -> None:
    place = "azureml://datastores/workspaceblobstore/paths/any/"
    assert kinds.sent(SWEEP, rows=place)["inputs"]["rows"]["uri"] == place
    assert kinds.sent(PIPELINE, rows=place)["inputs"]["rows"]["uri"] == place


@pytest.mark.parametrize("scheme", ["wasbs://data@", "abfss://data@", "https://"])
def test_an_address_in_storage_is_sent_as_it_is(kinds: Kinds, scheme: str) -> None:
    place = f"{scheme}samples.blob.core.windows.net/iris/"
    assert kinds.sent(SWEEP, rows=place)["inputs"]["rows"]["uri"] == place


def test_a_pipeline_may_run_without_a_compute_of_the_workspace(kinds: Kinds) -> None:
    sent = kinds.sent(PIPELINE.replace("azureml:cpu-cluster", "azureml:serverless"))
    assert sent["settings"]["default_compute"].endswith("/computes/serverless")


def test_a_pipeline_is_sent_with_its_steps_and_their_components(kinds: Kinds) -> None:
    sent = kinds.sent(PIPELINE, depth="7")
    assert sent["inputs"]["depth"]["value"] == "7"
    rows = sent["inputs"]["rows"]["uri"]
    assert rows.startswith("/data/input-")
    steps = sent["jobs"]
    assert steps["fit"]["inputs"]["more"]["uri"].startswith("/data/input-")
    assert steps["score"]["inputs"]["rows"]["uri"] == rows
    specs = {
        name: kinds.get(*step["componentId"].strip("/").split("/"))["componentSpec"]
        for name, step in steps.items()
    }
    codes = {name: spec["code"] for name, spec in specs.items() if "code" in spec}
    codes["score"] = specs["score"]["task"]["code"]
    assert all(code.startswith("azureml:/codes/m-job/versions/") for code in codes.values())
    assert codes["fit"] == codes["score"] != codes["clean"]
    built = kinds.get(*specs["clean"]["environment"].removeprefix("azureml:/").split("/"))
    assert built["build"]["contextUri"].endswith("/docker/")


def test_a_spark_job_and_automl_are_sent_with_their_files(kinds: Kinds) -> None:
    spark, automl = kinds.sent(SPARK), kinds.sent(AUTOML)
    assert spark["codeId"].startswith("/codes/m-job/versions/")
    assert spark["inputs"]["rows"]["uri"].startswith("/data/input-")
    table = automl["taskDetails"]["trainingData"]
    assert table["jobInputType"] == "mltable"
    assert "/paths/LocalUpload/" in table["uri"]
    assert table["uri"].endswith("/table")


def test_the_penguins_train_on_azure_with_the_values_of_the_call(kinds: Kinds) -> None:
    for part in ("models", "data"):
        shutil.copytree(ROOT / part / "penguins", kinds.root / part / "penguins")
    workspace = kinds.stage.workspace(kinds.root)
    job = workspace.train(TrainingRequest("penguins", inputs={"maxIter": "10"}))
    sent = kinds.get("jobs", job.name)
    assert (job.type, sent["jobType"]) == ("spark", "Spark")
    assert sent["entry"]["file"] == "train.py"
    assert sent["inputs"]["penguins"]["uri"].startswith("/data/input-")
    values = {name: given.get("value") for name, given in sent["inputs"].items()}
    assert (values["maxIter"], values["regParam"]) == ("10", "0.5")
    assert sent["conf"]["spark.executor.instances"] == "1"


def test_the_same_files_are_registered_once(kinds: Kinds) -> None:
    kinds.train(PIPELINE)
    requests = kinds.stage.emulator.requests
    requests.clear()
    kinds.train(PIPELINE)
    written = {request.path.split("/")[9] for request in requests if request.method == "PUT"}
    assert written == {"components", "jobs"}


@pytest.mark.parametrize("seed", range(4))
def test_one_invocation_is_one_job_in_any_weather(
    kinds: Kinds, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - weather, no secret
    monkeypatch.setattr(submission, "_FIRST_PAUSE", 0.01)
    monkeypatch.setitem(client.RETRIES, "retry_backoff_factor", 0.01)
    weather: list[Fault] = [
        Drop("before"),
        Drop("middle"),
        Drop("after"),
        throttled(),
        server_error(),
        unavailable(),
        ExpireTokens(),
    ]
    faults = kinds.stage.emulator.faults
    paths = ("*/jobs/*", "*/components/*", "*/environments/*", "*/codes/*", "*/data/*")
    for path in chance.sample(paths, 3):
        fault = chance.choice(weather)
        # Who is sent away twice in a row really has to sign in.
        often = 1 if isinstance(fault, ExpireTokens) else chance.choice((1, 2))
        faults.inject(fault, path=path, times=often)
    kinds.write("src/fit.py", f"seed = {seed}\n")
    before = kinds.names()
    job = kinds.train(PIPELINE if seed % 2 else SWEEP)
    kinds.stage.emulator.settle()
    assert kinds.names() - before == {job.name}
    assert len(faults.injected) >= 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PARALLEL, "job.yml:2: type: found a parallel job, Azure takes none by itself: make it a"),
        (SWEEP.replace("goal: minimize", "goal: lessen"), "objective.goal"),
        (SWEEP + "colour: red\n", "job.yml:16: colour: Unknown field"),
        (SWEEP.replace("./rows}", "./rows, colour: red}"), "job.yml:8: inputs.rows.colour"),
        (PIPELINE.replace("./parts/clean.yml", "./parts/none.yml"), "none.yml"),
        (
            PIPELINE + f"  learn:\n    {AUTOML.strip().replace(chr(10), chr(10) + '    ')}\n",
            "jobs.learn.training_data: a step is given its data as ${{parent.inputs.NAME}}",
        ),
        (
            SWEEP.replace("compute:", "outputs: {o: {type: uri_folder, path: ./o}}\ncompute:"),
            "outputs.o: found './o' of this machine",
        ),
        (SWEEP.replace("azureml:cpu-cluster", "local"), "compute: found 'local'"),
        (PIPELINE + "schedule: {type: cron}\n", "job.yml:28: schedule: Unknown field"),
    ],
    ids=range(9),
)
def test_what_would_get_lost_is_refused_by_name(kinds: Kinds, text: str, said: str) -> None:
    assert said in kinds.refused(text)


def test_includes_of_a_component_are_refused_by_name(kinds: Kinds) -> None:
    kinds.write("parts/clean.yml", CLEAN + "additional_includes: [../rows]\n")
    assert "jobs.clean.additional_includes: the runner can't send them" in kinds.refused(PIPELINE)
