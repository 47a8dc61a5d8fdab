"""Online endpoints: a serving endpoint over the deployments that are pinned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

from infra.databricks.foundation import Platform
from infra.databricks.permissions import declare_permissions
from infra.databricks.settings import Settings
from infra.pins import pinned, traffic
from runner.declarations import AssetReference, OnlineDeployment, OnlineEndpoint

# Databricks builds an image for each model and starts machines for it.
TIMEOUTS = pulumi.CustomTimeouts(create="1h", update="1h")


@dataclass(frozen=True)
class ServingEndpoint:
    """An online endpoint that serves at least one deployment."""

    resource: databricks.ModelServing
    name: str
    deployments: tuple[str, ...]
    traffic: Mapping[str, int]  # in percent


def declare_online_endpoints(settings: Settings, platform: Platform) -> list[ServingEndpoint]:
    """Declare what is pinned; Databricks has no endpoint that serves nothing."""
    catalog = settings.catalog
    return [
        _declare(endpoint, deployments, settings, platform)
        for name, endpoint in sorted(catalog.online_endpoints.items())
        if (deployments := pinned(catalog.online_deployments.get(name, {})))
    ]


def _declare(
    declared: OnlineEndpoint,
    deployments: Mapping[str, OnlineDeployment],
    settings: Settings,
    platform: Platform,
) -> ServingEndpoint:
    split = traffic(settings.catalog, declared.name)
    if not any(split.values()):
        split = dict.fromkeys(deployments, 100)  # the only one there is
    tags = settings.lasting_tags_with(declared.tags)
    serving = databricks.ModelServing(
        declared.name,
        name=declared.name,
        description=declared.description or None,
        config=databricks.ModelServingConfigArgs(
            served_entities=[
                _entity(deployment, settings) for _, deployment in sorted(deployments.items())
            ],
            traffic_config=databricks.ModelServingConfigTrafficConfigArgs(
                routes=[
                    databricks.ModelServingConfigTrafficConfigRouteArgs(
                        served_entity_name=name, traffic_percentage=share
                    )
                    for name, share in sorted(split.items())
                ]
            ),
        ),
        tags=[
            databricks.ModelServingTagArgs(key=key, value=value)
            for key, value in sorted(tags.items())
        ],
        opts=pulumi.ResourceOptions(
            provider=platform.provider,
            # These grants let the deploying identity use the model.
            depends_on=[platform.unity.grants],
            protect=settings.production,
            delete_before_replace=True,
            custom_timeouts=TIMEOUTS,
        ),
    )
    declare_permissions(
        f"serving-{declared.name}",
        settings,
        platform.provider,
        "CAN_QUERY",
        serving_endpoint_id=serving.serving_endpoint_id,
    )
    return ServingEndpoint(serving, declared.name, tuple(sorted(deployments)), split)


def _entity(
    declared: OnlineDeployment, settings: Settings
) -> databricks.ModelServingConfigServedEntityArgs:
    assert isinstance(declared.model, AssetReference)
    return databricks.ModelServingConfigServedEntityArgs(
        name=declared.name,
        entity_name=settings.model_name(declared.model),
        entity_version=declared.model.version,
        workload_size=workload_size(declared.instance_count),
        scale_to_zero_enabled=not settings.production,
        environment_vars=dict(declared.environment_variables) or None,
    )


def workload_size(instances: int) -> str:
    """Return the size nearest to so many machines on Azure: 4, 16 or 64 requests at a time."""
    if instances == 1:
        return "Small"
    return "Medium" if instances <= 4 else "Large"
