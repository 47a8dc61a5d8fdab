"""Azure's refusals of private endpoints and zones, each with the place where it was seen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.seed import LOCATION, SeededWorkspace

NETWORK = "providers/Microsoft.Network"
Answer = tuple[int, dict[str, Any]]


def put(workspace: SeededWorkspace, path: str, location: str | None, properties: Any) -> Answer:
    """Put a resource into the workspace's group."""
    group = workspace.id.partition("/providers/")[0]
    body = {"properties": properties, **({"location": location} if location else {})}
    return workspace.emulator.arm("PUT", f"{group}/{path}", body)


@pytest.fixture
def subnet(azure_workspace: SeededWorkspace) -> str:
    """Provide the id of a subnet in the workspace's region."""
    put(azure_workspace, f"{NETWORK}/virtualNetworks/v", LOCATION, {})
    path = f"{NETWORK}/virtualNetworks/v/subnets/s"
    return str(put(azure_workspace, path, None, {})[1]["id"])


def connected(
    workspace: SeededWorkspace, subnet: str, *groups: str, location: str = LOCATION
) -> Answer:
    """Put a private endpoint to these parts of the workspace."""
    connection = {"groupIds": groups, "privateLinkServiceId": workspace.id}
    properties = {
        "subnet": {"id": subnet},
        "privateLinkServiceConnections": [{"name": "c", "properties": connection}],
    }
    return put(workspace, f"{NETWORK}/privateEndpoints/e", location, properties)


def test_an_endpoint_that_may_be_is_approved(azure_workspace: SeededWorkspace, subnet: str) -> None:
    status, made = connected(azure_workspace, subnet, "amlworkspace")
    assert status == 201
    (connection,) = made["properties"]["privateLinkServiceConnections"]
    state = connection["properties"]["privateLinkServiceConnectionState"]
    assert state["status"] == "Approved"


def test_an_endpoint_is_in_the_region_of_its_network(
    azure_workspace: SeededWorkspace, subnet: str
) -> None:
    """https://learn.microsoft.com/azure/private-link/private-endpoint-overview"""
    status, answered = connected(azure_workspace, subnet, "amlworkspace", location="westus")
    assert (status, answered["error"]["code"]) == (400, "InvalidResourceReference")
    _, answered = connected(azure_workspace, f"{subnet}s", "amlworkspace")
    assert "both resources are in the same region" in answered["error"]["message"]


@pytest.mark.parametrize(
    ("groups", "code"),
    [
        # https://github.com/DFE-Digital/terraform-azurerm-container-apps-hosting/issues/352
        (("amlworkspace", "blob"), "OnlyOneGroupIdPermitted"),
        # https://github.com/Azure/azure-cli/issues/16750
        (("blob",), "InvalidValuesForRequestParameters"),
    ],
)
def test_an_endpoint_reaches_one_part_that_its_service_has(
    azure_workspace: SeededWorkspace, subnet: str, groups: tuple[str, ...], code: str
) -> None:
    status, answered = connected(azure_workspace, subnet, *groups)
    assert (status, answered["error"]["code"]) == (400, code)


def test_a_network_is_linked_to_one_zone_of_a_name(
    azure_workspace: SeededWorkspace, subnet: str
) -> None:
    """https://github.com/microsoft-foundry/foundry-samples/pull/214"""
    other = azure_workspace.id.partition("/providers/")[0] + "-other"
    azure_workspace.emulator.arm("PUT", other, {"location": LOCATION})
    network = {"virtualNetwork": {"id": subnet.partition("/subnets/")[0]}}
    zone = f"{NETWORK}/privateDnsZones/z.test"
    put(azure_workspace, zone, "global", {})
    assert put(azure_workspace, f"{zone}/virtualNetworkLinks/l", "global", network)[0] == 201
    body = {"location": "global", "properties": {}}
    azure_workspace.emulator.arm("PUT", f"{other}/{zone}", body)
    path = f"{other}/{zone}/virtualNetworkLinks/l"
    status, answered = azure_workspace.emulator.arm("PUT", path, {**body, "properties": network})
    azure_workspace.emulator.arm("DELETE", other)
    assert status == 400
    assert "multiple zones with overlapping namespaces" in answered["error"]["message"]


def test_only_a_premium_registry_is_closed(azure_workspace: SeededWorkspace) -> None:
    """https://github.com/Azure-Samples/dotNET-Frontend-AB-Testing-on-Azure-Container-Apps/issues/5"""
    group = azure_workspace.id.partition("/providers/")[0]
    path = f"{group}/providers/Microsoft.ContainerRegistry/registries/closedone"
    body = {"location": LOCATION, "properties": {"publicNetworkAccess": "Disabled"}}
    sku = {"sku": {"name": "Basic"}}
    status, answered = azure_workspace.emulator.arm("PUT", path, {**body, **sku})
    assert status == 400
    assert answered["error"]["code"] == "DisablingPublicNetworkAccessNotSupported"
