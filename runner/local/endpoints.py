"""The declared endpoints, as the local workspace sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runner.declarations import (
    AssetReference,
    BatchDeployment,
    BatchEndpoint,
    Catalog,
    OnlineDeployment,
)
from runner.errors import NotFound, WrongUsage
from runner.nearest import nearest
from runner.workspace import DeploymentInfo, EndpointInfo


def describe(catalog: Catalog) -> list[EndpointInfo]:
    """Every declared endpoint with its deployments, by name."""
    found = [
        EndpointInfo(
            name=one.name,
            kind="batch",
            deployments=_deployments(
                catalog.batch_deployments.get(one.name, {}).values(),
                default=one.defaults.deployment_name,
            ),
            default=one.defaults.deployment_name,
            description=one.description,
        )
        for one in catalog.batch_endpoints.values()
    ]
    found += [
        EndpointInfo(
            name=one.name,
            kind="online",
            deployments=_deployments(
                catalog.online_deployments.get(one.name, {}).values(), traffic=one.traffic
            ),
            description=one.description,
        )
        for one in catalog.online_endpoints.values()
    ]
    return sorted(found, key=lambda one: one.name)


def default_endpoint(catalog: Catalog) -> str | None:
    """The stack's default, else the only batch endpoint; None where one must be named."""
    if catalog.default_endpoint is not None:
        return catalog.default_endpoint
    return next(iter(catalog.batch_endpoints)) if len(catalog.batch_endpoints) == 1 else None


def choose_endpoint(catalog: Catalog, name: str | None) -> BatchEndpoint:
    """The endpoint of that name, else the default one.

    Raises NotFound for a name that isn't declared and WrongUsage where one must be named.
    """
    endpoints = catalog.batch_endpoints
    chosen = name or default_endpoint(catalog)
    if chosen is not None:
        if chosen in catalog.online_endpoints:
            raise WrongUsage(f"endpoint {chosen!r} is an online endpoint; score needs a batch one")
        if chosen not in endpoints:
            raise NotFound(f"no batch endpoint {chosen!r}{nearest(chosen, endpoints)}")
        return endpoints[chosen]
    if not endpoints:
        raise NotFound(f"no batch endpoint is declared under {catalog.folder}")
    raise WrongUsage(f"name the endpoint to use: {', '.join(sorted(endpoints))}")


def choose_deployment(
    catalog: Catalog, endpoint: BatchEndpoint, name: str | None
) -> BatchDeployment:
    """The endpoint's deployment of that name, else its default, else the only one it has.

    Raises NotFound for a name that isn't declared and WrongUsage where one must be named.
    """
    deployments = catalog.batch_deployments.get(endpoint.name, {})
    chosen = name or endpoint.defaults.deployment_name
    if chosen is None and len(deployments) == 1:
        (chosen,) = deployments
    if chosen is None:
        known = ", ".join(sorted(deployments)) or "it has none"
        raise WrongUsage(f"endpoint {endpoint.name!r} has no default deployment; name one: {known}")
    if chosen not in deployments:
        raise NotFound(
            f"endpoint {endpoint.name!r} has no deployment {chosen!r}{nearest(chosen, deployments)}"
        )
    return deployments[chosen]


def _deployments(
    declared: Iterable[BatchDeployment | OnlineDeployment],
    default: str | None = None,
    traffic: Mapping[str, int] | None = None,
) -> tuple[DeploymentInfo, ...]:
    return tuple(
        DeploymentInfo(
            name=one.name,
            endpoint=one.endpoint_name,
            model=str(one.model) if isinstance(one.model, AssetReference) else _path(one),
            driver=one.code_configuration.scoring_script if one.code_configuration else "mlflow",
            default=one.name == default,
            traffic=None if traffic is None else traffic.get(one.name, 0),
        )
        for one in declared
    )


def _path(deployment: BatchDeployment | OnlineDeployment) -> str | None:
    model = deployment.model
    return None if model is None or isinstance(model, AssetReference) else str(model.path)
