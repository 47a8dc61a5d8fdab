"""A job's body, checked against the models that the SDK ships.

The service takes some properties that the SDK sends and its models lack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.emulator import request_models

_OF_LIMITS = ("sweepTrials", "sweepConcurrentTrials", "maxNodes")  # of an AutoML job
_OF_SWEEPS = ("resources",)
_OF_OUTPUTS = ("assetVersion",)


def checked_job(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Give a job's properties as the service would read them. Raises `Refusal` (400)."""
    given = dict(properties)
    details = given.get("taskDetails")
    if isinstance(details, dict) and isinstance(details.get("limitSettings"), dict):
        limits = _without(details["limitSettings"], _OF_LIMITS)
        given["taskDetails"] = {**details, "limitSettings": limits}
    outputs = given.get("outputs")
    if isinstance(outputs, dict):
        given["outputs"] = {name: _without(output, _OF_OUTPUTS) for name, output in outputs.items()}
    also = _OF_SWEEPS if given.get("jobType") == "Sweep" else ()
    checked: dict[str, Any] = request_models.checked("JobBase", {"properties": given}, also)
    return dict(checked["properties"])


def _without(given: Any, names: tuple[str, ...]) -> Any:
    if not isinstance(given, dict):
        return given
    return {name: value for name, value in given.items() if name not in names}
