"""Private endpoints in a team's network, and who writes their DNS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.dynamic.resource_manager import Resource
from infra.names import Names
from infra.network.private_endpoints import GROUPS
from tests.infra.mocks import SUBSCRIPTION, Program, run_program
from tests.infra.sdk import complaints

NETWORK = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network"
NETWORK += "/virtualNetworks/ours"
SUBNET = f"{NETWORK}/subnets/endpoints"
OTHER = "22222222-2222-3333-4444-555555555555"
HUB = f"/subscriptions/{OTHER}/resourceGroups/dns"
ENDPOINT, ZONE_GROUP = "network:PrivateEndpoint", "network:PrivateDnsZoneGroup"
ZONE, LINK = "privatedns:PrivateZone", "privatedns:VirtualNetworkLink"


def ran(project: Path, endpoints: dict[str, Any], *, manager: Any = None, **more: Any) -> Program:
    config = {"azure-native:location": "koreacentral", "scoring:privateEndpoints": endpoints}
    text = yaml.safe_dump({"config": config | more}, sort_keys=False)
    return run_program(project, "test", text, manager=manager)


def zone_ids(program: Program) -> dict[str, list[str]]:
    """Return the zones of each endpoint, by its name in the program."""
    return {
        group.name: [zone["privateDnsZoneId"] for zone in group.inputs["privateDnsZoneConfigs"]]
        for group in program.of(ZONE_GROUP)
    }


def test_each_service_has_an_endpoint_in_the_subnet_and_is_found_by_a_zone(project: Path) -> None:
    program = ran(project, {"subnet": SUBNET})
    assert program.error is None
    endpoints = {endpoint.name: endpoint for endpoint in program.of(ENDPOINT)}
    assert {*endpoints} == {f"private-{part}" for part in GROUPS}
    assert {endpoint.inputs["subnet"]["id"] for endpoint in endpoints.values()} == {SUBNET}
    (connection,) = endpoints["private-workspace"].inputs["privateLinkServiceConnections"]
    assert connection["groupIds"] == ["amlworkspace"]
    assert "/workspaces/" in connection["privateLinkServiceId"]
    zones = {zone.inputs["privateZoneName"] for zone in program.of(ZONE)}
    assert zones == {
        "privatelink.api.azureml.ms",
        "privatelink.notebooks.azure.net",
        "privatelink.blob.core.windows.net",
        "privatelink.file.core.windows.net",
        "privatelink.vaultcore.azure.net",
        "privatelink.azurecr.io",
    }
    assert [link.inputs["virtualNetwork"]["id"] for link in program.of(LINK)] == [NETWORK] * 6
    assert len(zone_ids(program)["private-workspace"]) == 2
    # Only the premium tier has private endpoints.
    assert program.one("containerregistry:Registry").inputs["sku"] == {"name": "Premium"}
    declared = [program.of(kind)[0] for kind in (ENDPOINT, ZONE_GROUP, ZONE, LINK)]
    assert [list(complaints(resource)) for resource in declared] == [[], [], [], []]


def test_a_storage_account_is_asked_for_one_connection_at_a_time(project: Path) -> None:
    program = ran(project, {"subnet": SUBNET, "dns": "none"}, **{"scoring:isolation": "managed"})
    endpoints = program.of(ENDPOINT)
    chained = [
        len({other.urn for other in endpoints} & {*endpoint.dependencies}) for endpoint in endpoints
    ]
    assert sorted(chained) == [0, 1, 1, 1, 1]
    first = endpoints[chained.index(0)].dependencies
    for kind in ("Workspace", "ManagedNetworkSettingsRule"):
        (*_, last) = program.of(f"machinelearningservices:{kind}")
        assert last.urn in first
    # The account's own settings are the same account's changes, too.
    (blobs,) = program.of("storage:BlobServiceProperties")
    assert blobs.urn in program.one("machinelearningservices:Workspace").dependencies


def test_zones_that_are_there_are_taken_by_their_group_in_every_cloud(project: Path) -> None:
    there = {"subnet": SUBNET, "dns": HUB}
    program = ran(project, there, **{"azure-native:environment": "usgovernment"})
    assert program.error is None
    assert program.of(ZONE) == []
    below = f"{HUB}/providers/Microsoft.Network/privateDnsZones"
    assert zone_ids(program)["private-workspace"] == [
        f"{below}/privatelink.api.ml.azure.us",
        f"{below}/privatelink.notebooks.usgovcloudapi.net",
    ]
    program = ran(project, there, **{"azure-native:environment": "china"})
    assert zone_ids(program)["private-registry"] == [f"{below}/privatelink.azurecr.cn"]


def test_where_somebody_else_writes_the_dns_there_are_endpoints_only(project: Path) -> None:
    program = ran(project, {"subnet": SUBNET, "dns": "none"})
    assert (len(program.of(ENDPOINT)), program.of(ZONE_GROUP)) == (len(GROUPS), [])


def test_what_was_there_before_the_stack_keeps_its_own_ways_in(project: Path) -> None:
    vault = f"/subscriptions/{OTHER}/resourceGroups/hub/providers/Microsoft.KeyVault/vaults/v"
    program = ran(project, {"subnet": SUBNET}, **{"scoring:existing": {"vault": vault}})
    assert "private-vault" not in {endpoint.name for endpoint in program.of(ENDPOINT)}
    assert len(program.of(ZONE)) == 5


@pytest.mark.parametrize(
    ("endpoints", "problem"),
    [
        (
            {"subnet": NETWORK},
            "4: scoring:privateEndpoints.subnet: found the text '/subscript",
        ),
        (
            {"subnet": SUBNET.replace(SUBSCRIPTION, OTHER)},
            "4: scoring:privateEndpoints.subnet: found one of subscription 22222222-",
        ),
        (
            {"subnet": SUBNET, "dns": "creat"},
            "5: scoring:privateEndpoints.dns: found the text 'creat', allowed: create, none or",
        ),
        (
            {"subnet": SUBNET, "zones": {"blobs": "a.b"}},
            "6: scoring:privateEndpoints.zones.blobs: is no zone, allowed: api, notebooks, blob",
        ),
    ],
)
def test_what_azure_does_not_take_is_refused_with_its_line(
    project: Path, endpoints: dict[str, Any], problem: str
) -> None:
    program = ran(project, endpoints)
    assert program.error is not None
    assert problem in program.error


class Azure:
    """Resource Manager, where only the network is, in Sweden."""

    def get(self, resource_id: str, api_version: str = "") -> Resource | None:
        there = resource_id in (NETWORK, SUBNET)
        return Resource({"location": "swedencentral", "properties": {}}, None) if there else None


def test_a_subnet_is_there_and_in_the_region_of_the_stack(project: Path) -> None:
    found = ran(project, {"subnet": SUBNET}, manager=Azure()).error
    assert found is not None
    assert "4: scoring:privateEndpoints.subnet: found one in swedencentral, allowed: in" in found
    found = ran(project, {"subnet": f"{SUBNET}s"}, manager=Azure()).error
    assert found is not None
    assert f"there is no subnet of that id: {SUBNET}s" in found


def test_a_private_cloud_says_what_its_zones_are_called(project: Path) -> None:
    private = {"azure-native:environment": "Ours", "azure-native:metadataHost": "m.example"}
    refused = ran(
        project, {"subnet": SUBNET, "zones": {"blob": "privatelink.b.example"}}, **private
    )
    assert refused.error is not None
    assert "zones: nobody knows what Ours calls them: name api, notebooks, file," in refused.error


def test_names_of_private_endpoints_fit_however_long_the_stack_is_called() -> None:
    names = Names("p" * 60, "s" * 60, SUBSCRIPTION)
    assert {len(names.private_endpoint(part)) for part in GROUPS} == {64}
