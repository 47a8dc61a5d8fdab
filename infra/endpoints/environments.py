"""The environments that pinned deployments are written with, as versions in the workspace."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.component import within
from infra.endpoints.endpoint import asset_id
from infra.environment import (
    EnvironmentName,
    environment_name,
    written_environment,
)
from infra.foundation.platform import Platform
from infra.pins import Deployment, all_pinned
from infra.settings import Settings
from runner.declarations import AssetReference, Environment
from runner.declarations.environment import Route
from runner.declarations.environment_content import conda_text

OS_TYPES = {
    "linux": ml.OperatingSystemType.LINUX,
    "windows": ml.OperatingSystemType.WINDOWS,
}

Environments = Mapping[EnvironmentName, ml.EnvironmentVersion]


def declare_environments(settings: Settings, platform: Platform) -> Environments:
    """Declare each environment that a pinned deployment is written with, once for its content."""
    catalog = settings.catalog
    declared: dict[EnvironmentName, ml.EnvironmentVersion] = {}
    for deployment in all_pinned(catalog):
        environment = written_environment(deployment, catalog)
        if environment is not None:
            name = environment_name(environment, deployment)
            if name not in declared:
                declared[name] = _declare(name, environment, settings, platform)
    return declared


def environment_id(
    deployment: Deployment, environments: Environments, settings: Settings, platform: Platform
) -> pulumi.Output[str] | None:
    """Return the id of a deployment's environment; None for one that Azure makes from the model."""
    environment = written_environment(deployment, settings.catalog)
    if environment is not None:
        return environments[environment_name(environment, deployment)].id
    if isinstance(deployment.environment, AssetReference):
        return asset_id(deployment.environment, "environments", platform)
    return None


def _declare(
    name: EnvironmentName, environment: Environment, settings: Settings, platform: Platform
) -> ml.EnvironmentVersion:
    build, inference = environment.build, environment.inference_config
    return ml.EnvironmentVersion(
        # A version of its own for other content: deployments move over before the old one goes.
        str(name),
        resource_group_name=platform.resource_group.name,
        workspace_name=platform.workspace.name,
        name=name.name,
        version=name.version,
        properties=ml.EnvironmentVersionPropertiesArgs(
            image=environment.image,
            conda_file=conda_text(environment),
            build=ml.BuildContextArgs(
                context_uri=str(build.path), dockerfile_path=build.dockerfile_path
            )
            if build
            else None,
            os_type=OS_TYPES[environment.os_type],
            inference_config=ml.InferenceContainerPropertiesArgs(
                liveness_route=_route(inference.liveness_route),
                readiness_route=_route(inference.readiness_route),
                scoring_route=_route(inference.scoring_route),
            )
            if inference
            else None,
            description=environment.description or None,
            is_anonymous=False,
            is_archived=False,
            tags=settings.tags_with(environment.tags),
        ),
        opts=within(ignore_changes=["properties.tags.commit"]),
    )


def _route(route: Route) -> ml.RouteArgs:
    return ml.RouteArgs(path=route.path, port=route.port)
