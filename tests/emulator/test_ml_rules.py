"""Refusals of Azure Machine Learning."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.emulator.ml.jobs import put_job
from tests.emulator.seed import CLUSTER, IMAGE, SeededWorkspace, seed_model, seed_workspace

ENDPOINT: dict[str, Any] = {"location": "koreacentral", "tags": {}}
AAD = {"authMode": "AADToken"}
KEY = {"authMode": "Key"}


def _refused(workspace: SeededWorkspace, path: str, body: dict[str, Any]) -> str:
    status, answered = workspace.emulator.arm("PUT", f"{workspace.id}/{path}", body)
    assert status in (400, 409), answered
    return str(answered["error"]["message"])


def _batch(workspace: SeededWorkspace, **changed: Any) -> dict[str, Any]:
    properties = {
        "compute": f"{workspace.id}/computes/{CLUSTER}",
        "model": {"referenceType": "Id", "assetId": f"{workspace.id}/models/m/versions/1"},
        **changed,
    }
    return {"location": "koreacentral", "properties": properties}


def _online(workspace: SeededWorkspace, **changed: Any) -> dict[str, Any]:
    properties = {
        "endpointComputeType": "Managed",
        "instanceType": "Standard_DS3_v2",
        "model": f"{workspace.id}/models/m/versions/1",
        **changed,
    }
    return {
        "location": "koreacentral",
        "sku": {"name": "Default", "capacity": 1},
        "properties": properties,
    }


@pytest.fixture
def workspace(azure_workspace: SeededWorkspace) -> SeededWorkspace:
    """Provide a workspace with an endpoint of each kind and a model that needs no script."""
    seed_model(azure_workspace, "m")
    azure_workspace.put("batchEndpoints/scoring", AAD, **ENDPOINT)
    azure_workspace.put("onlineEndpoints/live", KEY, **ENDPOINT)
    return azure_workspace


@pytest.mark.parametrize("name", ["ab", "1scoring", "scoring-", "scor_ing", "s" * 33])
def test_an_endpoint_name_keeps_to_the_rules(workspace: SeededWorkspace, name: str) -> None:
    for path, properties in (("batchEndpoints", AAD), ("onlineEndpoints", KEY)):
        body = {**ENDPOINT, "properties": properties}
        assert f"'{name}' is not valid" in _refused(workspace, f"{path}/{name}", body)


def test_a_batch_endpoint_needs_a_map_of_tags(workspace: SeededWorkspace) -> None:
    body = {"location": "koreacentral", "properties": AAD}
    assert "Tags" in _refused(workspace, "batchEndpoints/other", body)
    body["tags"] = {"empty": ""}
    assert "must not be null or empty" in _refused(workspace, "batchEndpoints/other", body)


def test_a_batch_endpoint_signs_in_by_entra_only(workspace: SeededWorkspace) -> None:
    body = {**ENDPOINT, "properties": KEY}
    assert "'AADToken' only" in _refused(workspace, "batchEndpoints/other", body)


def test_a_default_must_exist(workspace: SeededWorkspace) -> None:
    body = {**ENDPOINT, "properties": {**AAD, "defaults": {"deploymentName": "mlflow"}}}
    assert "'mlflow' does not exist" in _refused(workspace, "batchEndpoints/scoring", body)
    workspace.put("batchEndpoints/scoring/deployments/mlflow", **_batch(workspace))
    shown = workspace.put("batchEndpoints/scoring", **body)
    assert shown["properties"]["defaults"] == {"deploymentName": "mlflow"}


def test_traffic_goes_to_what_exists_and_sums_to_nothing_or_all(
    workspace: SeededWorkspace,
) -> None:
    def traffic(**shares: int) -> dict[str, Any]:
        return {**ENDPOINT, "properties": {**KEY, "traffic": shares}}

    path = "onlineEndpoints/live"
    assert "'blue', which does not exist" in _refused(workspace, path, traffic(blue=100))
    for name in ("blue", "green"):
        workspace.put(f"{path}/deployments/{name}", **_online(workspace))
    assert "sums to 95" in _refused(workspace, path, traffic(blue=90, green=5))
    assert "0 to 100" in _refused(workspace, path, traffic(blue=110, green=-10))
    for shares in ({"blue": 90, "green": 10}, {"blue": 100}, {}, {"blue": 0}):
        assert workspace.put(path, **traffic(**shares))["properties"]["traffic"] == shares


def test_a_deployment_with_traffic_is_not_deleted(workspace: SeededWorkspace) -> None:
    workspace.put("onlineEndpoints/live/deployments/blue", **_online(workspace))
    workspace.put("onlineEndpoints/live", {**KEY, "traffic": {"blue": 100}}, **ENDPOINT)
    path = f"{workspace.id}/onlineEndpoints/live/deployments/blue"
    status, answered = workspace.emulator.arm("DELETE", path)
    assert (status, answered["error"]["code"]) == (409, "Conflict")
    workspace.put("onlineEndpoints/live", {**KEY, "traffic": {}}, **ENDPOINT)
    assert workspace.emulator.arm("DELETE", path)[0] == 202


@pytest.mark.parametrize(
    "changed",
    [
        {"compute": "azureml:other"},
        {"model": {"referenceType": "Id", "assetId": "azureml:m:2"}},
        {"model": {"referenceType": "Id", "assetId": "azureml:m"}},
        {"environmentId": "azureml:env:1"},
        {
            "codeConfiguration": {"codeId": "azureml:code:1", "scoringScript": "score.py"},
            "environmentId": "azureml://registries/azureml/environments/sklearn/versions/1",
        },
    ],
)
def test_what_a_batch_deployment_refers_to_must_exist(
    workspace: SeededWorkspace, changed: dict[str, Any]
) -> None:
    path = "batchEndpoints/scoring/deployments/mlflow"
    message = _refused(workspace, path, _batch(workspace, **changed))
    assert "does not exist" in message or "names no version" in message


def test_a_deployment_needs_its_endpoint(workspace: SeededWorkspace) -> None:
    path = f"{workspace.id}/batchEndpoints/other/deployments/mlflow"
    status, answered = workspace.emulator.arm("PUT", path, _batch(workspace))
    assert (status, answered["error"]["code"]) == (404, "ParentResourceNotFound")


def test_a_model_that_is_no_mlflow_model_needs_a_script(workspace: SeededWorkspace) -> None:
    seed_model(workspace, "plain", kind="custom_model")
    model = {"referenceType": "Id", "assetId": "azureml:plain:1"}
    path = "batchEndpoints/scoring/deployments/plain"
    assert "codeConfiguration" in _refused(workspace, path, _batch(workspace, model=model))


@pytest.mark.parametrize("name", ["errorThreshold", "miniBatchSize", "maxConcurrencyPerInstance"])
def test_numbers_keep_to_their_range(workspace: SeededWorkspace, name: str) -> None:
    path = "batchEndpoints/scoring/deployments/mlflow"
    assert name in _refused(workspace, path, _batch(workspace, **{name: -2}))


def test_an_instance_type_stays(workspace: SeededWorkspace) -> None:
    path = "onlineEndpoints/live/deployments/blue"
    workspace.put(path, **_online(workspace))
    changed = _online(workspace, instanceType="Standard_F4s_v2")
    assert "'instanceType' cannot be changed" in _refused(workspace, path, changed)


def test_a_patch_changes_tags_and_identity_only(workspace: SeededWorkspace) -> None:
    path = f"{workspace.id}/batchEndpoints/scoring"
    change = {"properties": {"defaults": {"deploymentName": "x"}}}
    status, answered = workspace.emulator.arm("PATCH", path, change)
    assert status == 400
    assert "'properties'" in answered["error"]["message"]
    status, answered = workspace.emulator.arm("PATCH", path, {"tags": {"a": "b"}})
    assert status == 200
    assert answered["tags"] == {"a": "b"}
    assert answered["properties"]["authMode"] == "AADToken"


def test_the_version_of_a_model_is_a_number(workspace: SeededWorkspace) -> None:
    body = {"properties": {"modelUri": "azureml://datastores/x/paths/y"}}
    assert "positive integer" in _refused(workspace, "models/m/versions/one", body)


def test_a_data_asset_keeps_its_type(workspace: SeededWorkspace) -> None:
    def data(kind: str) -> dict[str, Any]:
        return {"properties": {"dataType": kind, "dataUri": "azureml://datastores/x/paths/y"}}

    workspace.put("data/d/versions/1", **data("uri_folder"))
    assert "is of type 'uri_folder'" in _refused(workspace, "data/d/versions/2", data("uri_file"))


def test_properties_of_an_asset_are_added_and_never_altered(workspace: SeededWorkspace) -> None:
    def model(**properties: str) -> dict[str, Any]:
        uri = "azureml://datastores/workspaceblobstore/paths/m/1"
        return {
            "properties": {"modelUri": uri, "modelType": "mlflow_model", "properties": properties}
        }

    path = "models/m/versions/1"
    workspace.put(path, **model(commit="abc"))
    assert workspace.put(path, **model(more="x"))["properties"]["properties"] == {
        "commit": "abc",
        "more": "x",
    }
    assert "'commit'" in _refused(workspace, path, model(commit="def"))


def test_an_environment_version_stays_as_it_is(workspace: SeededWorkspace) -> None:
    workspace.put("environments/e/versions/1", {"image": IMAGE})
    other = {"properties": {"image": "python:3.12"}}
    assert "'image' cannot be changed" in _refused(workspace, "environments/e/versions/1", other)
    neither: dict[str, Any] = {"properties": {}}
    assert "'image' or 'build'" in _refused(workspace, "environments/e/versions/2", neither)


def test_a_workspace_needs_what_it_stands_on(workspace: SeededWorkspace) -> None:
    path = workspace.id.rpartition("/")[0] + "/other"
    body = {
        "location": "koreacentral",
        "identity": {"type": "SystemAssigned"},
        "properties": {"storageAccount": "/nowhere", "keyVault": "/nowhere"},
    }
    status, answered = workspace.emulator.arm("PUT", path, body)
    assert status == 400
    assert "'properties.storageAccount' is '/nowhere'" in answered["error"]["message"]


def test_a_cluster_in_use_is_not_deleted(workspace: SeededWorkspace) -> None:
    workspace.put("batchEndpoints/scoring/deployments/mlflow", **_batch(workspace))
    path = f"{workspace.id}/computes/{CLUSTER}?underlyingResourceAction=Delete"
    status, answered = workspace.emulator.arm("DELETE", path)
    assert status == 409
    assert "is used by the deployment" in answered["error"]["message"]


def test_datastores_without_keys_have_no_secrets(workspace: SeededWorkspace) -> None:
    keyless = seed_workspace(workspace.emulator, f"rg-{uuid.uuid4().hex[:8]}", by_identity=True)
    path = f"{keyless.id}/datastores/workspaceblobstore"
    shown = workspace.emulator.arm("GET", path)[1]
    assert shown["properties"]["credentials"] == {"credentialsType": "None"}
    assert workspace.emulator.arm("POST", f"{path}/listSecrets")[0] == 400


def test_code_is_uploaded_to_a_place_of_its_own(workspace: SeededWorkspace) -> None:
    path = f"{workspace.id}/codes/score/versions/1/startPendingUpload"
    status, given = workspace.emulator.arm("POST", path, {})
    reference = given["blobReferenceForConsumption"]
    assert status == 200
    assert reference["credential"]["sasUri"].startswith(reference["blobUri"] + "?")
    hashed = {
        "codeUri": reference["blobUri"],
        "properties": {"hash_sha256": "abc", "hash_version": "2"},
    }
    workspace.put("codes/score/versions/1", hashed)
    listed = workspace.emulator.arm("GET", f"{workspace.id}/codes/score/versions?hash=abc")[1]
    assert [version["name"] for version in listed["value"]] == ["1"]
    listed = workspace.emulator.arm("GET", f"{workspace.id}/codes/score/versions?hash=def")[1]
    assert listed["value"] == []


def test_a_model_of_a_job_lies_where_the_job_wrote_and_keeps_its_name(
    workspace: SeededWorkspace,
) -> None:
    def model(uri: str) -> dict[str, Any]:
        return {"properties": {"modelUri": uri, "modelType": "mlflow_model"}}

    put_job(workspace.emulator.cloud, workspace.id, "fit-1", {"jobType": "Command", "outputs": {}})
    for version, uri in enumerate(
        ("azureml://jobs/fit-1/outputs/artifacts/paths/model/", "runs:/fit-1/model"), 1
    ):
        registered = workspace.put(f"models/fit/versions/{version}", **model(uri))["properties"]
        assert registered["jobName"] == "fit-1"
        place = "/datastores/workspaceartifactstore/paths/ExperimentRun/dcid.fit-1/model"
        assert registered["modelUri"].endswith(place)
    unknown = _refused(workspace, "models/fit/versions/3", model("runs:/fit-2/model"))
    assert "The job 'fit-2' was not found" in unknown


def test_a_registry_takes_what_lies_in_it_and_nothing_twice(workspace: SeededWorkspace) -> None:
    group = workspace.id.partition("/providers/")[0]
    provider = f"{group}/providers/Microsoft.MachineLearningServices/registries"
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/{workspace.storage_account}"
    name = f"team-{uuid.uuid4().hex[:8]}"

    def put(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        status, answered = workspace.emulator.arm("PUT", f"{provider}/{path}", body)
        return status, answered.get("error", answered)

    def registry(storage: str) -> dict[str, Any]:
        details = {"systemCreatedStorageAccount": {"armResourceId": {"resourceId": storage}}}
        region = {"location": "koreacentral", "storageAccountDetails": [details]}
        return {"location": "koreacentral", "properties": {"regionDetails": [region]}}

    def model(uri: str) -> dict[str, Any]:
        return {"properties": {"modelUri": uri, "modelType": "mlflow_model"}}

    assert "names no storage account" in put(name, registry("/nowhere"))[1]["message"]
    assert put(name, registry(account))[0] == 201
    path, root = f"{name}/models/m/versions/1", f"{workspace.storage_account}.blob.core.azure.test"
    assert "not in the registry's storage" in put(path, model("https://elsewhere/m"))[1]["message"]
    status, made = put(path, model(f"https://{root}/c/m"))
    assert (status, made["id"]) == (201, f"azureml://registries/{path}")
    assert put(path, model(f"https://{root}/c/m"))[0] == 200
    assert put(path, model(f"https://{root}/c/other"))[0] == 409
    wanted = {
        "referenceType": "Id",
        "destinationName": "m",
        "destinationVersion": "2",
        "sourceAssetId": "azureml://locations/koreacentral/workspaces/none/models/m/versions/1",
    }
    status, answered = workspace.emulator.arm(
        "POST", f"{provider}/{name}/import", {"properties": wanted}
    )
    assert (status, "is no asset of a workspace" in answered["error"]["message"]) == (400, True)
