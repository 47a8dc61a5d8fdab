"""Long-running operations."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.emulator import Emulator, addresses
from tests.emulator.operations import FOREVER
from tests.emulator.seed import SeededWorkspace, seed_model

BATCH_ENDPOINT: dict[str, Any] = {
    "location": "koreacentral",
    "tags": {},
    "properties": {"authMode": "AADToken"},
}


class Http:
    """Requests as a client without an SDK makes them."""

    def __init__(self, azure: Emulator) -> None:
        self._headers = {
            "Authorization": f"Bearer {azure.cloud.tokens.issue(addresses.MANAGEMENT)}"
        }

    def send(self, method: str, url: str, body: Any = None) -> requests.Response:
        if url.startswith("/"):
            url = f"{addresses.MANAGEMENT}{url}?api-version=2024-10-01"
        return requests.request(method, url, json=body, headers=self._headers, timeout=10)


@pytest.fixture
def http(azure: Emulator) -> Http:
    return Http(azure)


def test_a_creation_is_polled_until_it_succeeded(
    http: Http, azure_workspace: SeededWorkspace
) -> None:
    path = f"{azure_workspace.id}/batchEndpoints/scoring"
    made = http.send("PUT", path, BATCH_ENDPOINT)
    assert made.status_code == 201
    assert made.json()["properties"]["provisioningState"] == "Creating"
    assert float(made.headers["x-ms-retry-after-ms"]) > 0
    operation = made.headers["Azure-AsyncOperation"]
    assert "/mfeOperationsStatus/" in operation
    assert http.send("GET", operation).json()["status"] == "InProgress"
    assert http.send("GET", operation).json()["status"] == "Succeeded"
    assert http.send("GET", path).json()["properties"]["provisioningState"] == "Succeeded"


def test_a_location_answers_202_until_it_is_done(
    http: Http, azure_workspace: SeededWorkspace
) -> None:
    path = f"{azure_workspace.id}/batchEndpoints/scoring"
    location = http.send("PUT", path, BATCH_ENDPOINT).headers["Location"]
    waiting = http.send("GET", location)
    assert (waiting.status_code, waiting.headers["Location"]) == (202, location)
    assert http.send("GET", location).json()["name"] == "scoring"


def test_a_deletion_is_polled_and_then_it_is_gone(
    http: Http, azure_workspace: SeededWorkspace
) -> None:
    azure_workspace.put("batchEndpoints/scoring", **BATCH_ENDPOINT)
    path = f"{azure_workspace.id}/batchEndpoints/scoring"
    deleted = http.send("DELETE", path)
    assert deleted.status_code == 202
    location = deleted.headers["Location"]
    assert http.send("GET", location).status_code == 202
    assert http.send("GET", location).status_code == 204
    assert http.send("GET", path).status_code == 404


def test_polling_the_resource_itself_gets_there_too(
    http: Http, azure_workspace: SeededWorkspace
) -> None:
    path = f"{azure_workspace.id}/batchEndpoints/scoring"
    http.send("PUT", path, BATCH_ENDPOINT)
    states = [http.send("GET", path).json()["properties"]["provisioningState"] for _ in range(2)]
    assert states == ["Creating", "Succeeded"]


def test_a_resource_is_not_changed_while_it_changes(
    http: Http, azure_workspace: SeededWorkspace
) -> None:
    path = f"{azure_workspace.id}/batchEndpoints/scoring"
    http.send("PUT", path, BATCH_ENDPOINT)
    refused = http.send("PUT", path, BATCH_ENDPOINT)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "Conflict")


def test_how_long_it_takes_can_be_set(http: Http, azure_workspace: SeededWorkspace) -> None:
    azure_workspace.emulator.operations.polls = 0
    path = f"{azure_workspace.id}/batchEndpoints/scoring"
    made = http.send("PUT", path, BATCH_ENDPOINT)
    assert made.json()["properties"]["provisioningState"] == "Succeeded"
    assert "Azure-AsyncOperation" not in made.headers


def test_whole_seconds_are_asked_for_with_retry_after(
    http: Http, azure_workspace: SeededWorkspace
) -> None:
    azure_workspace.emulator.operations.interval = 7
    made = http.send("PUT", f"{azure_workspace.id}/batchEndpoints/scoring", BATCH_ENDPOINT)
    assert made.headers["Retry-After"] == "7"


def test_a_deployment_can_fail_and_can_never_become_ready(
    http: Http, azure_workspace: SeededWorkspace
) -> None:
    azure_workspace.put("batchEndpoints/scoring", **BATCH_ENDPOINT)
    model = seed_model(azure_workspace, "m")
    operations = azure_workspace.emulator.operations
    operations.plan("*/deployments/broken", error=("ImageBuildFailure", "The image is broken."))
    operations.plan("*/deployments/slow", polls=FOREVER)
    deployment = {
        "location": "koreacentral",
        "properties": {
            "compute": f"{azure_workspace.id}/computes/cpu-cluster",
            "model": {"referenceType": "Id", "assetId": model},
        },
    }
    deployments = f"{azure_workspace.id}/batchEndpoints/scoring/deployments"
    broken = http.send("PUT", f"{deployments}/broken", deployment)
    polled = [http.send("GET", broken.headers["Azure-AsyncOperation"]).json() for _ in range(2)]
    assert [answer["status"] for answer in polled] == ["InProgress", "Failed"]
    assert polled[1]["error"]["code"] == "ImageBuildFailure"
    shown = http.send("GET", f"{deployments}/broken").json()
    assert shown["properties"]["provisioningState"] == "Failed"
    slow = http.send("PUT", f"{deployments}/slow", deployment)
    for _ in range(5):
        operation = http.send("GET", slow.headers["Azure-AsyncOperation"]).json()
        assert operation["status"] == "InProgress"
    http.send("DELETE", f"{deployments}/slow")
    answers = [http.send("GET", f"{deployments}/slow").status_code for _ in range(2)]
    assert answers == [200, 404]


def test_an_operation_that_is_unknown_is_not_found(http: Http, azure: Emulator) -> None:
    path = (
        f"/subscriptions/{azure.cloud.subscription}/providers/Microsoft.MachineLearningServices"
        "/locations/koreacentral/mfeOperationsStatus/nothing"
    )
    assert http.send("GET", path).status_code == 404
