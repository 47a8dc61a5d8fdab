"""Reads from the workspace's MLflow the run that a job tracked."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner.azureml.endpoints import reference
from runner.azureml.job_outputs import find_output
from runner.azureml.jobs import find_job, job_record
from runner.errors import NotFound
from runner.jobs.tracking_server import COMMIT, TrackingServer, read_run
from runner.remote.results import find_model
from runner.workspace import Run

if TYPE_CHECKING:
    from runner.azureml.connection import Connection


def tracked_run(connection: Connection, name: str) -> Run | None:
    """Return a job's run as it is so far; None for a batch job. Raises NotFound."""
    resource = find_job(connection, name)
    if job_record(connection, resource).type == "batch":
        return None
    run = read_run(TrackingServer(connection.tracking), name)
    if run is None:
        return None
    properties = resource["properties"]
    noted = properties.get("properties") or {}
    return replace(
        run,
        experiment=str(properties.get("experimentName") or ""),
        inputs={**run.inputs, **_inputs(properties.get("inputs") or {})},
        commit=run.commit or noted.get(COMMIT),
    )


def runs_page(connection: Connection) -> str:
    """Return the address of the page on which the workspace shows its runs."""
    resource = connection.outputs.resource_id
    return f"{connection.cloud.machine_learning}/experiments?wsid={resource}"


def model_address(connection: Connection, name: str) -> str:
    """Return the address of the model that a job made, as `find_model` says. Raises NotFound."""
    job = job_record(connection, find_job(connection, name))

    def has_output() -> bool:
        with suppress(NotFound):
            find_output(connection, job, "model")
            return True
        return False

    return find_model(job, has_output, lambda: tracked_run(connection, name))


def _inputs(declared: Mapping[str, Any]) -> dict[str, str]:
    """Return the addresses of a job's inputs that are files, by name."""
    inputs = {}
    for name, given in declared.items():
        uri = given.get("uri") or given.get("assetId")
        if uri:
            plain = str(uri).partition("?")[0]  # the rest may be a signature
            inputs[name] = reference(plain) or plain
    return inputs
