"""The unmodified SDK scores: from files on this machine to predictions that it downloads."""

from __future__ import annotations

import json
import re
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import Emulator, addresses
from tests.emulator.batch.fixtures import require_blobs, sign_in
from tests.emulator.batch.plugged import scoring
from tests.emulator.blobs import Blobs
from tests.emulator.seed import SeededWorkspace, seed_workspace

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

ROOT = Path(__file__).parents[3]
FINAL = {"Completed", "Failed", "Canceled"}
GENERATED = r"[a-z]+_[a-z]+_[a-z0-9]{8}"
TAGS = {
    "outputType": "output_data",
    "inputType": "input_data",
    "azureml.batchrun": "true",
    "azureml.deploymentname": "mlflow",
    "azureml.jobtype": "azureml.batchjob",
}


@dataclass(frozen=True)
class Scene:
    """A workspace with an endpoint `diabetes`, whose default deployment is the sample model."""

    workspace: SeededWorkspace
    client: MLClient

    def invoke(self, **given: Any) -> str:
        from azure.ai.ml import Input

        given.setdefault("input", Input(type="uri_folder", path="azureml:patients:1"))
        return str(self.client.batch_endpoints.invoke("diabetes", **given).name)

    def wait(self, job: str) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            properties: dict[str, Any] = self.workspace.get(f"jobs/{job}")[1]["properties"]
            if properties["status"] in FINAL:
                return properties
            time.sleep(0.05)
        raise AssertionError(f"job {job} is {properties['status']} after two minutes")


@pytest.fixture(scope="session")
def scored_workspace(scoring_emulator: Emulator) -> SeededWorkspace:
    """Registers and deploys once a worker; a test that changes something makes its own."""
    workspace = seed_workspace(scoring_emulator, f"rg-{uuid.uuid4().hex[:8]}")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in scoring_emulator.environment.items():
            patch.setenv(name, value)
        _deploy(sign_in(workspace))
    return workspace


@pytest.fixture
def scene(scoring_azure: Emulator, scored_workspace: SeededWorkspace) -> Scene:
    return Scene(scored_workspace, sign_in(scored_workspace))


@pytest.fixture(scope="session")
def completed(scoring_emulator: Emulator, scored_workspace: SeededWorkspace) -> str:
    """Provide the name of a job that has completed, for tests that only look at it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in scoring_emulator.environment.items():
            patch.setenv(name, value)
        scene = Scene(scored_workspace, sign_in(scored_workspace))
        job = scene.invoke()
    assert scene.wait(job)["status"] == "Completed"
    return job


def _deploy(client: MLClient) -> None:
    from azure.ai.ml.entities import (
        BatchEndpoint,
        Data,
        Model,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
    )

    model = client.models.create_or_update(
        Model(name="diabetes", path=str(ROOT / "models/diabetes/model"), type="mlflow_model")
    )
    client.data.create_or_update(
        Data(name="patients", path=str(ROOT / "data/diabetes/unlabeled"), type="uri_folder")
    )
    client.batch_endpoints.begin_create_or_update(BatchEndpoint(name="diabetes")).result()
    client.batch_deployments.begin_create_or_update(
        ModelBatchDeployment(
            name="mlflow",
            endpoint_name="diabetes",
            model=model.id,
            compute="cpu-cluster",
            settings=ModelBatchDeploymentSettings(mini_batch_size=2),
        )
    ).result()
    endpoint = client.batch_endpoints.get("diabetes")
    endpoint.defaults = {"deployment_name": "mlflow"}
    client.batch_endpoints.begin_create_or_update(endpoint).result()


def test_the_sdk_invokes_streams_and_downloads_what_the_local_engine_predicts(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = scene.invoke()
    scene.client.jobs.stream(job)
    assert "Execution Summary" in capsys.readouterr().out
    assert scene.client.jobs.get(job).status == "Completed"
    scene.client.jobs.download(job, download_path=str(tmp_path), output_name="score")
    lines = next(tmp_path.rglob("predictions.csv")).read_text().splitlines()
    assert len(lines) == 400
    assert {line.rpartition(",")[2] for line in lines} == {
        path.name for path in (ROOT / "data/diabetes/unlabeled").iterdir()
    }
    assert job in [listed.name for listed in scene.client.batch_endpoints.list_jobs("diabetes")]


def test_the_progress_log_counts_mini_batches_in_azures_words(scene: Scene, completed: str) -> None:
    runs = scene.client.jobs._runs_operations
    details = runs.get_run_details(str(next(iter(runs.get_run_children(completed))).name))
    names = details.log_files or {}
    assert any(name.startswith("logs/job_progress_overview.") for name in names)
    assert details.status == "Completed"


def test_a_call_changes_settings_of_the_deployment(scene: Scene) -> None:
    job = scene.invoke(params_override=[{"mini_batch_size": 1}, {"output_file_name": "scores.csv"}])
    assert scene.wait(job)["status"] == "Completed"
    assert _output(scene, job).endswith("/score/scores.csv")
    assert _container(scene).get_blob_client(_path(_output(scene, job))).exists()


def test_a_missing_input_fails_the_job_and_says_so(scene: Scene) -> None:
    from azure.ai.ml import Input

    nothing = "azureml://datastores/workspaceblobstore/paths/nothing/"
    properties = scene.wait(scene.invoke(input=Input(type="uri_folder", path=nothing)))
    assert properties["status"] == "Failed"
    assert properties["error"]["message"]


def test_an_output_place_that_exists_fails_the_job(scene: Scene, completed: str) -> None:
    taken = f"azureml://datastores/workspaceblobstore/paths/{_path(_output(scene, completed))}"
    status, answered = _post(
        scene,
        {
            "inputData": {"data": {"jobInputType": "UriFolder", "uri": "azureml:patients:1"}},
            "outputData": {"score": {"jobOutputType": "UriFile", "uri": taken}},
        },
    )
    assert status == 201
    properties = scene.wait(answered["name"])
    assert properties["status"] == "Failed"
    assert "already exists" in properties["error"]["message"]


def test_a_job_that_is_cancelled_ends_as_canceled(scene: Scene) -> None:
    job = scene.invoke()
    scene.client.jobs.begin_cancel(job)
    assert scene.wait(job)["status"] == "Canceled"


def test_the_name_that_is_asked_for_is_only_shown(scene: Scene) -> None:
    asked = f"mine-{uuid.uuid4().hex[:6]}"
    first, second = (scene.invoke(job_name=asked) for _ in range(2))
    assert first != second
    for job in (first, second):
        assert re.fullmatch(r"batchjob-[0-9a-f-]{36}", job)
        assert scene.client.jobs.get(job).display_name == asked
        assert _listed(scene, job)["properties"]["name"] == asked


def test_a_job_that_is_asked_for_without_a_name_is_shown_by_one_of_the_services(
    scene: Scene,
) -> None:
    assert re.fullmatch(GENERATED, scene.client.jobs.get(scene.invoke()).display_name)


def test_a_service_that_takes_no_names_shows_one_of_its_own(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene.workspace.emulator.cloud, "ignores_job_names", True)
    job = scene.invoke(job_name="mine")
    assert re.fullmatch(GENERATED, scene.client.jobs.get(job).display_name)


def test_the_answer_tells_what_was_asked_for(scene: Scene) -> None:
    data = {"patients": {"jobInputType": "UriFolder", "uri": "azureml:patients:1"}}
    status, answered = _post(scene, {"inputData": data, "retrySettings": {"maxRetries": 1}})
    assert status == 201
    told = answered["properties"]
    assert answered["id"].endswith(f"/deployments/mlflow/jobs/{answered['name']}")
    (given,) = told["inputData"].items()
    assert given == (
        "patients",
        {**data["patients"], "description": None, "mode": "ReadOnlyMount"},
    )
    assert told["status"] == "Preparing"
    assert told["output"] == {"datastoreId": None, "path": None}
    assert told["retrySettings"]["maxRetries"] == 1
    assert told["tags"] == TAGS
    assert json.loads(told["properties"]["azureml.parameters"])["mini_batch_size"] == "2"
    assert "outputData" not in told


def test_resource_manager_tells_neither_input_nor_output(scene: Scene, completed: str) -> None:
    told = scene.workspace.get(f"jobs/{completed}")[1]["properties"]
    assert told["tags"] == TAGS
    for key in ("inputs", "outputs", "computeId", "settings", "jobs"):
        assert told[key] is None
    execution = json.loads(told["properties"]["azureml.pipelines.stages"])["Execution"]
    assert execution["StartTime"] < execution["EndTime"]
    assert execution["Status"] == "Finished"


def test_the_listing_tells_where_a_completed_job_wrote(scene: Scene, completed: str) -> None:
    told = _listed(scene, completed)["properties"]
    child = next(iter(scene.client.jobs._runs_operations.get_run_children(completed))).name
    assert told["outputData"]["score"]["uri"] == (
        f"{scene.workspace.id}/datastores/workspaceblobstore/paths/azureml/{child}/score/"
        "predictions.csv"
    )
    assert told["output"] == {
        "datastoreId": f"{scene.workspace.id}/datastores/workspaceartifactstore",
        "path": f"ExperimentRun/dcid.{child}",
    }


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"inputData": {}}, "exactly one input"),
        ({"inputData": {"a": {"jobInputType": "Folder", "uri": "x"}}}, "no type of input"),
        ({"inputDate": {}}, "inputDate"),
        ({"inputData": {"a": {"jobInputType": "UriFile", "uri": "azureml:none:1"}}}, "none:1"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    scene: Scene, properties: dict[str, Any], message: str
) -> None:
    status, answered = _post(scene, properties)
    assert status in (400, 404)
    assert message in answered["error"]["message"]


def test_a_job_goes_on_after_the_service_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_blobs()
    with Emulator.start(tmp_path) as first, scoring(first):
        for name, value in first.environment.items():
            monkeypatch.setenv(name, value)
        workspace = seed_workspace(first, "rg-again")
        scene = Scene(workspace, sign_in(workspace))
        _deploy(scene.client)
        job = scene.invoke()
    with Emulator.start(tmp_path) as second, scoring(second):
        again = SeededWorkspace(
            second,
            workspace.subscription,
            workspace.resource_group,
            workspace.name,
            workspace.storage_account,
        )
        assert Scene(again, scene.client).wait(job)["status"] == "Completed"


def _post(scene: Scene, properties: dict[str, Any]) -> tuple[int, Any]:
    """POST to the scoring address with any HTTP client, as the REST interface has it."""
    import requests

    endpoint = scene.client.batch_endpoints.get("diabetes")
    answer = requests.post(
        str(endpoint.scoring_uri), json={"properties": properties}, headers=_signed(), timeout=30
    )
    return answer.status_code, answer.json()


def _listed(scene: Scene, job: str) -> Any:
    """Return a job as its endpoint lists it, of which the SDK shows only the status."""
    import requests

    location = scene.client.workspaces.get(scene.workspace.name).location
    address = f"{addresses.workspace_api(str(location))}/mferp/managementfrontend"
    endpoint = f"{address}{scene.workspace.id}/batchEndpoints/diabetes/jobs"
    found = requests.get(endpoint, headers=_signed(), timeout=30).json()["value"]
    return next(run for run in found if run["name"] == job)


def _signed() -> dict[str, str]:
    from azure.identity import EnvironmentCredential

    token = EnvironmentCredential().get_token(f"{addresses.ML_RESOURCE}/.default").token
    return {"Authorization": f"Bearer {token}"}


def _output(scene: Scene, job: str) -> str:
    return str(_listed(scene, job)["properties"]["outputData"]["score"]["uri"])


def _path(uri: str) -> str:
    return uri.partition("/paths/")[2]


def _container(scene: Scene) -> Any:
    storage = scene.workspace.emulator.cloud.storage
    assert isinstance(storage, Blobs)
    datastore = scene.workspace.get("datastores/workspaceblobstore")[1]["properties"]
    return storage.client(datastore["accountName"]).get_container_client(datastore["containerName"])


def test_a_workspace_behind_a_private_link_answers_nobody_outside(scene: Scene) -> None:
    """https://github.com/Azure/azure-cli-extensions/issues/6294"""
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    emulator, workspace = scene.workspace.emulator, scene.workspace.id
    kept = emulator.cloud.state.get(workspace)
    assert kept is not None
    emulator.cloud.state.update(kept, {"publicNetworkAccess": "Disabled"})
    try:
        with pytest.raises(ClientAuthenticationError, match="outside of the designated private"):
            scene.client.batch_endpoints.list_jobs("diabetes")
        with pytest.raises(HttpResponseError, match="outside of the designated private"):
            scene.invoke()
    finally:
        emulator.cloud.state.update(kept, {})
    scene.client.batch_endpoints.list_jobs("diabetes")
