"""Bodies against the SDK's request models."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.messages import Refusal
from tests.emulator.request_models import checked


def _deployment(**properties: Any) -> dict[str, Any]:
    model = {"referenceType": "Id", "assetId": "azureml:m:1"}
    return {"location": "koreacentral", "properties": {"model": model, **properties}}


def _refused(model: str, body: dict[str, Any]) -> str:
    with pytest.raises(Refusal) as refusal:
        checked(model, body)
    assert refusal.value.status == 400
    return str(refusal.value.error["target"])


def test_what_the_model_knows_is_kept() -> None:
    body = _deployment(miniBatchSize=3, retrySettings={"maxRetries": 2, "timeout": "PT30S"})
    assert checked("BatchDeployment", body) == body


@pytest.mark.parametrize(
    ("properties", "place"),
    [
        ({"miniBatchSise": 3}, "properties.miniBatchSise"),
        ({"miniBatchSize": "3"}, "properties.miniBatchSize"),
        ({"miniBatchSize": True}, "properties.miniBatchSize"),
        ({"outputAction": "Sideways"}, "properties.outputAction"),
        ({"retrySettings": {"timeout": "30"}}, "properties.retrySettings.timeout"),
        ({"retrySettings": []}, "properties.retrySettings"),
        ({"environmentVariables": {"A": 1}}, "properties.environmentVariables.A"),
        ({"codeConfiguration": {"codeId": "x"}}, "properties.codeConfiguration.scoringScript"),
        ({"model": {"assetId": "azureml:m:1"}}, "properties.model.referenceType"),
        ({"model": {"referenceType": "Name", "x": "y"}}, "properties.model.referenceType"),
        ({"model": {"referenceType": "Id"}}, "properties.model.assetId"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(properties: dict[str, Any], place: str) -> None:
    assert _refused("BatchDeployment", _deployment(**properties)) == place


def test_what_is_required_is_missed() -> None:
    assert _refused("BatchDeployment", {"properties": {}}) == "location"
    assert _refused("BatchEndpoint", {"location": "x", "properties": {}}) == "properties.authMode"


def test_what_only_the_service_sets_is_left_out() -> None:
    body = {
        "id": "/x",
        "location": "x",
        "properties": {"authMode": "AADToken", "scoringUri": "https://x", "defaults": None},
    }
    assert checked("BatchEndpoint", body) == {
        "location": "x",
        "properties": {"authMode": "AADToken"},
    }


def test_enums_and_kinds_may_be_spelled_in_any_case() -> None:
    body = {
        "location": "x",
        "properties": {"endpointComputeType": "managed", "instanceType": "Standard_DS3_v2"},
    }
    assert checked("OnlineDeployment", body)["properties"]["endpointComputeType"] == "Managed"


def test_a_kind_brings_its_own_properties() -> None:
    body = {"properties": {"computeType": "AmlCompute", "properties": {"vmSizes": "x"}}}
    assert _refused("ComputeResource", body) == "properties.properties.vmSizes"


def test_what_another_version_of_the_service_knows_is_let_through() -> None:
    body = {"properties": {"ipAllowlist": ["10.0.0.1"]}}
    assert checked("Workspace", body, ("ipAllowlist",)) == body
    assert _refused("Workspace", body) == "properties.ipAllowlist"
