"""Command jobs: what a PUT may ask for, and what is begun by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.emulator.batch.command import EXPRESSION, CommandTask, Output
from tests.emulator.batch.invocation import seconds_of
from tests.emulator.batch.places import Place, find_place
from tests.emulator.kinds import Change
from tests.emulator.messages import Refusal
from tests.emulator.ml import references
from tests.emulator.ml.datastores import ARTIFACTS, DEFAULT
from tests.emulator.ml.job_bodies import checked_job
from tests.emulator.ml.refusals import invalid

COMMAND = "Command"
DEFAULT_OUTPUT = "default"
_LITERAL = "literal"


def begin_command(change: Change) -> dict[str, Any]:
    """Make the job that is asked for, which runs once it is written.

    Returns its properties as the service reads them.
    """
    asked = checked_job(change.properties)
    change.secrets["task"] = _task(change, asked).to_json()
    cloud, key = change.cloud, change.id.id

    def start() -> None:
        job = cloud.state.get(key)
        if job is not None and cloud.jobs is not None:
            cloud.jobs.start(job)

    change.created.append(start)
    return asked


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
        values={name: given["value"] for name, given in inputs.items() if _is_literal(given)},
        inputs={
            name: _input(change, name, given)
            for name, given in inputs.items()
            if not _is_literal(given)
        },
        outputs={name: _output(change, name, output) for name, output in outputs.items()},
        artifacts=find_place(
            cloud.state,
            workspace,
            f"azureml://datastores/{ARTIFACTS}/paths/ExperimentRun/dcid.{change.id.name}/",
        ),
        experiment=asked.get("experimentName") or "Default",
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
