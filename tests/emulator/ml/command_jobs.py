"""Command jobs: what a PUT may ask for, and what is begun by it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.emulator import addresses, request_models
from tests.emulator.batch.command import EXPRESSION, CommandTask, Output
from tests.emulator.batch.invocation import seconds_of
from tests.emulator.batch.places import Place, find_place
from tests.emulator.kinds import Change
from tests.emulator.messages import Refusal
from tests.emulator.ml import references
from tests.emulator.ml.datastores import DEFAULT
from tests.emulator.ml.refusals import invalid
from tests.emulator.state import Resource

COMMAND = "Command"
DEFAULT_OUTPUT = "default"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
_FIXED = (
    "jobType",
    "command",
    "codeId",
    "environmentId",
    "computeId",
    "experimentName",
    "inputs",
    "outputs",
    "environmentVariables",
    "resources",
    "limits",
    "distribution",
    "identity",
    "queueSettings",
)
_LITERAL = "literal"


def begin_command(change: Change) -> None:
    """Make the job that is asked for, which runs once it is written."""
    if str(change.properties.get("jobType")).lower() != COMMAND.lower():
        raise invalid("Jobs are created here by invoking a batch endpoint, or as command jobs.")
    name = change.id.name
    if not _NAME.fullmatch(name):
        raise invalid(f"'{name}' is not a valid name of a job.")
    asked = request_models.checked("JobBase", {"properties": change.properties})["properties"]
    task = _task(change, asked)
    change.body["properties"] = _shown(name, asked)
    change.secrets["task"] = task.to_json()
    change.secrets["asked"] = asked
    cloud, key = change.cloud, change.id.id

    def start() -> None:
        job = cloud.state.get(key)
        if job is not None and cloud.jobs is not None:
            cloud.jobs.start(job)

    change.created.append(start)


def require_same_command(change: Change, old: Resource) -> None:
    """Refuse to make another job of one that is there; asking for the same again is no change."""
    if old.properties.get("jobType") != COMMAND:
        return
    first, given = old.secrets.get("asked") or {}, change.properties
    for name in _FIXED:
        known = (first.get(name), old.properties.get(name))
        if given.get(name) is not None and given[name] not in known:
            raise invalid(
                f"A job named '{old.body['name']}' already exists, and its '{name}' cannot be"
                " changed. To begin another job, use another name.",
                f"properties.{name}",
            )


def _shown(name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The job's properties as GET gives them.

    The output `default`, where the logs lie, is left out: where it is told, the SDK signs the logs'
    addresses with the datastore's key, and a signature instead of a key makes nonsense of that.
    """
    return {
        "tags": {},
        "properties": {},
        "displayName": name,
        "experimentName": "Default",
        "inputs": {},
        **asked,
        "isArchived": False,
        "status": "Queued",
        "outputs": asked.get("outputs") or {},
        "services": {
            "Tracking": {"jobServiceType": "Tracking", "endpoint": addresses.MANAGEMENT},
            "Studio": {
                "jobServiceType": "Studio",
                "endpoint": f"{addresses.ML_RESOURCE}/runs/{name}",
            },
        },
    }


def _task(change: Change, asked: Mapping[str, Any]) -> CommandTask:
    workspace, cloud = change.id.parent, change.cloud
    inputs, outputs = asked.get("inputs") or {}, asked.get("outputs") or {}
    for kind, name in EXPRESSION.findall(asked["command"]):
        if name not in (inputs if kind == "inputs" else outputs):
            raise invalid(f"The command refers to '{kind}.{name}', which is not declared.")
    environment = asked["environmentId"]
    references.asset(cloud, workspace, environment, "environments", "properties.environmentId")
    if asked.get("computeId"):
        references.compute(cloud, workspace, asked["computeId"], "properties.computeId")
    return CommandTask(
        workspace=workspace,
        job=change.id.name,
        command=asked["command"],
        code=_code(change, asked.get("codeId")),
        values={name: one["value"] for name, one in inputs.items() if _is_literal(one)},
        inputs={
            name: _input(change, name, one) for name, one in inputs.items() if not _is_literal(one)
        },
        outputs={name: _output(change, name, one) for name, one in outputs.items()},
        environment_variables=asked.get("environmentVariables") or {},
        timeout=_timeout(asked),
    )


def _is_literal(given: Mapping[str, Any]) -> bool:
    return bool(given["jobInputType"] == _LITERAL)


def _code(change: Change, reference: str | None) -> Place | None:
    if reference is None:
        return None
    found = references.asset(
        change.cloud, change.id.parent, reference, "codes", "properties.codeId"
    )
    if found is None:
        raise invalid("Code in a registry is out of reach here.", "properties.codeId")
    return find_place(change.cloud.state, change.id.parent, found.properties["codeUri"])


def _input(change: Change, name: str, given: Mapping[str, Any]) -> Place:
    target = f"properties.inputs.{name}.uri"
    try:
        place = find_place(change.cloud.state, change.id.parent, given["uri"])
    except Refusal as refusal:
        raise invalid(refusal.error["message"], target) from None
    return place if given["jobInputType"] in ("uri_file", "custom_model") else place.as_folder()


def _output(change: Change, name: str, given: Mapping[str, Any]) -> Output:
    if name == DEFAULT_OUTPUT:
        raise invalid(f"'{name}' is the output of every run.", f"properties.outputs.{name}")
    if given.get("assetName"):
        raise invalid("Outputs are registered nowhere here.", f"properties.outputs.{name}")
    job = change.id.name
    is_file = given["jobOutputType"] == "uri_file"
    uri = given.get("uri") or f"azureml://datastores/{DEFAULT}/paths/azureml/{job}/{name}/"
    uri = uri.rstrip("/") if is_file else uri
    return Output(find_place(change.cloud.state, change.id.parent, uri), uri, is_file)


def _timeout(asked: Mapping[str, Any]) -> float | None:
    duration = (asked.get("limits") or {}).get("timeout")
    return seconds_of(duration) if duration else None
