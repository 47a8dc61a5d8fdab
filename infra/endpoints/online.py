"""Managed online endpoints, their pinned deployments, and the traffic between those."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.component import Component
from infra.dynamic.routing import Routing, digest
from infra.endpoints.arguments import arguments
from infra.endpoints.endpoint import (
    Endpoint,
    asset_id,
    code_args,
    deployment_tags,
    identity_args,
    model_id,
    routing_triggers,
    written_by_azure,
)
from infra.endpoints.environments import Environments, environment_id
from infra.foundation.platform import Platform
from infra.known import known
from infra.options import made_by_commit, serves
from infra.pins import pinned, traffic
from infra.settings import Settings
from infra.watching.scaling import scale_of
from runner.declarations import (
    DataCollector,
    OnlineDeployment,
    OnlineEndpoint,
    Probe,
    parse_reference,
)

AUTH_MODES = {
    "key": ml.EndpointAuthMode.KEY,
    "aml_token": ml.EndpointAuthMode.AML_TOKEN,
    "aad_token": ml.EndpointAuthMode.AAD_TOKEN,
}
NETWORK_ACCESS = {
    "enabled": ml.PublicNetworkAccessType.ENABLED,
    "disabled": ml.PublicNetworkAccessType.DISABLED,
}
EGRESS = {
    "enabled": ml.EgressPublicNetworkAccessType.ENABLED,
    "disabled": ml.EgressPublicNetworkAccessType.DISABLED,
}
ROLLING_RATES = {
    "minute": ml.RollingRateType.MINUTE,
    "hour": ml.RollingRateType.HOUR,
    "day": ml.RollingRateType.DAY,
}
# Azure starts machines and pulls an image for each deployment.
TIMEOUTS = pulumi.CustomTimeouts(create="1h", update="1h", delete="1h")


def declare_online_endpoints(
    settings: Settings, platform: Platform, environments: Environments
) -> list[Endpoint]:
    """Declare every online endpoint, what of it is pinned, and the traffic to that."""
    endpoints = []
    for _, declared in sorted(settings.catalog.online_endpoints.items()):
        with Component("Endpoint", declared.name):
            endpoints.append(_declare(declared, settings, platform, environments))
    return endpoints


def _declare(
    declared: OnlineEndpoint, settings: Settings, platform: Platform, environments: Environments
) -> Endpoint:
    catalog = settings.catalog
    endpoint = _endpoint(declared, settings, platform)
    deployments = {
        name: _deployment(deployment, endpoint, settings, platform, environments)
        for name, deployment in pinned(catalog.online_deployments.get(declared.name, {})).items()
    }
    split = traffic(catalog, declared.name)
    mirrored = traffic(catalog, declared.name, "mirror_traffic")
    if split or mirrored:
        Routing(
            endpoint.pulumi_resource_name,
            endpoint=endpoint,
            deployments=deployments,
            declared=routing_triggers(declared, settings),
            protect=settings.production,
            traffic=split,
            mirror_traffic=mirrored,
        )
    return Endpoint(
        declared.name,
        _name(declared.name, settings),
        "online",
        endpoint,
        deployments,
        traffic=split,
    )


def _endpoint(
    declared: OnlineEndpoint, settings: Settings, platform: Platform
) -> ml.OnlineEndpoint:
    """Declare it without traffic, which would name deployments that need the endpoint first."""
    isolated = settings.private
    identity = (
        identity_args(declared.identity)
        if declared.identity
        else ml.ManagedServiceIdentityArgs(
            type=ml.ManagedServiceIdentityType.USER_ASSIGNED,
            user_assigned_identities=[platform.endpoint_identity.id],
        )
    )
    fixed = _fixed(declared, settings)
    return ml.OnlineEndpoint(
        "-".join([declared.name, *fixed]),
        resource_group_name=platform.resource_group.name,
        workspace_name=platform.workspace.name,
        endpoint_name=_name(declared.name, settings),
        location=settings.location,
        identity=identity,
        properties=ml.OnlineEndpointPropertiesArgs(
            auth_mode=AUTH_MODES[declared.auth_mode],
            description=declared.description or None,
            properties=dict(declared.properties) or None,
            public_network_access=NETWORK_ACCESS[
                "disabled" if isolated else declared.public_network_access
            ],
        ),
        tags=settings.tags_with(declared.tags),
        # A refresh sees the traffic that the routing set; it is not the endpoint's to take away.
        # And Azure keeps the description that an endpoint was made with.
        opts=serves(
            settings,
            ignore_changes=[
                "properties.description",
                "properties.traffic",
                "properties.mirrorTraffic",
                # One that was there before the stack has its own, for life.
                *(["identity"] if declared.name in settings.existing.endpoints else []),
                *written_by_azure(declared),
            ],
            delete_before_replace=True,
        ),
    )


def _fixed(declared: OnlineEndpoint, settings: Settings) -> list[str]:
    """Return the part of an endpoint's name that stands for what it keeps for life.

    Azure never changes who an endpoint is, nor its properties, so others have another endpoint,
    made with all that is behind it before the old one goes. Replaced, the old one would be put
    again with the traffic that a refresh saw, to deployments that are gone by then. One that was
    there before the stack keeps the name that it has.
    """
    if declared.name in settings.existing.endpoints:
        return []
    kept: dict[str, Any] = asdict(declared.identity) if declared.identity else {}
    if declared.properties:
        kept["properties"] = dict(declared.properties)
    return [digest(kept)] if kept else []


def _name(logical: str, settings: Settings) -> str:
    """Return an endpoint's name on Azure."""
    declared = settings.catalog.online_endpoints[logical]
    return settings.endpoint_name(logical, *_fixed(declared, settings))


def _is_autoscaled(declared: OnlineDeployment, settings: Settings) -> bool:
    """Return whether Azure chooses how many instances a deployment has."""
    if scale_of(declared):
        return True
    name = _name(declared.endpoint_name, settings)
    own_id = f"{settings.workspace_id}/onlineEndpoints/{name}/deployments/{declared.name}"
    return own_id.lower() in settings.autoscaled


def _deployment(
    declared: OnlineDeployment,
    endpoint: ml.OnlineEndpoint,
    settings: Settings,
    platform: Platform,
    environments: Environments,
) -> ml.OnlineDeployment:
    egress = declared.egress_public_network_access
    collector = declared.data_collector
    scale = scale_of(declared)
    return ml.OnlineDeployment(
        f"{endpoint.pulumi_resource_name}-{declared.name}",
        resource_group_name=platform.resource_group.name,
        workspace_name=platform.workspace.name,
        endpoint_name=known(_name(declared.endpoint_name, settings), endpoint.name),
        deployment_name=declared.name,
        location=settings.location,
        sku=ml.SkuArgs(name="Default", capacity=scale.first if scale else declared.instance_count),
        properties=ml.ManagedOnlineDeploymentArgs(
            endpoint_compute_type="Managed",
            description=declared.description or None,
            properties=dict(declared.properties) or None,
            model=model_id(declared, platform),
            model_mount_path=declared.model_mount_path,
            code_configuration=code_args(declared, platform),
            environment_id=environment_id(declared, environments, settings, platform),
            environment_variables=dict(declared.environment_variables) or None,
            instance_type=declared.instance_type,
            app_insights_enabled=declared.app_insights_enabled,
            request_settings=ml.OnlineRequestSettingsArgs(**arguments(declared.request_settings)),
            liveness_probe=_probe(declared.liveness_probe),
            readiness_probe=_probe(declared.readiness_probe),
            # As capacity says; Azure fills that in where nothing is declared, and shows it.
            scale_settings=ml.DefaultScaleSettingsArgs(scale_type="Default"),
            egress_public_network_access=EGRESS[egress] if egress else None,
            data_collector=_collector(collector, platform) if collector else None,
        ),
        tags=deployment_tags(declared, settings),
        opts=made_by_commit(
            parent=endpoint,
            protect=False,  # once it answers nobody, it may go
            ignore_changes=[
                *(["sku.capacity"] if _is_autoscaled(declared, settings) else []),
                *written_by_azure(declared),
            ],
            depends_on=platform.before_serving,
            delete_before_replace=True,
            # The rest of a deployment, the model first of all, Azure changes where it stands.
            replace_on_changes=["properties.instanceType", "properties.egressPublicNetworkAccess"],
            custom_timeouts=TIMEOUTS,
        ),
    )


def _probe(probe: Probe | None) -> ml.ProbeSettingsArgs | None:
    return ml.ProbeSettingsArgs(**arguments(probe)) if probe else None


def _collector(collector: DataCollector, platform: Platform) -> ml.DataCollectorArgs:
    logging, rate = collector.request_logging, collector.rolling_rate
    return ml.DataCollectorArgs(
        collections={
            name: ml.CollectionArgs(
                data_collection_mode=ml.DataCollectionMode.ENABLED
                if collection.enabled.lower() == "true"
                else ml.DataCollectionMode.DISABLED,
                data_id=asset_id(parse_reference(collection.data, "data"), "data", platform)
                if collection.data is not None
                else None,
                client_id=collection.client_id,
                sampling_rate=collector.sampling_rate,
            )
            for name, collection in collector.collections.items()
        },
        rolling_rate=ROLLING_RATES[rate] if rate else None,
        request_logging=ml.RequestLoggingArgs(capture_headers=list(logging.capture_headers))
        if logging
        else None,
    )
