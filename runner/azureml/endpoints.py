"""A workspace's endpoints and their deployments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from runner.workspace import DeploymentInfo, EndpointInfo

if TYPE_CHECKING:
    from pathlib import Path

    from runner.azureml.connection import Connection

Kind = Literal["batch", "online"]
KINDS: dict[Kind, str] = {"batch": "batchEndpoints", "online": "onlineEndpoints"}
_AT_ONCE = 8  # requests
_VERSION_ID = re.compile(
    r"/workspaces/[^/]+/(?:models|data|codes|environments)/([^/]+)/versions/([^/]+)$"
)


def list_endpoints(connection: Connection) -> list[EndpointInfo]:
    """Every endpoint of the workspace, by name: the logical one where the stack knows it."""
    from concurrent.futures import ThreadPoolExecutor

    def described(found: tuple[Kind, dict[str, Any]]) -> EndpointInfo:
        return _describe(connection, *found)

    listed = [(kind, one) for kind in KINDS for one in connection.arm.pages(KINDS[kind])]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sorted(pool.map(described, listed), key=lambda one: one.name)


def show_endpoint(connection: Connection, name: str) -> EndpointInfo:
    """An endpoint by its logical or its actual name. Raises NotFound."""
    return _describe(connection, *find_endpoint(connection, name))


def find_endpoint(
    connection: Connection, name: str, kinds: tuple[Kind, ...] = ("batch", "online")
) -> tuple[Kind, dict[str, Any]]:
    """An endpoint's kind and its resource, by logical or actual name. Raises NotFound."""
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
    """The names of the workspace's endpoints, logical where the stack knows them."""
    return [
        connection.logical_name(one["name"])
        for kind in kinds
        for one in connection.arm.pages(KINDS[kind])
    ]


def default_endpoint(connection: Connection, stack_file: Path | None) -> str | None:
    """The stack file's default, else the only batch endpoint; None where one must be named."""
    from runner.declarations import read_stack

    chosen = read_stack(stack_file).default_endpoint if stack_file else None
    if chosen is not None:
        return chosen
    outputs = connection.outputs.endpoints
    if outputs is None:
        names = endpoint_names(connection, ("batch",))
    else:
        names = [name for name, one in outputs.items() if one.kind == "batch"]
    return names[0] if len(names) == 1 else None


def reference(asset_id: str | None) -> str | None:
    """`azureml:<name>:<version>` of a version's id in Resource Manager; other ids as they are."""
    found = _VERSION_ID.search(asset_id or "")
    return f"azureml:{found[1]}:{found[2]}" if found else asset_id


def deploying(connection: Connection, endpoint: str, kind: Kind) -> str:
    """How an endpoint, by its logical name, gets its first deployment."""
    # Of itself `--pin` takes batch deployments only.
    named = f" --deployment {endpoint}/DEPLOYMENT" if kind == "online" else ""
    return (
        "register and pin a model with `runner models register"
        f" --env {connection.outputs.stack or 'ENV'} --pin{named}`, then run `pulumi up`"
    )


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
                (_deployment(name, one, default, traffic) for one in deployments),
                key=lambda one: one.name,
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
    return DeploymentInfo(
        name=resource["name"],
        endpoint=endpoint,
        # A batch deployment holds an object that refers to its model, an online one the id itself.
        model=reference(model.get("assetId") if isinstance(model, dict) else model),
        driver=code.get("scoringScript") or "mlflow",
        default=resource["name"] == default,
        traffic=None if traffic is None else traffic.get(resource["name"], 0),
    )
