"""The stack's one output: where the runner finds the environment."""

from collections.abc import Iterable
from typing import Any

from infra.endpoints.endpoint import Endpoint
from infra.foundation.platform import Platform
from infra.settings import Settings

SCHEMA_VERSION = 1


def runner_output(
    settings: Settings, platform: Platform, endpoints: Iterable[Endpoint]
) -> dict[str, Any]:
    """Return the output `runner`, whose shape the runner reads; it holds no secret."""
    return {
        "schema_version": SCHEMA_VERSION,
        "stack": settings.stack,
        "subscription_id": settings.subscription_id,
        "resource_group": settings.resource_group,
        "workspace": settings.workspace,
        "location": settings.location,
        "cloud": settings.cloud,
        "tracking_uri": platform.workspace.ml_flow_tracking_uri,
        "clusters": {
            name: {"size": cluster.size, "max_instances": cluster.max_instances}
            for name, cluster in settings.clusters.items()
        },
        "endpoints": {endpoint.logical_name: _endpoint(endpoint) for endpoint in endpoints},
    }


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    batch = endpoint.kind == "batch"
    return {
        "kind": endpoint.kind,
        "name": endpoint.name,
        "scoring_uri": endpoint.scoring_uri,
        "deployments": sorted(endpoint.deployments),
        **({"default": endpoint.default} if batch else {"traffic": dict(endpoint.traffic)}),
    }
