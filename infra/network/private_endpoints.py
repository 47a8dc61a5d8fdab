"""Private endpoints in a team's own network, and the DNS zones by which they are found there.

Only for what the stack makes itself: what was there before has its ways in already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_azure_native import resources

from infra.network.private_link import PrivateLink
from infra.network.private_zones import ZONES_OF
from infra.options import made_by_commit
from infra.settings import Settings

# The service that each endpoint reaches, and Azure's name for the part of it.
GROUPS: Mapping[str, tuple[str, str]] = {
    "workspace": ("workspace", "amlworkspace"),
    "blob": ("storage", "blob"),
    "file": ("storage", "file"),
    "vault": ("vault", "vault"),
    "registry": ("registry", "registry"),
}


def declare_private_endpoints(
    settings: Settings,
    group: resources.ResourceGroup,
    services: Mapping[str, pulumi.Input[str]],
    after: Sequence[pulumi.Resource],
) -> None:
    """Declare an endpoint for each part of these services, which are ids, that the stack makes.

    One after the other, and `after` what else connects to them: a storage account takes one such
    change at a time (StorageAccountOperationInProgress).
    """
    link = settings.private_link
    if link is None:
        return
    given = settings.existing.services
    parts = [part for part, (service, _) in GROUPS.items() if service not in given]
    zones = _zones(link, parts, settings, group)
    before = [*after]
    for part in parts:
        service = services[GROUPS[part][0]]
        before = [_declare(part, link, settings, group, service, zones, before)]


def _declare(
    part: str,
    link: PrivateLink,
    settings: Settings,
    group: resources.ResourceGroup,
    service: pulumi.Input[str],
    zones: Mapping[str, pulumi.Input[str]],
    after: Sequence[pulumi.Resource],
) -> pulumi.Resource:
    from pulumi_azure_native import network  # takes a second

    endpoint = network.PrivateEndpoint(
        f"private-{part}",
        private_endpoint_name=settings.names.private_endpoint(part),
        resource_group_name=group.name,
        location=settings.location,
        subnet=network.SubnetArgs(id=link.subnet),
        private_link_service_connections=[
            network.PrivateLinkServiceConnectionArgs(
                name=part, group_ids=[GROUPS[part][1]], private_link_service_id=service
            )
        ],
        tags=settings.tags,
        opts=made_by_commit(depends_on=[*after]),
    )
    if not zones:
        return endpoint
    network.PrivateDnsZoneGroup(
        f"private-{part}",
        private_dns_zone_group_name="default",
        private_endpoint_name=endpoint.name,
        resource_group_name=group.name,
        private_dns_zone_configs=[
            network.PrivateDnsZoneConfigArgs(name=zone, private_dns_zone_id=zones[zone])
            for zone in ZONES_OF[part]
        ],
        opts=pulumi.ResourceOptions(parent=endpoint),
    )
    return endpoint


def _zones(
    link: PrivateLink, parts: list[str], settings: Settings, group: resources.ResourceGroup
) -> dict[str, pulumi.Input[str]]:
    """Give the ids of the zones by what they are for; none where somebody else writes the DNS."""
    if link.dns == "none":
        return {}
    names = link.zone_names(settings.cloud)
    wanted = {zone: names[zone] for part in parts for zone in ZONES_OF[part]}
    if link.dns != "create":
        below = f"{link.dns}/providers/Microsoft.Network/privateDnsZones"
        return {zone: f"{below}/{name}" for zone, name in wanted.items()}
    return {zone: _zone(zone, name, link, settings, group) for zone, name in wanted.items()}


def _zone(
    zone: str, name: str, link: PrivateLink, settings: Settings, group: resources.ResourceGroup
) -> pulumi.Output[str]:
    from pulumi_azure_native import privatedns

    shared: dict[str, Any] = {
        "resource_group_name": group.name,
        "location": "global",  # of every zone
        "tags": settings.tags,
    }
    made = privatedns.PrivateZone(
        f"zone-{zone}", private_zone_name=name, **shared, opts=made_by_commit()
    )
    privatedns.VirtualNetworkLink(
        f"zone-{zone}",
        virtual_network_link_name=settings.names.network_link,
        private_zone_name=made.name,
        virtual_network=privatedns.SubResourceArgs(id=link.virtual_network),
        registration_enabled=False,
        **shared,
        opts=made_by_commit(parent=made),
    )
    return made.id
