"""Schedules: when a workspace does something by itself. Tests fire them (`batch.firing`)."""

from __future__ import annotations

import ast
import importlib.util
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.emulator.cloud import Cloud
from tests.emulator.kinds import Change, Kind
from tests.emulator.ml.endpoints import BATCH
from tests.emulator.ml.references import WORKSPACE
from tests.emulator.ml.refusals import conflict, invalid
from tests.emulator.routes import Call
from tests.emulator.state import Resource

TYPE = f"{WORKSPACE}/schedules"

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}")
_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_PART = re.compile(r"(?:\*|([0-9]+|[A-Za-z]{3})(?:-([0-9]+|[A-Za-z]{3}))?)(?:/([0-9]+))?")


@cache
def time_zones() -> frozenset[str]:
    """Return the time zones that the SDK names, which are those of the service."""
    spec = importlib.util.find_spec("azure.ai")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    source = Path(spec.submodule_search_locations[0]) / "ml" / "constants" / "_common.py"
    (found,) = (
        node
        for node in ast.parse(source.read_bytes()).body
        if isinstance(node, ast.ClassDef) and node.name == "TimeZone"
    )
    return frozenset(
        str(node.value.value).lower()
        for node in found.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    )


def _prepare(change: Change) -> None:
    if not _NAME.fullmatch(change.id.name):
        raise invalid(f"'{change.id.name}' is no name of a schedule.", "name")
    properties = change.properties
    _check_trigger(properties["trigger"])
    action = properties["action"]
    if action["actionType"] == "InvokeBatchEndpoint":
        _check_call(change.cloud, action["endpointInvocationDefinition"])
    properties.setdefault("isEnabled", True)
    properties.setdefault("displayName", None)
    properties.setdefault("properties", {})
    properties.setdefault("tags", {})


def _check_trigger(trigger: dict[str, Any]) -> None:
    zone = trigger.setdefault("timeZone", "UTC")
    if str(zone).lower() not in time_zones():
        raise invalid(f"The time zone '{zone}' is not valid.", "trigger.timeZone")
    start, end = (_time(trigger, name) for name in ("startTime", "endTime"))
    if start and end and end <= start:
        raise invalid("'endTime' must be later than 'startTime'.", "trigger.endTime")
    if trigger["triggerType"] == "Cron":
        _check_cron(str(trigger["expression"]))


def _time(trigger: dict[str, Any], name: str) -> datetime | None:
    if trigger.get(name) is None:
        return None
    try:
        found = datetime.fromisoformat(trigger[name])
    except ValueError:
        raise invalid(f"'{name}' is no time in ISO 8601.", f"trigger.{name}") from None
    if found.tzinfo is not None:
        raise invalid(f"'{name}' must have no UTC offset.", f"trigger.{name}")
    return found


def _check_cron(expression: str) -> None:
    fields = expression.split()
    if len(fields) == len(_FIELDS) and all(map(_is_cron, fields, _FIELDS)):
        return
    raise invalid(f"The expression '{expression}' is not valid NCronTab.", "trigger.expression")


def _is_cron(field: str, bounds: tuple[int, int]) -> bool:
    for part in field.split(","):
        found = _PART.fullmatch(part)
        if found is None or found[3] == "0":
            return False
        numbers = [int(number) for number in found.groups()[:2] if number and number.isdecimal()]
        if numbers != sorted(numbers) or any(
            not bounds[0] <= number <= bounds[1] for number in numbers
        ):
            return False
    return True


def _check_call(cloud: Cloud, call: Any) -> None:
    if not isinstance(call, dict) or not isinstance(call.get("properties"), dict):
        raise invalid("'endpointInvocationDefinition' is not valid.", "action")
    endpoint = cloud.state.get(str(call.get("endpointId")))
    if endpoint is None or endpoint.type != BATCH.lower():
        raise invalid(f"The batch endpoint '{call.get('endpointId')}' does not exist.", "action")
    named = call.get("deploymentName")
    if named and cloud.state.get(f"{endpoint.key}/deployments/{named}") is None:
        raise invalid(f"The deployment '{named}' does not exist.", "action")


def _before_delete(cloud: Cloud, call: Call, schedule: Resource) -> None:
    if schedule.properties["isEnabled"]:
        raise conflict(
            f"The schedule '{schedule.body['name']}' is enabled. A schedule must be disabled before"
            " deletion."
        )


KIND = Kind(
    TYPE,
    model="Schedule",
    prepare=_prepare,
    before_delete=_before_delete,
    long_running=True,
    paged=True,
    etag=False,
)
