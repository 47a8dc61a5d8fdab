"""Checks each link between this machine and the endpoints of a workspace on Azure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from runner.azure.errors import ServiceError, translated_errors
from runner.azure.ways_out import BLOB_CONTRIBUTOR, BLOB_READER
from runner.azureml.connection import Connection
from runner.azureml.endpoints import KINDS
from runner.azureml.storage import storage_of
from runner.health import Link, pulumi_link, tried, until_broken
from runner.stacks.deploying import first_deployment, pulumi_up

if TYPE_CHECKING:
    from pathlib import Path

    from runner.azureml.outputs import Outputs
    from runner.stacks.output import EndpointOutput

_LINKS = ("pulumi", "outputs", "sign-in", "workspace", "data plane", "storage", "endpoints")
_NEEDED = _LINKS[:4]  # without which the links behind can't be checked
_PROBE = "runner-doctor"  # the name of a blob that is never written, and of a run that never was


def examine(source: str, file: Path, read: Callable[[], Outputs]) -> Iterator[Link]:
    """Yield each link of the chain as it is checked; behind a broken one the rest is skipped.

    `source` is the kind of description that leads to the workspace, and `read` reads it.
    """
    return until_broken(_chain(source, file, read), _LINKS, _NEEDED)


def _chain(source: str, file: Path, read: Callable[[], Outputs]) -> Iterator[Link]:
    yield pulumi_link(source, file)
    outputs: list[Outputs] = []
    yield tried("outputs", lambda: _read(outputs, read))
    connection = Connection(outputs[0])
    yield tried("sign-in", lambda: _sign_in(connection))
    yield tried("workspace", lambda: _workspace(connection))
    yield tried("data plane", lambda: _data_plane(connection))
    yield tried("storage", lambda: _storage(connection))
    yield from _endpoints(connection)


def _read(kept: list[Outputs], read: Callable[[], Outputs]) -> str:
    outputs = read()
    kept.append(outputs)
    return f"{outputs.source} leads to workspace {outputs.workspace} in {outputs.resource_group}"


def _sign_in(connection: Connection) -> str:
    cloud = connection.cloud
    # Resource Manager and the workspace's own interfaces each take a token of their own.
    for scope in (cloud.resource_manager_scope, cloud.machine_learning_scope):
        connection.credential.get_token(scope)
    return f"signed in to {cloud.name}"


def _workspace(connection: Connection) -> str:
    state = (connection.workspace.get("properties") or {}).get("provisioningState")
    if state not in (None, "Succeeded"):
        raise ServiceError(f"the workspace is {state}; wait, or look at it in the portal")
    return f"{connection.outputs.workspace} in {connection.workspace.get('location')}"


def _data_plane(connection: Connection) -> str:
    """Check that the workspace itself answers, which a private link can prevent."""
    try:
        connection.history.find("runs", _PROBE, "details")
    except ServiceError as error:
        if error.status in (401, 403, None):
            raise
        # Any other answer came from the workspace.
    return "the workspace answers from here"


def _storage(connection: Connection) -> str:
    """Check that the default datastore can be read and written, without leaving a blob in it."""
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

    name = storage_of(connection).default_name
    container = storage_of(connection).container(name)
    with translated_errors(f"list the blobs of datastore {name!r}", role=BLOB_READER):
        next(iter(container.list_blobs(results_per_page=1)), None)
    with (
        translated_errors(f"write to datastore {name!r}", role=BLOB_CONTRIBUTOR),
        # Rights are checked before conditions, and this condition never holds.
        suppress(ResourceModifiedError, ResourceNotFoundError),
    ):
        container.upload_blob(
            _PROBE,
            b"",
            overwrite=True,
            etag="0x0",
            match_condition=MatchConditions.IfNotModified,
        )
    return f"datastore {name} can be read and written"


def _endpoints(connection: Connection) -> Iterator[Link]:
    known = connection.outputs.endpoints
    if known is None:
        yield Link("endpoints", "skipped", "Pulumi doesn't manage this workspace's")
        return
    if not known:
        yield Link("endpoints", "failed", "the stack has none: declare one in models/")
    for logical, endpoint in sorted(known.items()):
        deployments: list[Any] = []
        look = partial(_endpoint, connection, logical, endpoint, deployments)
        yield tried(f"endpoint {logical}", look)
        for deployment in deployments:
            yield _deployment(connection, logical, deployment)


def _endpoint(
    connection: Connection, logical: str, endpoint: EndpointOutput, kept: list[Any]
) -> str:
    kind = KINDS[endpoint.kind]
    again = pulumi_up(connection.outputs.stack)
    found = connection.arm.find(kind, endpoint.name)
    if found is None:
        raise ServiceError(
            f"no {endpoint.kind} endpoint {endpoint.name} in the workspace; run {again}"
        )
    properties = found["properties"]
    state = properties.get("provisioningState")
    if state != "Succeeded":
        raise ServiceError(f"{endpoint.name} is {state}; run {again}, or look in the portal")
    listed = connection.arm.pages(kind, endpoint.name, "deployments")
    kept += sorted(listed, key=lambda deployment: str(deployment["name"]))
    names = [deployment["name"] for deployment in kept]
    if not names:
        online = endpoint.kind == "online"
        way = first_deployment(connection.outputs.stack, logical, online=online)
        raise ServiceError(f"{endpoint.name} has no deployment yet; {way}")
    if endpoint.kind == "online":
        traffic = {
            name: share for name, share in (properties.get("traffic") or {}).items() if share
        }
        if not traffic:
            raise ServiceError(f"{endpoint.name} sends traffic nowhere; set `traffic` in the stack")
        return f"{endpoint.name}, " + ", ".join(
            f"{deployment} {share} %" for deployment, share in sorted(traffic.items())
        )
    default = (properties.get("defaults") or {}).get("deploymentName")
    if default is None:
        raise ServiceError(
            f"{endpoint.name} has no default deployment; set `defaults: {{deployment_name: ...}}`"
            f" in the stack to one of {', '.join(names)}"
        )
    return f"{endpoint.name}, default {default}"


def _deployment(connection: Connection, endpoint: str, deployment: Any) -> Link:
    name = f"deployment {endpoint}/{deployment['name']}"
    state = deployment["properties"].get("provisioningState")
    if state == "Succeeded":
        return Link(name, "ok", "ready")
    again = pulumi_up(connection.outputs.stack)
    return Link(name, "failed", f"is {state}; run {again}, or look at its logs in the portal")
