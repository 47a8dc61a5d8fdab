"""Sweep, pipeline, Spark and AutoML jobs: checked as the service would, and then done.

Nothing of theirs runs here. Once accepted, such a job is Completed: it has no log and no output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.emulator.batch.places import find_place
from tests.emulator.kinds import Change
from tests.emulator.messages import Refusal
from tests.emulator.ml import references
from tests.emulator.ml.job_bodies import checked_job
from tests.emulator.ml.refusals import invalid

_DATA = ("trainingData", "validationData", "testData")  # of an AutoML job
_VALUES = ("literal", None)
_SERVERLESS = "/computes/serverless"  # which no workspace lists


def begin_other(change: Change) -> dict[str, Any]:
    """Check the job that is asked for, and return its properties as the service reads them."""
    asked = checked_job(change.properties)
    for place, reference, segment in _references(asked):
        references.asset(change.cloud, change.id.parent, reference, segment, place)
    for place, reference in _computes(asked):
        if reference.endswith(_SERVERLESS):
            continue
        references.compute(change.cloud, change.id.parent, reference, place)
    for place, address in _addresses(asked):
        try:
            find_place(change.cloud.state, change.id.parent, address)
        except Refusal as refusal:
            raise invalid(refusal.error["message"], place) from None
    return {**asked, "status": "Completed"}


def _references(asked: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield each id of an asset with the place that it stands at and its segment."""
    holders = {"properties": asked, "properties.trial": asked.get("trial") or {}}
    for place, holder in holders.items():
        for key, segment in (("codeId", "codes"), ("environmentId", "environments")):
            if holder.get(key):
                yield f"{place}.{key}", holder[key], segment
    for name, step in _steps(asked):
        for place, holder in (("", step), (".trial", step.get("trial") or {})):
            if holder.get("componentId"):
                where = f"properties.jobs.{name}{place}.componentId"
                yield where, holder["componentId"], "components"


def _computes(asked: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if asked.get("computeId"):
        yield "properties.computeId", asked["computeId"]
    default = (asked.get("settings") or {}).get("default_compute")
    if default:
        yield "properties.settings.default_compute", default
    for name, step in _steps(asked):
        if step.get("computeId"):
            yield f"properties.jobs.{name}.computeId", step["computeId"]


def _addresses(asked: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each address in the workspace; others, and what a step takes from another, are none."""
    holders = {"properties.inputs": asked.get("inputs") or {}}
    tables = asked.get("taskDetails") or {}
    holders["properties.taskDetails"] = {name: tables[name] for name in _DATA if tables.get(name)}
    for name, step in _steps(asked):
        holders[f"properties.jobs.{name}.inputs"] = step.get("inputs") or {}
    for place, inputs in holders.items():
        for name, given in inputs.items():
            kind = given.get("jobInputType", given.get("job_input_type"))
            if kind in _VALUES:
                continue
            if not given.get("uri"):
                raise invalid(f"'{place}.{name}.uri' is required.", f"{place}.{name}.uri")
            if given["uri"].startswith(("azureml:", "/")) and "${{" not in given["uri"]:
                yield f"{place}.{name}.uri", given["uri"]


def _steps(asked: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, step in (asked.get("jobs") or {}).items():
        if not isinstance(step, dict) or not step.get("type"):
            raise invalid(f"The step '{name}' has no type.", f"properties.jobs.{name}.type")
        yield name, step
