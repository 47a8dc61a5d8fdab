"""The links of the chain between a person and the endpoints of a Databricks workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from runner.azure.errors import scrub
from runner.databricks.client import SCOPE
from runner.databricks.connection import Connection
from runner.databricks.endpoints import READY, find_serving, state_of, traffic_of
from runner.databricks.files import list_folder, remove_file, write_file
from runner.databricks.wheel import find_wheel_place
from runner.errors import EnvironmentRefused
from runner.health import Link, pulumi_link, tried, until_broken
from runner.stacks.deploying import first_deployment, pulumi_up

if TYPE_CHECKING:
    from pathlib import Path

    from runner.databricks.outputs import EndpointOutput, Outputs

_LINKS = ("pulumi", "outputs", "sign-in", "workspace", "catalog", "volume", "endpoints")
_NEEDED = _LINKS[:4]  # without which the ones behind can't be looked at
_PROBE = ".runner-doctor"
_TROUBLES = ("CLIENT_ERROR", "CLOUD_FAILURE", "SERVICE_FAULT")  # for which a cluster ended


def examine(source: str, file: Path, read: Callable[[], Outputs]) -> Iterator[Link]:
    """Yield each link of the chain as it is looked at; behind a broken one the rest is skipped.

    `source` is what kind of description leads to the workspace and `read` reads it.
    """
    return until_broken(_chain(source, file, read), _LINKS, _NEEDED)


def _chain(source: str, file: Path, read: Callable[[], Outputs]) -> Iterator[Link]:
    yield pulumi_link(source, file)
    outputs: list[Outputs] = []
    yield tried("outputs", lambda: _read(outputs, read))
    connection = Connection(outputs[0])
    yield tried("sign-in", lambda: _sign_in(connection))
    yield tried("workspace", lambda: _workspace(connection))
    yield tried("catalog", lambda: _catalog(connection))
    yield tried("volume", lambda: _volume(connection))
    for name, cluster_id in sorted(connection.outputs.clusters.items()):
        yield tried(f"cluster {name}", partial(_cluster, connection, cluster_id))
    yield from _endpoints(connection)


def _read(kept: list[Outputs], read: Callable[[], Outputs]) -> str:
    outputs = read()
    kept.append(outputs)
    return f"{outputs.source} leads to workspace {outputs.workspace} at {outputs.host}"


def _sign_in(connection: Connection) -> str:
    connection.credential.get_token(SCOPE)
    return f"signed in to {connection.cloud.name}"


def _workspace(connection: Connection) -> str:
    me = connection.api.get("2.0", "preview", "scim", "v2", "Me")
    return f"{connection.outputs.workspace} knows {me.get('userName') or me.get('displayName')}"


def _catalog(connection: Connection) -> str:
    outputs = connection.outputs
    schema = f"{outputs.catalog}.{outputs.schema}"
    connection.api.get("2.1", "unity-catalog", "catalogs", outputs.catalog)
    connection.api.get("2.1", "unity-catalog", "schemas", schema)
    return f"schema {schema} holds the models"


def _volume(connection: Connection) -> str:
    """Read and write in the volume, without leaving anything behind."""
    volume = connection.outputs.volume
    probe = f"{volume}/{_PROBE}-{uuid4().hex[:8]}"
    list_folder(connection, volume)
    write_file(connection, probe, b"")
    remove_file(connection, probe)
    # The wheel itself is not looked for: every job sends it when it begins.
    find_wheel_place(connection)
    return f"{volume} can be read and written"


def _cluster(connection: Connection, cluster_id: str) -> str:
    found = connection.api.get("2.1", "clusters", "get", params={"cluster_id": cluster_id})
    state, reason = str(found.get("state")), found.get("termination_reason") or {}
    # A cluster that ended by itself is sound: the next run starts it.
    if state == "ERROR" or reason.get("type") in _TROUBLES:
        code, told = reason.get("code"), reason.get("parameters") or {}
        said = found.get("state_message") or told.get("azure_error_message") or "no reason given"
        raise EnvironmentRefused(
            f"{found.get('cluster_name')} is {state}{f' ({code})' if code else ''}:"
            f" {scrub(str(said))}; look at its event log in the workspace (Compute)"
        )
    return f"{found.get('cluster_name')} is {state}"


def _endpoints(connection: Connection) -> Iterator[Link]:
    known = connection.outputs.endpoints
    if not known:
        way = first_deployment(connection.outputs.stack, "")
        yield Link("endpoints", "failed", f"nothing is deployed yet: {way}")
    for logical, endpoint in sorted(known.items()):
        look = _batch if endpoint.kind == "batch" else _online
        yield tried(f"endpoint {logical}", partial(look, connection, logical, endpoint))
        for name, job in sorted(endpoint.jobs.items()):
            yield tried(f"deployment {logical}/{name}", partial(_job, connection, job.job_id))


def _batch(connection: Connection, logical: str, endpoint: EndpointOutput) -> str:
    if not endpoint.jobs:
        way = first_deployment(connection.outputs.stack, logical)
        raise EnvironmentRefused(f"{endpoint.name} has no deployment yet; {way}")
    if endpoint.default is None:
        raise EnvironmentRefused(
            f"{endpoint.name} has no default deployment; set `defaults: {{deployment_name: ...}}`"
            f" in the stack to one of {', '.join(sorted(endpoint.jobs))}"
        )
    return f"{endpoint.name}, default {endpoint.default}"


def _job(connection: Connection, job_id: int) -> str:
    found = connection.api.find("2.2", "jobs", "get", params={"job_id": str(job_id)})
    if found is None:
        again = pulumi_up(connection.outputs.stack)
        raise EnvironmentRefused(f"job {job_id} is not there; run {again}")
    return f"job {job_id}, {(found.get('settings') or {}).get('name')}"


def _online(connection: Connection, logical: str, endpoint: EndpointOutput) -> str:
    found = find_serving(connection, endpoint.name)
    if found is None:
        if not endpoint.deployments:
            way = first_deployment(connection.outputs.stack, logical, online=True)
            raise EnvironmentRefused(f"{endpoint.name} has no deployment yet; {way}")
        raise EnvironmentRefused(
            f"no serving endpoint {endpoint.name} in the workspace; run"
            f" {pulumi_up(connection.outputs.stack)}"
        )
    if (found.get("state") or {}).get("ready") != READY:
        raise EnvironmentRefused(
            f"{endpoint.name} is {state_of(found)}; wait, or look at its logs in the workspace"
            " (Serving)"
        )
    traffic = {name: share for name, share in traffic_of(found).items() if share}
    if not traffic:
        raise EnvironmentRefused(
            f"{endpoint.name} sends traffic nowhere; set `traffic` in the stack"
        )
    shares = ", ".join(f"{name} {share} %" for name, share in sorted(traffic.items()))
    return f"{endpoint.name} is {state_of(found)}, {shares}"
