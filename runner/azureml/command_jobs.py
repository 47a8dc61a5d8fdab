"""A command job in the words of Resource Manager.

What `az ml job create` would send of the same file, as far as the service's released interface
takes it; a key it would send otherwise is refused here, so that none is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.declarations import CommandJob, JobInput, JobOutput, Resources
from runner.declarations.catalog import place_of
from runner.declarations.problem import DeclarationError, Problem

_INPUT_MODES = {
    "ro_mount": "ReadOnlyMount",
    "download": "Download",
    "direct": "Direct",
    "eval_mount": "EvalMount",
    "eval_download": "EvalDownload",
}
_OUTPUT_MODES = {
    "rw_mount": "ReadWriteMount",
    "mount": "ReadWriteMount",
    "upload": "Upload",
    "direct": "Direct",
}
_TIERS = {one.lower(): one for one in ("Null", "Spot", "Basic", "Standard", "Premium")}
_PROCESSES = {"process_count_per_instance": "processCountPerInstance"}
# What a `type` becomes, and the keys that go with it.
_DISTRIBUTIONS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "mpi": ("Mpi", _PROCESSES),
    "pytorch": ("PyTorch", _PROCESSES),
    "tensorflow": (
        "TensorFlow",
        {"parameter_server_count": "parameterServerCount", "worker_count": "workerCount"},
    ),
}
_IDENTITIES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "aml_token": ("AMLToken", {}),
    "managed": ("Managed", {"client_id": "clientId", "object_id": "objectId"}),
    "managed_identity": ("Managed", {"client_id": "clientId", "object_id": "objectId"}),
}


@dataclass(frozen=True)
class Parts:
    """What a job is put together from, as the workspace has it."""

    environment: str  # id
    code: str | None  # id
    compute: str | None  # id; none for Azure's own choice
    inputs: Mapping[str, Mapping[str, Any]]


def check_keys(job: CommandJob) -> None:
    """Raise DeclarationError for keys that can't be sent."""
    problems = [Problem(place_of(job.source, *keys), ".".join(keys), _WAY) for keys in _unsent(job)]
    if problems:
        raise DeclarationError(problems)


def job_properties(job: CommandJob, parts: Parts) -> dict[str, Any]:
    """The properties of the job that is to be."""
    properties = {
        "jobType": "Command",
        "command": job.command,
        "environmentId": parts.environment,
        "codeId": parts.code,
        "computeId": parts.compute,
        "displayName": job.display_name,
        "experimentName": job.experiment_name,
        "description": job.description,
        "tags": dict(job.tags),
        "properties": dict(job.properties),
        "inputs": {name: dict(one) for name, one in parts.inputs.items()},
        "outputs": {name: _output(one) for name, one in job.outputs.items()},
        "environmentVariables": dict(job.environment_variables),
        "resources": _resources(job.resources),
        "limits": _limits(job),
        "distribution": _typed(job.distribution, "distributionType", _DISTRIBUTIONS),
        "identity": _typed(job.identity, "identityType", _IDENTITIES),
        "queueSettings": _queue(job.queue_settings),
    }
    return {name: value for name, value in properties.items() if value} | {"isArchived": False}


def literal(value: object) -> dict[str, Any]:
    """An input that is a value."""
    return {"jobInputType": "literal", "value": str(value)}


def asset_input(given: JobInput, uri: str) -> dict[str, Any]:
    """An input that is read from somewhere."""
    wire: dict[str, Any] = {"jobInputType": given.type, "uri": uri}
    return wire | ({"mode": _INPUT_MODES[given.mode]} if given.mode else {})


_WAY = "the runner does not send it: take it out, or begin the job with `az ml job create -f FILE`"


def _unsent(job: CommandJob) -> Iterator[tuple[str, ...]]:
    """The keys of a job that the service's released interface has no place for."""
    for key in ("services", "parent_job_name"):
        if getattr(job, key):
            yield (key,)
    for key, value in (("distribution", job.distribution), ("identity", job.identity)):
        kinds = _DISTRIBUTIONS if key == "distribution" else _IDENTITIES
        known = kinds.get(str((value or {}).get("type")).lower())
        if value and known is None:
            yield (key, "type") if "type" in value else (key,)
        yield from ((key, one) for one in value or {} if known and one not in ("type", *known[1]))
    for key, setting in (job.queue_settings or {}).items():
        if key != "job_tier" or str(setting).lower() not in _TIERS:
            yield ("queue_settings", key)
    for key in ("locations", "max_instance_count"):
        if getattr(job.resources, key):
            yield ("resources", key)
    for name, one in job.inputs.items():
        for key in ("datastore", "path_on_compute"):
            if isinstance(one, JobInput) and getattr(one, key):
                yield ("inputs", name, key)
    for name, output in job.outputs.items():
        if output.version:
            yield ("outputs", name, "version")
        if isinstance(output.path, Path):  # of this machine, where no cluster writes
            yield ("outputs", name, "path")


def _output(output: JobOutput) -> dict[str, Any]:
    wire = {"jobOutputType": output.type, "mode": _OUTPUT_MODES[output.mode]}
    more = {"assetName": output.name, "uri": output.path}
    return wire | {key: value for key, value in more.items() if value}


def _resources(resources: Resources) -> dict[str, Any]:
    arguments = resources.docker_args
    wire = {
        "instanceCount": resources.instance_count,
        "instanceType": resources.instance_type,
        "properties": dict(resources.properties),
        "shmSize": resources.shm_size,
        "dockerArgs": arguments if isinstance(arguments, str) else None,
        "dockerArgsList": list(arguments) if isinstance(arguments, tuple) else None,
    }
    return {key: value for key, value in wire.items() if value}


def _limits(job: CommandJob) -> dict[str, Any] | None:
    if job.limits.timeout is None:
        return None
    return {"jobLimitsType": "Command", "timeout": f"PT{job.limits.timeout}S"}


def _typed(
    given: Mapping[str, Any] | None, key: str, kinds: Mapping[str, tuple[str, Mapping[str, str]]]
) -> dict[str, Any] | None:
    """A mapping whose `type` decides what else is in it."""
    if not given:
        return None
    kind, names = kinds[str(given["type"]).lower()]
    return {key: kind} | {names[one]: value for one, value in given.items() if one != "type"}


def _queue(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {"jobTier": _TIERS[str(given["job_tier"]).lower()]} if given else None
