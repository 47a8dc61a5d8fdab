"""Disables a schedule before it goes: Azure deletes none that is enabled.

A resource that depends on the schedule, and so is gone before it.
"""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
)

from infra.component import within
from infra.dynamic.resource_manager import when_asked


class ScheduleDisablingProvider(ResourceProvider):
    """Disables the schedule when it is deleted itself. Pickled into the state, without a secret."""

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Keep where to look settings up. Nobody has signed in yet."""
        self._manager = when_asked(req.config.get)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """A schedule of another id takes the place of the one that was."""
        anew = _news.get("schedule") != _id
        return DiffResult(
            changes=anew, replaces=["schedule"] if anew else [], delete_before_replace=anew
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Nothing is done yet."""
        return CreateResult(props["schedule"], {"schedule": props["schedule"]})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look whether the schedule is there; without an id where it is not."""
        if self._manager().get(id_) is None:
            return ReadResult("", {})
        return ReadResult(id_, {"schedule": props["schedule"]})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Disable the schedule, if it is there. Raises ResourceManagerError."""
        manager = self._manager()
        found = manager.get(_id)
        if found is None or not found.body["properties"].get("isEnabled", True):
            return
        properties = {
            key: value
            for key, value in found.body["properties"].items()
            if key != "provisioningState"
        }
        manager.put(_id, {"properties": {**properties, "isEnabled": False}}, found.etag)


class ScheduleDisabling(Resource, module="scoring", name="ScheduleDisabling"):
    """The disabling of a schedule that is to come before its deletion."""

    def __init__(self, name: str, schedule: pulumi.CustomResource) -> None:
        super().__init__(ScheduleDisablingProvider(), name, {"schedule": schedule.id}, within())
