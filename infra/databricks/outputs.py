"""The stack's one output, by which the runner finds an environment on Databricks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_databricks as databricks

from infra.databricks.batch import BatchEndpoint, wheel_path
from infra.databricks.foundation import Platform
from infra.databricks.online import ServingEndpoint
from infra.databricks.settings import Settings

SCHEMA_VERSION = 1


def runner_output(
    settings: Settings,
    platform: Platform,
    clusters: Mapping[str, databricks.Cluster],
    batch: Sequence[BatchEndpoint],
    online: Sequence[ServingEndpoint],
) -> dict[str, Any]:
    """Return the output `runner`, whose shape the runner reads; it holds no secret.

    An endpoint of which nothing is pinned is not in it, as there is nothing of it.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "platform": "databricks",
        "stack": settings.stack,
        "subscription_id": settings.subscription_id,
        "resource_group": platform.resource_group,
        "workspace": platform.workspace.name,
        "location": settings.location,
        "cloud": settings.cloud,
        "resource_id": platform.workspace.id,
        "host": platform.host,
        "workspace_id": platform.workspace.workspace_id,
        "catalog": settings.unity_catalog,
        "schema": settings.schema,
        "volume": platform.unity.volume.volume_path,
        "experiments": platform.experiments.path,
        "wheel": wheel_path(platform),
        "clusters": {name: {"cluster_id": cluster.id} for name, cluster in clusters.items()},
        "endpoints": {
            **{endpoint.name: _batch(endpoint) for endpoint in batch},
            **{endpoint.name: _online(endpoint, platform) for endpoint in online},
        },
    }


def _batch(endpoint: BatchEndpoint) -> dict[str, Any]:
    return {
        "kind": "batch",
        "name": endpoint.name,
        "deployments": sorted(endpoint.jobs),
        "default": endpoint.default,
        "jobs": {
            name: {"job_id": job.resource.id.apply(int), "model": job.model}
            for name, job in endpoint.jobs.items()
        },
    }


def _online(endpoint: ServingEndpoint, platform: Platform) -> dict[str, Any]:
    path = f"/serving-endpoints/{endpoint.name}/invocations"
    return {
        "kind": "online",
        "name": endpoint.name,
        # Once it is there, and not before.
        "scoring_uri": pulumi.Output.all(platform.host, endpoint.resource.id).apply(
            lambda found: found[0] + path
        ),
        "deployments": list(endpoint.deployments),
        "traffic": dict(endpoint.traffic),
    }
