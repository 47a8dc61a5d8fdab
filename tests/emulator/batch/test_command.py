"""The unmodified SDK begins command jobs, which run, and finds what they wrote."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import Emulator, addresses
from tests.emulator.batch.command import LOG
from tests.emulator.batch.fixtures import require_blobs, sign_in
from tests.emulator.batch.jobs import logs_of
from tests.emulator.batch.places import Place
from tests.emulator.batch.plugged import scoring
from tests.emulator.blobs import Blobs
from tests.emulator.messages import request
from tests.emulator.ml.jobs import KIND
from tests.emulator.routes import Call
from tests.emulator.seed import IMAGE, LOCATION, SeededWorkspace, seed_workspace
from tests.emulator.tokens import Principal

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

FINAL = {"Completed", "Failed", "Canceled"}
FIT = (
    "import os, sys\n"
    "lines, table, model, words, note = sys.argv[1:]\n"
    "print('fitting', os.environ['WORD'], sorted(os.listdir(lines)), open(table).read())\n"
    "open(os.path.join(model, 'greeting.txt'), 'w').write('hello')\n"
    "open(os.path.join(words, 'word.txt'), 'w').write('fine')\n"
    "open(note, 'w').write('done')\n"
)
TRAIN = f"""
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
type: command
code: ./code
command: >-
  python fit.py ${{{{inputs.lines}}}} ${{{{inputs.table}}}}
  ${{{{outputs.model}}}} ${{{{outputs.words}}}} ${{{{outputs.note}}}}
inputs:
  lines: {{type: uri_folder, path: ./lines}}
  table: {{type: uri_file, path: ./lines/b.txt}}
outputs:
  model: {{type: custom_model}}
  words: {{type: uri_folder}}
  note: {{type: uri_file}}
environment: {{image: {IMAGE}}}
environment_variables: {{WORD: fine}}
compute: azureml:cpu-cluster
limits: {{timeout: 600}}
"""


@dataclass(frozen=True)
class Scene:
    """A workspace with an environment, and command jobs put there without a client."""

    workspace: SeededWorkspace

    def body(self, command: str = "true", **more: Any) -> dict[str, Any]:
        return {
            "jobType": "Command",
            "command": command,
            "environmentId": f"{self.workspace.id}/environments/python/versions/1",
            "computeId": f"{self.workspace.id}/computes/cpu-cluster",
            **more,
        }

    def put(self, properties: dict[str, Any], name: str | None = None) -> tuple[int, Any]:
        name = name or f"train-{uuid.uuid4().hex[:8]}"
        path = f"{self.workspace.id}/jobs/{name}"
        return self.workspace.emulator.arm("PUT", path, {"properties": properties})

    def begin(self, properties: dict[str, Any]) -> str:
        status, answered = self.put(properties)
        assert status == 201, answered
        return str(answered["name"])

    def ask(self, service: str, path: str, body: dict[str, Any]) -> Any:
        """Return what one of the workspace's own interfaces answers to any HTTP client."""
        import requests
        from azure.identity import EnvironmentCredential

        token = EnvironmentCredential().get_token(f"{addresses.MANAGEMENT}/.default").token
        answer = requests.post(
            f"{addresses.workspace_api(LOCATION)}/{service}{self.workspace.id}/{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self, job: str, *states: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            properties: dict[str, Any] = self.workspace.get(f"jobs/{job}")[1]["properties"]
            if properties["status"] in (states or FINAL):
                return properties
            time.sleep(0.02)
        raise AssertionError(f"job {job} is {properties['status']} after a minute")

    def wait_for_log(self, job: str, text: str) -> None:
        logs = self.logs(job)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            blob = self.container(logs).get_blob_client(f"{logs.path}{LOG}")
            found = blob.download_blob().readall().decode() if blob.exists() else ""
            if found == text:
                return
            time.sleep(0.02)
        raise AssertionError(f"the log of job {job} is {found[-200:]!r} after half a minute")

    def logs(self, job: str) -> Place:
        return logs_of(self.workspace.emulator.cloud.state, self.workspace.id, job)

    def container(self, place: Place) -> ContainerClient:
        storage = self.workspace.emulator.cloud.storage
        assert isinstance(storage, Blobs)
        return storage.client(place.account).get_container_client(place.container)


def make_scene(emulator: Emulator) -> Scene:
    workspace = seed_workspace(emulator, f"rg-{uuid.uuid4().hex[:8]}")
    workspace.put("environments/python/versions/1", {"image": IMAGE})
    return Scene(workspace)


@pytest.fixture(scope="session")
def trained_scene(scoring_emulator: Emulator) -> Scene:
    return make_scene(scoring_emulator)


@pytest.fixture
def scene(scoring_azure: Emulator, trained_scene: Scene) -> Scene:
    return trained_scene


def test_the_sdk_begins_streams_and_downloads_a_job(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from azure.ai.ml import load_job

    for name, text in (("code/fit.py", FIT), ("lines/a.txt", "one"), ("lines/b.txt", "two")):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    (tmp_path / "train.yml").write_text(TRAIN)
    client = sign_in(scene.workspace)
    begun = client.jobs.create_or_update(load_job(tmp_path / "train.yml"))
    name = str(begun.name)
    assert begun.status == "Queued"
    client.jobs.stream(name)
    printed = capsys.readouterr().out
    assert "fitting fine ['a.txt', 'b.txt'] two" in printed
    assert "Execution Summary" in printed
    assert client.jobs.get(name).status == "Completed"
    assert name in [listed.name for listed in client.jobs.list()]
    fetched = tmp_path / "fetched"
    client.jobs.download(name, download_path=str(fetched))
    assert "fitting fine" in (fetched / "artifacts/user_logs/std_log.txt").read_text()
    # This version of the SDK gets by name what lies at its usual place, and no models at all
    # (Azure/azure-sdk-for-python#48941).
    client.jobs.download(name, download_path=str(fetched), output_name="words")
    assert (fetched / "named-outputs/words/word.txt").read_text() == "fine"


def test_each_service_tells_where_outputs_of_its_kind_lie(scene: Scene) -> None:
    outputs = {
        name: {"jobOutputType": kind}
        for name, kind in (("model", "mlflow_model"), ("note", "uri_file"))
    }
    command = "mkdir -p ${{outputs.model}}; touch ${{outputs.note}}"
    job = scene.begin(scene.body(command, outputs=outputs))
    assert scene.wait(job)["status"] == "Completed"
    asked = {"runId": job, "selectRunMetadata": True}
    told = scene.ask("history/v1.0", "rundata", asked)
    assert told["runDefinition"] is None
    written = told["runMetadata"]["outputs"]
    types = {name: output["type"] for name, output in written.items()}
    assert types == {"model": "MLFlowModel", "note": "UriFile"}
    asset = {name: output["assetId"] for name, output in written.items()}
    ids = {"values": list(asset.values())}
    data = scene.ask("data/v1.0", "dataversion/batchGetResolvedUris", ids)["values"]
    models = scene.ask("modelregistry/v1.0", "models/batchGetResolvedUris", ids)["values"]
    place = f"azureml://datastores/workspaceblobstore/paths/azureml/{job}"
    assert data == {asset["note"]: {"uri": f"{place}/note", "type": "UriFile"}}
    assert models == {asset["model"]: {"path": f"{place}/model/", "type": "MLFlowModel"}}


def test_a_command_that_fails_fails_the_job_with_its_last_line(scene: Scene) -> None:
    ended = scene.wait(scene.begin(scene.body("echo begun; echo broken >&2; exit 3")))
    assert ended["status"] == "Failed"
    assert "exited with status code 3" in ended["error"]["message"]
    assert ended["error"]["message"].endswith("Error: broken")


def test_an_input_without_files_fails_the_job(scene: Scene) -> None:
    nothing = "azureml://datastores/workspaceblobstore/paths/nothing/"
    given = {"lines": {"jobInputType": "uri_folder", "uri": nothing}}
    ended = scene.wait(scene.begin(scene.body(inputs=given)))
    assert (ended["status"], ended["error"]["message"]) == (
        "Failed",
        "The input 'lines' has no files.",
    )


def test_values_stand_in_the_command_as_they_are(scene: Scene) -> None:
    given = {"code": {"jobInputType": "literal", "value": "7"}}
    ended = scene.wait(scene.begin(scene.body("exit ${{inputs.code}}", inputs=given)))
    assert "status code 7" in ended["error"]["message"]


def test_a_job_that_is_canceled_takes_what_it_began_with_it(scene: Scene) -> None:
    job = scene.begin(scene.body("sleep 600; sleep 600"))
    scene.wait(job, "Running")
    scene.workspace.emulator.arm("POST", f"{scene.workspace.id}/jobs/{job}/cancel")
    assert scene.wait(job)["status"] == "Canceled"


def test_a_job_that_outlives_its_limit_is_canceled(scene: Scene) -> None:
    limits = {"jobLimitsType": "Command", "timeout": "PT0.2S"}
    assert scene.wait(scene.begin(scene.body("sleep 600", limits=limits)))["status"] == "Canceled"


def test_a_job_that_ended_while_somebody_canceled_it_stays_as_it_is(scene: Scene) -> None:
    cloud = scene.workspace.emulator.cloud
    job = scene.begin(scene.body("sleep 0.3"))
    stale = cloud.state.get(f"{scene.workspace.id}/jobs/{job}")
    assert stale is not None
    assert scene.wait(job)["status"] == "Completed"
    assert stale.properties["status"] not in FINAL
    call = Call(
        request("POST", f"{stale.key}/cancel?api-version=2024-10-01"), {}, Principal("", "", "")
    )
    KIND.actions["cancel"](cloud, call, stale)
    assert scene.workspace.get(f"jobs/{job}")[1]["properties"]["status"] == "Completed"


def test_an_input_in_a_container_that_is_not_there_fails_the_job(scene: Scene) -> None:
    host = f"{scene.workspace.storage_account}.blob.{addresses.STORAGE_SUFFIX}"
    address = f"https://{host}/nowhere/lines/?sv=1&sig=c2VjcmV0"
    given = {"lines": {"jobInputType": "uri_folder", "uri": address}}
    ended = scene.wait(scene.begin(scene.body(inputs=given)))
    assert (ended["status"], ended["error"]["message"]) == (
        "Failed",
        "The specified container does not exist.",
    )


def test_a_log_that_can_not_be_stored_fails_the_job_and_ends_what_it_began(
    scoring_azure: Emulator, tmp_path: Path
) -> None:
    scene = make_scene(scoring_azure)
    scene.container(scene.logs("any")).delete_container()
    job = scene.begin(scene.body(f"echo $$ > {tmp_path}/process; echo begun; sleep 600"))
    ended = scene.wait(job)
    assert (ended["status"], ended["error"]["message"]) == (
        "Failed",
        "The specified container does not exist.",
    )
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "process").read_text()), 0)


def test_lines_of_the_same_moment_can_be_read_while_the_job_goes_on(scene: Scene) -> None:
    job = scene.begin(scene.body("echo one; echo two; sleep 600"))
    scene.wait(job, "Running")
    scene.wait_for_log(job, "one\ntwo\n")
    scene.workspace.emulator.arm("POST", f"{scene.workspace.id}/jobs/{job}/cancel")
    assert scene.wait(job)["status"] == "Canceled"


def test_a_job_that_prints_a_lot_does_not_store_its_log_for_every_line(scene: Scene) -> None:
    job = scene.begin(scene.body("seq 20000"))
    assert scene.wait(job)["status"] == "Completed"
    scene.wait_for_log(job, "".join(f"{number}\n" for number in range(1, 20001)))


def test_the_same_put_again_begins_nothing(scene: Scene) -> None:
    job = scene.begin(scene.body())
    ended = scene.wait(job)
    status, again = scene.put(scene.body(tags={"team": "risk"}), job)
    assert (status, again["properties"]["tags"]) == (200, {"team": "risk"})
    assert again["properties"]["status"] == ended["status"] == "Completed"
    status, refused = scene.put(scene.body("false"), job)
    assert (status, refused["error"]["target"]) == (400, "properties.command")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"computeId": "azureml:gpu"}, "'azureml:gpu', which does not exist"),
        ({"environmentId": "azureml:none:1"}, "'azureml:none:1', which does not exist"),
        ({"codeId": "azureml:none:1"}, "'azureml:none:1', which does not exist"),
        (
            {"inputs": {"a": {"jobInputType": "uri_file", "uri": "azureml:none:1"}}},
            "Data asset none:1 was not found",
        ),
        ({"command": "cat ${{inputs.nothing}}"}, "'inputs.nothing', which is not declared"),
        ({"outputs": {"default": {"jobOutputType": "uri_folder"}}}, "the output of every run"),
        ({"outputs": {"a": {"jobOutputType": "folder"}}}, "'folder', and can be"),
        ({"jobType": "Parallel"}, "can be Command, Sweep, Pipeline, Spark, AutoML"),
        ({"jobType": "Sweep"}, "is not a property of SweepJob"),
        ({"environment": "azureml:python:1"}, "is not a property of CommandJob"),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(
    scene: Scene, changes: dict[str, Any], said: str
) -> None:
    status, refused = scene.put(scene.body() | changes)
    assert status == 400
    assert said in refused["error"]["message"]


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"computeId": "azureml:gpu"}, "properties.computeId"),
        ({"trial": {"command": "x", "environmentId": "azureml:a:1"}}, "trial.environmentId"),
        ({"trial": {"command": "x"}}, "trial.environmentId"),
        ({"inputs": {"a": {"jobInputType": "uri_file", "uri": "azureml:a:1"}}}, "inputs.a.uri"),
        ({"searchSpace": None}, "properties.searchSpace"),
    ],
)
def test_a_job_of_another_kind_is_checked_too(
    scene: Scene, changes: dict[str, Any], target: str
) -> None:
    environment = scene.body()["environmentId"]
    sweep = {
        "jobType": "Sweep",
        "trial": {"command": "true", "environmentId": environment},
        "objective": {"goal": "Minimize", "primaryMetric": "loss"},
        "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
        "searchSpace": {"c": ["uniform", [0.1, 0.9]]},
    }
    status, made = scene.put(sweep)
    assert (status, made["properties"]["status"]) == (201, "Completed")
    status, refused = scene.put(sweep | changes)
    assert status == 400
    assert refused["error"]["target"].endswith(target)


def test_a_command_goes_on_after_the_service_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_blobs()
    waiting = f"until [ -e {tmp_path}/go ]; do sleep 0.02; done"
    with Emulator.start(tmp_path) as first, scoring(first):
        scene = make_scene(first)
        job = scene.begin(scene.body(waiting))
        scene.wait(job, "Running")
    (tmp_path / "go").touch()
    with Emulator.start(tmp_path) as second, scoring(second):
        again = Scene(replace(scene.workspace, emulator=second))
        assert again.wait(job)["status"] == "Completed"
