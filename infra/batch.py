"""Batch endpoints, their pinned deployments, and which of those is the default."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.arguments import arguments
from infra.clusters import ClusterResource
from infra.endpoint import (
    Endpoint,
    code_args,
    deployment_tags,
    endpoint_tags,
    identity_args,
    model_id,
    routed_anew_with,
)
from infra.environments import Environments, environment_id
from infra.foundation import Platform
from infra.options import made_by_commit, serves
from infra.pins import default_deployment, pinned
from infra.routing import Routing
from infra.settings import Settings
from runner.declarations import BatchDeployment, BatchEndpoint


def declare_batch_endpoints(
    settings: Settings, platform: Platform, environments: Environments
) -> list[Endpoint]:
    """Declare every batch endpoint, what of it is pinned, and its default if that is pinned."""
    return [
        _declare(endpoint, settings, platform, environments)
        for _, endpoint in sorted(settings.catalog.batch_endpoints.items())
    ]


def _declare(
    declared: BatchEndpoint, settings: Settings, platform: Platform, environments: Environments
) -> Endpoint:
    catalog = settings.catalog
    endpoint = _endpoint(declared, settings, platform)
    deployments = {
        name: _deployment(one, endpoint, settings, platform, environments)
        for name, one in pinned(catalog.batch_deployments.get(declared.name, {})).items()
    }
    default = default_deployment(catalog, declared.name)
    if default is not None:
        Routing(
            declared.name,
            endpoint=endpoint,
            deployments=deployments,
            declared=routed_anew_with(declared, settings),
            protect=settings.production,
            default=default,
        )
    return Endpoint(declared.name, "batch", endpoint, deployments, default=default)


def _endpoint(declared: BatchEndpoint, settings: Settings, platform: Platform) -> ml.BatchEndpoint:
    """Without its default, which would name a deployment that needs the endpoint first."""
    return ml.BatchEndpoint(
        declared.name,
        resource_group_name=platform.resource_group.name,
        workspace_name=platform.workspace.name,
        endpoint_name=settings.names.endpoint(declared.name),
        location=settings.location,
        identity=identity_args(declared.identity) if declared.identity else None,
        properties=ml.BatchEndpointPropertiesArgs(
            auth_mode=ml.EndpointAuthMode.AAD_TOKEN,
            description=declared.description or None,
            properties=dict(declared.properties) or None,
        ),
        tags=endpoint_tags(declared, settings),
        # A refresh sees the default that the routing set; it is not the endpoint's to take away.
        opts=serves(settings, ignore_changes=["properties.defaults"], delete_before_replace=True),
    )


def _deployment(
    declared: BatchDeployment,
    endpoint: ml.BatchEndpoint,
    settings: Settings,
    platform: Platform,
    environments: Environments,
) -> ml.BatchDeployment:
    model = model_id(declared, platform)
    return ml.BatchDeployment(
        f"{declared.endpoint_name}-{declared.name}",
        resource_group_name=platform.resource_group.name,
        workspace_name=platform.workspace.name,
        endpoint_name=endpoint.name,
        deployment_name=declared.name,
        location=settings.location,
        properties=ml.BatchDeploymentPropertiesArgs(
            description=declared.description or None,
            properties=dict(declared.properties) or None,
            model=None
            if model is None
            else ml.IdAssetReferenceArgs(asset_id=model, reference_type="Id"),
            code_configuration=code_args(declared, platform),
            environment_id=environment_id(declared, environments, settings, platform),
            compute=_compute(declared, platform),
            resources=ml.DeploymentResourceConfigurationArgs(
                instance_count=declared.resources.instance_count,
                instance_type=declared.resources.instance_type,
                properties=dict(declared.resources.properties) or None,
            ),
            **arguments(declared.settings),
        ),
        tags=deployment_tags(declared, settings),
        opts=made_by_commit(
            parent=endpoint,
            protect=False,  # once it answers nobody, it may go
            depends_on=_cluster_deletion(declared, platform),
            delete_before_replace=True,
        ),
    )


def _compute(declared: BatchDeployment, platform: Platform) -> pulumi.Input[str] | None:
    """The id of one of the stack's clusters, or an id as it is declared."""
    cluster = _cluster(declared, platform)
    return cluster.id if cluster else declared.compute


def _cluster_deletion(declared: BatchDeployment, platform: Platform) -> list[pulumi.Resource]:
    """What has to wait for the deployment to go: Azure deletes no cluster that one names."""
    cluster = _cluster(declared, platform)
    return [cluster.deletion] if cluster else []


def _cluster(declared: BatchDeployment, platform: Platform) -> ClusterResource | None:
    """The stack's cluster; None for an id as it is declared."""
    if declared.compute is None or "/" in declared.compute:
        return None
    return platform.clusters[declared.compute]
