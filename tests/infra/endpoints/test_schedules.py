"""Everything that a stack file says of schedules reaches their resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.dynamic import resource_manager
from infra.dynamic.deletion import ScheduleDisablingProvider
from infra.dynamic.resource_manager import Resource
from tests.infra.declaring import (
    BATCH_DEPLOYMENT,
    BATCH_ENDPOINT,
    PIN,
    ROUTING,
    WORKSPACE,
    batch_deployment,
    batch_endpoint,
    declare,
)
from tests.infra.mocks import Program
from tests.infra.sdk import complaints

SCHEDULE = "machinelearningservices:Schedule"
DISABLING = "pulumi-python:dynamic/scoring:ScheduleDisabling"
DEFAULT = {"deployment_name": "first"}
PLACE = "azureml://datastores/lake/paths/new/"
AT_TWO = {"cron": "0 2 * * *", "input": PLACE}


def scheduled(root: Path, *, pinned: bool = True, **schedules: Any) -> Program:
    deployments = {"first": {"model": PIN}} if pinned else {}
    stack = {"deployments": deployments, "schedules": schedules}
    documents = (batch_endpoint(defaults=DEFAULT), batch_deployment())
    return declare(root, *documents, endpoints={"nightly": stack})


def test_a_schedule_asks_the_endpoint_once_its_default_is_set(tmp_path: Path) -> None:
    zone = {"time_zone": "Europe/Berlin", "start_time": "2026-12-01T00:00:00"}
    program = scheduled(tmp_path, first=AT_TWO | zone)
    assert program.error is None, program.error
    schedule = program.one(SCHEDULE)
    assert (schedule.name, schedule.inputs["name"]) == ("nightly_first", "nightly_first")
    properties = schedule.inputs["properties"]
    assert properties["trigger"] == {
        "triggerType": "Cron",
        "expression": "0 2 * * *",
        "timeZone": "W. Europe Standard Time",
        "startTime": "2026-12-01T00:00:00",
    }
    assert properties["action"] == {
        "actionType": "InvokeBatchEndpoint",
        "endpointInvocationDefinition": {
            "endpointId": program.one(BATCH_ENDPOINT).id,
            "properties": {"inputData": {"data": {"jobInputType": "UriFolder", "uri": PLACE}}},
        },
    }
    assert properties["isEnabled"] is True
    assert complaints(schedule) == []
    for before in (BATCH_DEPLOYMENT, ROUTING):
        assert program.one(before).urn in schedule.dependencies
    assert schedule.urn in program.one(DISABLING).dependencies


def test_a_recurrence_a_deployment_and_settings_arrive(tmp_path: Path) -> None:
    asked = {
        "frequency": "week",
        "interval": 2,
        "schedule": {"hours": [2], "minutes": [30], "week_days": ["monday"]},
        "enabled": False,
        "input": "azureml:patients:4",
        "input_type": "uri_file",
        "deployment": "first",
        "settings": {"mini_batch_size": 3, "retry_settings": {"timeout": 60}},
    }
    program = scheduled(tmp_path, second=asked)
    assert program.error is None, program.error
    schedule = program.one(SCHEDULE)
    properties = schedule.inputs["properties"]
    assert properties["isEnabled"] is False
    assert properties["trigger"] == {
        "triggerType": "Recurrence",
        "frequency": "Week",
        "interval": 2,
        "schedule": {"hours": [2], "minutes": [30], "weekDays": ["Monday"]},
        "timeZone": "UTC",
    }
    definition = properties["action"]["endpointInvocationDefinition"]
    assert definition["deploymentName"] == "first"
    assert definition["properties"] == {
        "inputData": {
            "data": {
                "jobInputType": "UriFile",
                "uri": f"{program.one(WORKSPACE).id}/data/patients/versions/4",
            }
        },
        "miniBatchSize": 3,
        "retrySettings": {"maxRetries": 3, "timeout": "PT60S"},
    }
    assert complaints(schedule) == []


def test_a_schedule_waits_with_its_deployment_for_a_pin(tmp_path: Path) -> None:
    program = scheduled(tmp_path, pinned=False, first=AT_TWO)
    assert program.error is None, program.error
    assert not program.of(SCHEDULE)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"input": "azureml:patients@latest"}, "no schedule of Azure looks up which version"),
        ({"input": "azureml:patients:4"}, "whose type is not declared under models/, allowed besi"),
        ({"input": "data/new"}, "data/new', allowed on Azure: azureml:NAME:VERSION, azureml://d"),
        ({}, "missing, and scoring:endpoints names no input for the endpoint, allowed on Azure"),
    ],
)
def test_what_azure_could_not_find_is_refused(
    tmp_path: Path, given: dict[str, str], told: str
) -> None:
    error = str(scheduled(tmp_path, first={"cron": "0 2 * * *", **given}).error)
    assert "scoring:endpoints.nightly.schedules.first.input: " in error
    assert "Pulumi.dev.yaml:" in error
    assert told in error


def test_data_that_the_workspace_has_not_is_refused(tmp_path: Path) -> None:
    class Workspace:
        def get(self, resource_id: str, api_version: str = "") -> Resource | None:
            if resource_id.endswith("/data/patients/versions/4"):
                return None
            return Resource({"value": [{"name": "3", "properties": {}}], "properties": {}}, None)

    given = {"cron": "0 2 * * *", "input": "azureml:patients:4", "input_type": "uri_file"}
    stack = {"deployments": {"first": {"model": PIN}}, "schedules": {"first": given}}
    documents = (batch_endpoint(defaults=DEFAULT), batch_deployment())
    program = declare(tmp_path, *documents, endpoints={"nightly": stack}, manager=Workspace())
    error = str(program.error)
    assert "schedules.first.input: is pinned to patients:4, which workspace" in error
    assert "it has 3; register another with `runner data register … --env dev`" in error


def test_a_schedule_is_disabled_before_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    class Manager:
        def get(self, _id: str) -> Resource:
            properties = {"isEnabled": not sent, "trigger": {}, "provisioningState": "Succeeded"}
            return Resource({"properties": properties}, None)

        def put(self, _id: str, body: Any, _etag: str | None) -> None:
            sent.append(body["properties"])

    monkeypatch.setattr(resource_manager, "connect_lazily", lambda _: Manager)
    provider = ScheduleDisablingProvider()
    provider.configure(type("Request", (), {"config": {}})())
    provider.delete("id", {})
    assert sent == [{"isEnabled": False, "trigger": {}}]
    provider.delete("id", {})  # it is disabled already
    assert len(sent) == 1
