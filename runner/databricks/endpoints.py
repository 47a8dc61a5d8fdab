"""A workspace's endpoints: batch ones are jobs of the stack, online ones serving endpoints."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from runner.invocation.request import Deployments
from runner.remote.endpoints import StackEndpoints
from runner.stacks.deploying import first_deployment
from runner.workspace import DeploymentInfo, EndpointInfo

if TYPE_CHECKING:
    from runner.databricks.connection import Connection
    from runner.databricks.outputs import EndpointOutput
    from runner.declarations import Catalog

SERVING = ("2.0", "serving-endpoints")
READY = "READY"
_AT_ONCE = 8  # requests
_IN_REGISTRY = "models:/"


def list_endpoints(connection: Connection, catalog: Catalog) -> list[EndpointInfo]:
    """List the stack's batch endpoints, and the serving endpoints of the stack and its models.

    They come by name: the logical one where the stack knows it.
    """
    batch = [
        _batch(connection, catalog, logical, known)
        for logical, known in connection.outputs.endpoints.items()
        if known.kind == "batch"
    ]
    names = list(_serving_names(connection))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(lambda name: find_serving(connection, name), names))
    online = [_online(connection, endpoint) for endpoint in found if endpoint]
    return sorted([*batch, *online], key=lambda endpoint: endpoint.name)


def show_endpoint(connection: Connection, catalog: Catalog, name: str) -> EndpointInfo:
    """Return an endpoint by its logical or its actual name. Raises NotFound."""
    for logical, known in connection.outputs.endpoints.items():
        if known.kind == "batch" and name in (logical, known.name):
            return _batch(connection, catalog, logical, known)
    found = find_serving(connection, connection.actual_name(name))
    if found is not None:
        return _online(connection, found)
    online = name not in catalog.batch_endpoints
    way = first_deployment(connection.outputs.stack, name, online=online)
    raise connection.missing("endpoint", name, lambda: _all_names(connection), way)


def find_serving(connection: Connection, actual: str) -> Mapping[str, Any] | None:
    """Return a serving endpoint as the workspace has it, with its traffic; None without one."""
    found: Mapping[str, Any] | None = connection.api.find(*SERVING, actual)
    return found


def serving_names(connection: Connection) -> list[str]:
    """List the names of the online endpoints, logical where the stack knows them."""
    return [connection.logical_name(name) for name in _serving_names(connection)]


def served_entities(endpoint: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """List what an endpoint serves; if it has never been ready, what it is going to serve."""
    config = endpoint.get("config") or endpoint.get("pending_config") or {}
    return list(config.get("served_entities") or ())


def traffic_of(endpoint: Mapping[str, Any]) -> dict[str, int]:
    """Return the percentage of the requests that each served entity gets."""
    config = endpoint.get("config") or endpoint.get("pending_config") or {}
    routes = (config.get("traffic_config") or {}).get("routes") or ()
    return {
        str(route.get("served_entity_name") or route.get("served_model_name")): int(
            route.get("traffic_percentage") or 0
        )
        for route in routes
    }


def state_of(endpoint: Mapping[str, Any]) -> str:
    """Describe the state of a serving endpoint in words, with the reasons why it is not ready."""
    state = endpoint.get("state") or {}
    said = [str(state.get("ready") or "of unknown state").replace("_", " ").lower()]
    update = str(state.get("config_update") or "NOT_UPDATING")
    if update != "NOT_UPDATING":
        said.append(f"update {update.removeprefix('UPDATE_').replace('_', ' ').lower()}")
    pending = endpoint.get("pending_config") or {}
    entities = [*served_entities(endpoint), *(pending.get("served_entities") or ())]
    for entity in entities:
        told = entity.get("state") or {}
        deployment = str(told.get("deployment") or "DEPLOYMENT_READY")
        if deployment != "DEPLOYMENT_READY":
            reason = " ".join(str(told.get("deployment_state_message") or "").split())
            word = deployment.removeprefix("DEPLOYMENT_").lower()
            part = f"{entity.get('name')} {word}{f': {reason}' if reason else ''}"
            said += [part] if part not in said else []
    return ", ".join(said)


class DeployedEndpoints(StackEndpoints):
    """The workspace's batch endpoints; implements `runner.invocation.request.BatchEndpoints`.

    The stack's output knows them all, so nothing is asked.
    """

    def __init__(self, connection: Connection, chosen: str | None) -> None:
        outputs = connection.outputs
        super().__init__(outputs.endpoints, outputs.stack, chosen)
        self._connection = connection

    def all_names(self) -> Collection[str]:
        return self.names()

    def deployments(self, endpoint: str, asked: str | None) -> Deployments:
        known = self._connection.outputs.endpoints.get(endpoint)
        if known is None or known.kind != "batch":
            way = self.first_deployment(endpoint)
            raise self._connection.missing("batch endpoint", endpoint, self.names, way)
        return Deployments(known.jobs.keys(), known.default)


def reference(connection: Connection, model: str | None) -> str | None:
    """Return `azureml:<name>:<version>` for a model of the stack's schema, else the address."""
    if model is None:
        return None
    name, _, version = model.removeprefix(_IN_REGISTRY).rpartition("/")
    own = connection.outputs.model_name("")
    return f"azureml:{name.removeprefix(own)}:{version}" if name.startswith(own) else model


def _serving_names(connection: Connection) -> Iterator[str]:
    """Yield the actual names of the serving endpoints that belong to the environment."""
    known = {
        endpoint.name
        for endpoint in connection.outputs.endpoints.values()
        if endpoint.kind == "online"
    }
    own = connection.outputs.model_name("")
    for endpoint in connection.api.listing(*SERVING, key="endpoints"):
        entities = served_entities(endpoint)
        serves_own = any(str(entity.get("entity_name")).startswith(own) for entity in entities)
        if serves_own or endpoint["name"] in known:
            yield str(endpoint["name"])


def _all_names(connection: Connection) -> list[str]:
    batch = [name for name, known in connection.outputs.endpoints.items() if known.kind == "batch"]
    return [*batch, *serving_names(connection)]


def _batch(
    connection: Connection, catalog: Catalog, logical: str, known: EndpointOutput
) -> EndpointInfo:
    declared = catalog.batch_endpoints.get(logical)
    deployments = catalog.batch_deployments.get(logical, {})

    def driver(name: str) -> str:
        code = deployments[name].code_configuration if name in deployments else None
        return (code.scoring_script if code else None) or "mlflow"

    return EndpointInfo(
        name=logical,
        kind="batch",
        deployments=tuple(
            DeploymentInfo(
                name=name,
                endpoint=logical,
                model=reference(connection, job.model),
                driver=driver(name),
                default=name == known.default,
            )
            for name, job in sorted(known.jobs.items())
        ),
        default=known.default,
        description=declared.description if declared else "",
    )


def _online(connection: Connection, endpoint: Mapping[str, Any]) -> EndpointInfo:
    actual = str(endpoint["name"])
    name, traffic = connection.logical_name(actual), traffic_of(endpoint)
    entities = sorted(served_entities(endpoint), key=lambda entity: str(entity.get("name")))
    return EndpointInfo(
        name=name,
        kind="online",
        deployments=tuple(
            DeploymentInfo(
                name=str(entity.get("name")),
                endpoint=name,
                model=reference(
                    connection,
                    f"{_IN_REGISTRY}{entity.get('entity_name')}/{entity.get('entity_version')}",
                ),
                driver="mlflow",
                default=False,
                traffic=traffic.get(str(entity.get("name")), 0),
            )
            for entity in entities
        ),
        scoring_uri=f"{connection.outputs.host}/serving-endpoints/{actual}/invocations",
        description=str(endpoint.get("description") or ""),
        state=state_of(endpoint),
    )
