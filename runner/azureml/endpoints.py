"""Finds a workspace's endpoints and their deployments."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from runner.invocation.request import Deployments
from runner.remote.endpoints import StackEndpoints
from runner.workspace import DeploymentInfo, EndpointInfo

if TYPE_CHECKING:
    from runner.azureml.connection import Connection

Kind = Literal["batch", "online"]
KINDS: dict[Kind, str] = {"batch": "batchEndpoints", "online": "onlineEndpoints"}
_AT_ONCE = 8  # requests
_VERSION_ID = re.compile(r"/workspaces/[^/]+/[^/]+/([^/]+)/versions/([^/]+)$")


def list_endpoints(connection: Connection) -> list[EndpointInfo]:
    """Return the workspace's endpoints, sorted by name, which is logical if the stack knows it."""
    from concurrent.futures import ThreadPoolExecutor

    def described(found: tuple[Kind, dict[str, Any]]) -> EndpointInfo:
        return _describe(connection, *found)

    listed = [(kind, found) for kind in KINDS for found in connection.arm.pages(KINDS[kind])]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sorted(pool.map(described, listed), key=lambda endpoint: endpoint.name)


def show_endpoint(connection: Connection, name: str) -> EndpointInfo:
    """Return an endpoint by its logical or actual name. Raises NotFound."""
    return _describe(connection, *find_endpoint(connection, name))


def find_endpoint(
    connection: Connection, name: str, kinds: tuple[Kind, ...] = ("batch", "online")
) -> tuple[Kind, dict[str, Any]]:
    """Return an endpoint's kind and resource, by logical or actual name. Raises NotFound."""
    known = (connection.outputs.endpoints or {}).get(name)
    for kind in kinds:
        if known is not None and known.kind != kind:
            continue
        found = connection.arm.find(KINDS[kind], connection.actual_name(name))
        if found is not None:
            return kind, found
    noun = f"{kinds[0]} endpoint" if len(kinds) == 1 else "endpoint"
    raise connection.missing(noun, name, lambda: endpoint_names(connection, kinds))


def endpoint_names(
    connection: Connection, kinds: tuple[Kind, ...] = ("batch", "online")
) -> list[str]:
    """Return the names of the workspace's endpoints, logical where the stack knows them."""
    return [
        connection.logical_name(endpoint["name"])
        for kind in kinds
        for endpoint in connection.arm.pages(KINDS[kind])
    ]


class DeployedEndpoints(StackEndpoints):
    """The workspace's batch endpoints; implements `runner.invocation.request.BatchEndpoints`.

    Resource Manager is asked only for facts that the stack's output lacks.
    """

    def __init__(self, connection: Connection, chosen: str | None) -> None:
        outputs = connection.outputs
        super().__init__(outputs.endpoints or {}, outputs.stack, chosen)
        self._connection = connection
        self._found: dict[str, dict[str, Any]] = {}

    def names(self) -> Collection[str]:
        if self._connection.outputs.endpoints is None:
            return self.all_names()
        return super().names()

    def all_names(self) -> Collection[str]:
        return endpoint_names(self._connection, ("batch",))

    def deployments(self, endpoint: str, asked: str | None) -> Deployments:
        known = self._known.get(endpoint)
        if known is not None and known.scoring_uri:
            told = known.default if asked is None else asked in known.deployments
            if told:
                names = {*known.deployments, *([known.default] if known.default else [])}
                return Deployments(names, known.default)
        # The stack's output may be older than the endpoint.
        found = self.look_up(endpoint)
        if asked is None or asked.lower() not in map(str.lower, found.names):
            return found
        return replace(found, names={*found.names, asked})  # the case of names does not matter

    def look_up(self, endpoint: str) -> Deployments:
        """Return an endpoint's deployments as Resource Manager has them. Raises NotFound."""
        _, found = find_endpoint(self._connection, endpoint, ("batch",))
        self._found[endpoint] = found
        path = ("batchEndpoints", found["name"], "deployments")
        names = [str(deployment["name"]) for deployment in self._connection.arm.pages(*path)]
        default = (found["properties"].get("defaults") or {}).get("deploymentName")
        return Deployments(names, default or None)

    def scoring_uri(self, endpoint: str) -> str:
        """Return the address of an endpoint; its deployments were asked for before."""
        if endpoint in self._found:
            return str(self._found[endpoint]["properties"]["scoringUri"])
        known = self._known[endpoint]
        assert known.scoring_uri is not None, "else it was looked up"
        return known.scoring_uri


def reference(asset_id: str | None) -> str | None:
    """Return `azureml:<name>:<version>` for a version's id; other ids stay as they are."""
    found = _VERSION_ID.search(asset_id or "")
    return f"azureml:{found[1]}:{found[2]}" if found else asset_id


def component_of(deployment: Mapping[str, Any]) -> str | None:
    """Return the id of a batch deployment's component; None where it runs a model."""
    configuration = deployment["properties"].get("deploymentConfiguration") or {}
    return (configuration.get("componentId") or {}).get("assetId")


def _describe(connection: Connection, kind: Kind, endpoint: Mapping[str, Any]) -> EndpointInfo:
    name = connection.logical_name(endpoint["name"])
    properties = endpoint["properties"]
    default = (properties.get("defaults") or {}).get("deploymentName") if kind == "batch" else None
    traffic = (properties.get("traffic") or {}) if kind == "online" else None
    deployments = connection.arm.pages(KINDS[kind], endpoint["name"], "deployments")
    return EndpointInfo(
        name=name,
        kind=kind,
        deployments=tuple(
            sorted(
                (_deployment(name, found, default, traffic) for found in deployments),
                key=lambda deployment: deployment.name,
            )
        ),
        default=default,
        scoring_uri=properties.get("scoringUri"),
        description=properties.get("description") or "",
    )


def _deployment(
    endpoint: str,
    resource: Mapping[str, Any],
    default: str | None,
    traffic: Mapping[str, int] | None,
) -> DeploymentInfo:
    properties = resource["properties"]
    model = properties.get("model")
    code = properties.get("codeConfiguration") or {}
    component = component_of(resource)
    pipeline = f"pipeline {reference(component)}" if component else None
    return DeploymentInfo(
        name=resource["name"],
        endpoint=endpoint,
        # A batch deployment holds an object that refers to its model, an online one the id itself.
        model=reference(model.get("assetId") if isinstance(model, dict) else model),
        driver=pipeline or code.get("scoringScript") or "mlflow",
        default=resource["name"] == default,
        traffic=None if traffic is None else traffic.get(resource["name"], 0),
    )
