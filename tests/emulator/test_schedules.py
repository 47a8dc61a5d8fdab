"""Refusals of schedules."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.seed import SeededWorkspace

CRON = {"triggerType": "Cron", "expression": "0 2 * * *"}
CALL: dict[str, Any] = {"properties": {"inputData": {}}}


@pytest.fixture
def workspace(azure_workspace: SeededWorkspace) -> SeededWorkspace:
    located: dict[str, Any] = {"location": "koreacentral", "tags": {}}
    azure_workspace.put("batchEndpoints/scoring", {"authMode": "AADToken"}, **located)
    return azure_workspace


def scheduled(workspace: SeededWorkspace, trigger: Any = CRON, **call: Any) -> tuple[int, Any]:
    endpoint = {"endpointId": f"{workspace.id}/batchEndpoints/scoring"}
    definition = {**endpoint, **CALL, **call}
    action = {"actionType": "InvokeBatchEndpoint", "endpointInvocationDefinition": definition}
    body = {"properties": {"action": action, "trigger": trigger}}
    return workspace.emulator.arm("PUT", f"{workspace.id}/schedules/nightly", body)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"expression": "0 25 * * *"}, "is not valid NCronTab"),
        ({"expression": "0 2 * *"}, "is not valid NCronTab"),
        ({"timeZone": "Europe/Berlin"}, "The time zone 'Europe/Berlin' is not valid"),
        ({"startTime": "2026-12-01T00:00:00Z"}, "must have no UTC offset"),
        ({"startTime": "2026-12-01", "endTime": "2026-11-01"}, "must be later than 'startTime'"),
    ],
)
def test_a_trigger_keeps_to_the_rules(
    workspace: SeededWorkspace, changed: dict[str, str], told: str
) -> None:
    status, answered = scheduled(workspace, CRON | changed)
    assert (status, told in answered["error"]["message"]) == (400, True)


def test_what_is_asked_has_to_be_there(workspace: SeededWorkspace) -> None:
    status, answered = scheduled(workspace, endpointId=f"{workspace.id}/batchEndpoints/other")
    assert (status, "does not exist" in answered["error"]["message"]) == (400, True)
    status, answered = scheduled(workspace, deploymentName="other")
    assert (status, "'other' does not exist" in answered["error"]["message"]) == (400, True)


def test_an_enabled_schedule_is_not_deleted(workspace: SeededWorkspace) -> None:
    path = "schedules/nightly"
    assert scheduled(workspace, CRON | {"timeZone": "W. Europe Standard Time"})[0] in (200, 201)
    while workspace.get(path)[1]["properties"]["provisioningState"] == "Creating":
        pass
    status, answered = workspace.emulator.arm("DELETE", f"{workspace.id}/{path}")
    assert (status, "must be disabled before" in answered["error"]["message"]) == (409, True)
    _, schedule = workspace.get(path)
    workspace.put(path, {**schedule["properties"], "isEnabled": False})
    assert workspace.emulator.arm("DELETE", f"{workspace.id}/{path}")[0] in (200, 202, 204)
