"""Serving endpoints, which are there before they answer, and are waited for."""

from __future__ import annotations

import time
from typing import Any

from tests.emulator.databricks_plugin.kind import Kind, Properties
from tests.emulator.databricks_plugin.shapes import sent, shown
from tests.emulator.databricks_plugin.workspace import Workspace
from tests.emulator.plugin.provider import Refusal

_PATH = "2.0/serving-endpoints"
_PAUSE = 0.05


class ModelServing(Kind):
    name = "ModelServing"
    fixed = ("name", "routeOptimized")
    computed = ("endpointUrl", "servingEndpointId")

    def create(self, workspace: Workspace, inputs: Properties) -> str:
        name = str(inputs["name"])
        workspace.post(_PATH, sent(inputs))
        return name

    def settle(
        self, workspace: Workspace, identifier: str, inputs: Properties, seconds: float
    ) -> None:
        _wait(workspace, identifier, seconds)

    def read(self, workspace: Workspace, identifier: str) -> Properties:
        told = workspace.get(f"{_PATH}/{identifier}")
        found = {**told, "config": _config(told.get("config") or told.get("pending_config") or {})}
        return {**shown(found), "servingEndpointId": found["id"]}

    def update(self, workspace: Workspace, identifier: str, inputs: Properties) -> None:
        before = self.read(workspace, identifier)
        if before["config"] != inputs["config"]:
            workspace.put(f"{_PATH}/{identifier}/config", sent(inputs["config"]))
        old = {tag["key"]: tag.get("value", "") for tag in before.get("tags", ())}
        new = {tag["key"]: tag.get("value", "") for tag in inputs.get("tags", ())}
        if old != new:
            tags = [{"key": key, "value": value} for key, value in new.items()]
            gone = sorted(old.keys() - new.keys())
            workspace.patch(f"{_PATH}/{identifier}/tags", {"add_tags": tags, "delete_tags": gone})

    def delete(self, workspace: Workspace, identifier: str, old: Properties) -> None:
        workspace.delete(f"{_PATH}/{identifier}")


# The inputs of an entity that is served, and of the routes to it.
_ENTITY = (
    *("name", "entity_name", "entity_version", "workload_size"),
    *("scale_to_zero_enabled", "environment_vars"),
)
_ROUTE = ("served_entity_name", "traffic_percentage")


def _config(told: dict[str, Any]) -> dict[str, Any]:
    entities = told.get("served_entities", ())
    routes = (told.get("traffic_config") or {}).get("routes", ())
    for route in routes:
        route.setdefault("served_entity_name", route.get("served_model_name"))
    return {
        "served_entities": [_only(_ENTITY, entity) for entity in entities],
        "traffic_config": {"routes": [_only(_ROUTE, route) for route in routes]},
    }


def _only(names: tuple[str, ...], told: dict[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in names if told.get(name) not in (None, {})}


def _wait(workspace: Workspace, name: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (told := workspace.get(f"{_PATH}/{name}"))["state"]["ready"] != "READY" or (
        told["state"].get("config_update") == "IN_PROGRESS"
    ):
        if told["state"].get("config_update") == "UPDATE_FAILED" or time.monotonic() > deadline:
            raise Refusal(f"serving endpoint {name} is not ready: {told['state']}")
        time.sleep(_PAUSE)
