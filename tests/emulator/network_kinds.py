"""Private endpoints, and the DNS zones by which they are found.

What is refused, and in which words, is from public reports of what Azure answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Refusal

PRIVATE_ENDPOINT = "Microsoft.Network/privateEndpoints"
_ZONE = "Microsoft.Network/privateDnsZones"
_LINK = f"{_ZONE}/virtualNetworkLinks"
# The parts of each type that an endpoint reaches.
_GROUPS: Mapping[str, frozenset[str]] = {
    "microsoft.machinelearningservices/workspaces": frozenset({"amlworkspace"}),
    "microsoft.storage/storageaccounts": frozenset(
        {"blob", "dfs", "file", "queue", "table", "web"}
    ),
    "microsoft.keyvault/vaults": frozenset({"vault"}),
    "microsoft.containerregistry/registries": frozenset({"registry"}),
}


def _prepare_endpoint(change: Change) -> None:
    subnet = str((change.properties.get("subnet") or {}).get("id"))
    network = change.cloud.state.get(subnet.rpartition("/subnets/")[0])
    here = change.cloud.state.get(subnet) is not None and network is not None
    if not here or network is None or network.body.get("location") != change.body.get("location"):
        raise Refusal(
            400,
            "InvalidResourceReference",
            f"Resource {subnet} referenced by resource {change.id.id} was not found. Please make"
            " sure that the referenced resource exists, and that both resources are in the same"
            " region.",
        )
    for connection in change.properties.get("privateLinkServiceConnections") or []:
        _connect(change, connection)
    change.properties.setdefault("networkInterfaces", [{"id": f"{change.id.id}.nic"}])


def _connect(change: Change, connection: dict[str, Any]) -> None:
    """Approve a connection as the service does for who may approve it."""
    own_id = f"{change.id.id}/privateLinkServiceConnections/{connection['name']}"
    given = connection["properties"]
    groups, service = given.get("groupIds") or [], str(given["privateLinkServiceId"])
    if len(groups) > 1:
        raise Refusal(
            400,
            "OnlyOneGroupIdPermitted",
            f"Private link service connection {own_id} has the following group Ids:"
            f" {', '.join(groups)}. Only one group Id is permitted when connecting to a"
            f" first-party resource ({service}).",
        )
    found = change.cloud.state.get(service)
    if found is None:
        raise Refusal(404, "ResourceNotFound", f"The Resource '{service}' was not found.")
    if not groups or groups[0] not in _GROUPS.get(found.type, frozenset()):
        raise Refusal(
            400,
            "InvalidValuesForRequestParameters",
            f"Call to {found.body['type']} failed. Error message: Values for request parameters"
            f" are invalid: GroupId: {', '.join(groups)}.",
        )
    given["privateLinkServiceConnectionState"] = {"status": "Approved", "actionsRequired": "None"}
    connection["id"] = own_id


def _prepare_zone(change: Change) -> None:
    if change.body.get("location") != "global":
        raise Refusal(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{change.body.get('location')}' is not available for resource"
            f" type '{change.body['type']}'. List of available regions for the resource type is"
            " 'global'.",
        )


def _prepare_link(change: Change) -> None:
    _prepare_zone(change)
    network, zone = change.properties["virtualNetwork"]["id"].lower(), change.parent().body["name"]
    for link in change.cloud.state.of_type(_LINK):
        other = link.body["id"].split("/")[8]
        linked = link.properties["virtualNetwork"]["id"].lower() == network
        if linked and other == zone and link.key != change.id.id.lower():
            raise Refusal(
                400,
                "BadRequest",
                "A virtual network cannot be linked to multiple zones with overlapping namespaces."
                f" You tried to link virtual network with '{zone}' and '{other}' zones.",
            )


def _prepare_zone_group(change: Change) -> None:
    for config in change.properties.get("privateDnsZoneConfigs") or []:
        zone = str(config["properties"]["privateDnsZoneId"])
        if change.cloud.state.get(zone) is None:
            raise Refusal(404, "ResourceNotFound", f"The Resource '{zone}' was not found.")


KINDS: tuple[Kind, ...] = (
    Kind("Microsoft.Network/virtualNetworks"),
    Kind("Microsoft.Network/virtualNetworks/subnets"),
    Kind(PRIVATE_ENDPOINT, prepare=_prepare_endpoint, long_running=True),
    Kind(f"{PRIVATE_ENDPOINT}/privateDnsZoneGroups", prepare=_prepare_zone_group),
    Kind(_ZONE, prepare=_prepare_zone),
    Kind(_LINK, prepare=_prepare_link),
)
