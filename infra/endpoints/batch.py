"""Batch endpoints, their pinned deployments, and which of those is the default."""

from __future__ import annotations

from dataclasses import asdict

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.component import Component
from infra.compute.clusters import ClusterResource
from infra.dynamic.routing import Routing
from infra.endpoints.arguments import arguments
from infra.endpoints.endpoint import (
    Endpoint,
    asset_id,
    code_args,
    deployment_tags,
    identity_args,
    model_id,
    routing_triggers,
)
from infra.endpoints.environments import Environments, environment_id
from infra.endpoints.schedules import declare_schedules
from infra.foundation.platform import Platform
from infra.known import known
from infra.options import made_by_commit, serves
from infra.pins import default_deployment, pinned
from infra.settings import Settings
from runner.declarations import (
    AssetReference,
    BatchDeployment,
    BatchEndpoint,
    PipelineDeployment,
)
from runner.declarations.pipeline_deployment import PipelineSettings


def declare_batch_endpoints(
    settings: Settings, platform: Platform, environments: Environments
) -> list[Endpoint]:
    """Declare every batch endpoint, what of it is pinned, and its default if that is pinned."""
    endpoints = []
    for _, declared in sorted(settings.catalog.batch_endpoints.items()):
        with Component("Endpoint", declared.name):
            endpoints.append(_declare(declared, settings, platform, environments))
    return endpoints


def _declare(
    declared: BatchEndpoint, settings: Settings, platform: Platform, environments: Environments
) -> Endpoint:
    catalog = settings.catalog
    endpoint = _endpoint(declared, settings, platform)
    deployments = {
        name: _deployment(deployment, endpoint, settings, platform, environments)
        for name, deployment in pinned(catalog.batch_deployments.get(declared.name, {})).items()
    }
    deployments |= {
        name: _deployment(pipeline, endpoint, settings, platform, environments)
        for name, pipeline in pinned(catalog.pipeline_deployments.get(declared.name, {})).items()
    }
    default = default_deployment(catalog, declared.name)
    before_schedules: list[pulumi.Resource] = [*deployments.values()]
    if default is not None:
        routing = Routing(
            declared.name,
            endpoint=endpoint,
            deployments=deployments,
            declared=routing_triggers(declared, settings),
            protect=settings.production,
            default=default,
        )
        before_schedules.append(routing)
    declare_schedules(settings, platform, endpoint, declared.name, before_schedules)
    return Endpoint(
        declared.name,
        settings.endpoint_name(declared.name),
        "batch",
        endpoint,
        deployments,
        default=default,
    )


def _endpoint(declared: BatchEndpoint, settings: Settings, platform: Platform) -> ml.BatchEndpoint:
    """Declare it without its default, a deployment that needs the endpoint first."""
    return ml.BatchEndpoint(
        declared.name,
        resource_group_name=platform.resource_group.name,
        workspace_name=platform.workspace.name,
        endpoint_name=settings.endpoint_name(declared.name),
        location=settings.location,
        identity=identity_args(declared.identity) if declared.identity else None,
        properties=ml.BatchEndpointPropertiesArgs(
            auth_mode=ml.EndpointAuthMode.AAD_TOKEN,
            description=declared.description or None,
            properties=dict(declared.properties) or None,
        ),
        tags=settings.tags_with(declared.tags),
        # A refresh sees the default that the routing set; it is not the endpoint's to take away.
        opts=serves(settings, ignore_changes=["properties.defaults"], delete_before_replace=True),
    )


def _deployment(
    declared: BatchDeployment | PipelineDeployment,
    endpoint: ml.BatchEndpoint,
    settings: Settings,
    platform: Platform,
    environments: Environments,
) -> ml.BatchDeployment:
    if isinstance(declared, PipelineDeployment):
        properties, tags = _pipeline(declared, platform), settings.tags_with(declared.tags)
        cluster = _cluster(declared.settings.default_compute, platform)
    else:
        properties = _scoring(declared, settings, platform, environments)
        tags = deployment_tags(declared, settings)
        cluster = _cluster(declared.compute, platform)
    return ml.BatchDeployment(
        f"{declared.endpoint_name}-{declared.name}",
        resource_group_name=platform.resource_group.name,
        workspace_name=platform.workspace.name,
        endpoint_name=known(settings.endpoint_name(declared.endpoint_name), endpoint.name),
        deployment_name=declared.name,
        location=settings.location,
        properties=properties,
        tags=tags,
        opts=made_by_commit(
            parent=endpoint,
            protect=False,  # once it answers nobody, it may go
            # Azure deletes no cluster that a deployment names.
            depends_on=[cluster.deletion] if cluster else [],
            delete_before_replace=True,
        ),
    )


def _scoring(
    declared: BatchDeployment, settings: Settings, platform: Platform, environments: Environments
) -> ml.BatchDeploymentPropertiesArgs:
    """Return the properties of a deployment that scores with a model or a script."""
    model = model_id(declared, platform)
    cluster = _cluster(declared.compute, platform)
    return ml.BatchDeploymentPropertiesArgs(
        description=declared.description or None,
        properties=dict(declared.properties) or None,
        model=None
        if model is None
        else ml.IdAssetReferenceArgs(asset_id=model, reference_type="Id"),
        code_configuration=code_args(declared, platform),
        environment_id=environment_id(declared, environments, settings, platform),
        compute=cluster.id if cluster else declared.compute,
        resources=ml.DeploymentResourceConfigurationArgs(
            instance_count=declared.resources.instance_count,
            instance_type=declared.resources.instance_type,
            properties=dict(declared.resources.properties) or None,
        ),
        **arguments(declared.settings),
    )


def _pipeline(declared: PipelineDeployment, platform: Platform) -> ml.BatchDeploymentPropertiesArgs:
    """Return the properties of a deployment that runs the component of a pipeline."""
    component = declared.component
    assert isinstance(component, AssetReference), "it is pinned"
    return ml.BatchDeploymentPropertiesArgs(
        description=declared.description or None,
        deployment_configuration=ml.BatchPipelineComponentDeploymentConfigurationArgs(
            deployment_configuration_type="PipelineComponent",
            component_id=ml.IdAssetReferenceArgs(
                asset_id=asset_id(component, "components", platform), reference_type="Id"
            ),
            settings=_pipeline_settings(declared.settings, platform) or None,
        ),
    )


def _pipeline_settings(
    declared: PipelineSettings, platform: Platform
) -> dict[str, pulumi.Input[str]]:
    """Return the settings that are declared, as the texts that Azure takes."""
    found: dict[str, pulumi.Input[str]] = {
        name: str(value) for name, value in asdict(declared).items() if value is not None
    }
    if cluster := _cluster(declared.default_compute, platform):
        # Known by the resource, so that the deployment waits for it.
        found["default_compute"] = cluster.id.apply(lambda id_: id_.rpartition("/")[2])
    return found


def _cluster(compute: str | None, platform: Platform) -> ClusterResource | None:
    """Return the stack's cluster of a name; None for an id as it is declared."""
    return platform.clusters.get(compute) if compute else None
