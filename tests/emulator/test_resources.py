"""Resource Manager, for resources of any type."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from tests.emulator import Emulator

ROLE = "/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"


@pytest.fixture
def group(emulator: Emulator) -> str:
    path = f"/subscriptions/{emulator.cloud.subscription}/resourceGroups/rg-{uuid.uuid4().hex[:8]}"
    assert emulator.arm("PUT", path, {"location": "Korea Central"})[0] == 201
    return path


def test_a_resource_is_created_read_replaced_and_deleted(emulator: Emulator, group: str) -> None:
    path = f"{group}/providers/Microsoft.Network/virtualNetworks/net"
    status, made = emulator.arm("PUT", path, {"location": "koreacentral", "tags": {"a": "b"}})
    assert status == 201
    assert made["id"] == path
    assert made["name"] == "net"
    assert made["type"] == "Microsoft.Network/virtualNetworks"
    assert made["properties"]["provisioningState"] == "Succeeded"
    assert made["systemData"]["createdBy"] == emulator.cloud.application.client
    assert emulator.arm("GET", path) == (200, made)
    status, replaced = emulator.arm("PUT", path, {"location": "koreacentral"})
    assert status == 200
    assert "tags" not in replaced
    assert replaced["etag"] != made["etag"]
    assert replaced["systemData"]["createdAt"] == made["systemData"]["createdAt"]
    assert emulator.arm("DELETE", path)[0] == 200
    assert emulator.arm("DELETE", path)[0] == 204
    assert emulator.arm("GET", path)[1]["error"]["code"] == "ResourceNotFound"


def test_ids_are_the_same_in_any_letter_case(emulator: Emulator, group: str) -> None:
    path = f"{group}/providers/Microsoft.Network/virtualNetworks/Net"
    emulator.arm("PUT", path, {"location": "koreacentral"})
    status, found = emulator.arm("GET", path.lower())
    assert status == 200
    assert found["name"] == "Net"


def test_asking_whether_a_resource_is_there_gives_no_body(emulator: Emulator, group: str) -> None:
    assert emulator.arm("HEAD", group) == (204, None)
    assert emulator.arm("HEAD", group + "x")[0] == 404


def test_a_group_that_is_not_there_is_named(emulator: Emulator) -> None:
    for method in ("GET", "PUT"):
        path = "/resourceGroups/nowhere/providers/Microsoft.Network/virtualNetworks/net"
        body = {"location": "koreacentral"} if method == "PUT" else None
        status, answered = emulator.arm(method, path, body)
        assert status == 404
        assert answered["error"]["code"] == "ResourceGroupNotFound"
        assert "'nowhere'" in answered["error"]["message"]


def test_a_nested_resource_needs_its_parent(emulator: Emulator, group: str) -> None:
    path = f"{group}/providers/Microsoft.Network/virtualNetworks/net/subnets/one"
    status, answered = emulator.arm("PUT", path, {})
    assert (status, answered["error"]["code"]) == (404, "ParentResourceNotFound")


def test_another_subscription_is_not_found(emulator: Emulator) -> None:
    status, answered = emulator.arm("GET", f"/subscriptions/{uuid.uuid4()}/resourceGroups")
    assert (status, answered["error"]["code"]) == (404, "SubscriptionNotFound")


def test_a_patch_replaces_tags_and_merges_properties(emulator: Emulator, group: str) -> None:
    path = f"{group}/providers/Microsoft.Network/virtualNetworks/net"
    body = {"location": "koreacentral", "tags": {"a": "b"}, "properties": {"x": 1, "y": {"z": 2}}}
    emulator.arm("PUT", path, body)
    change = {"tags": {"c": "d"}, "properties": {"y": {"w": 3}}}
    status, patched = emulator.arm("PATCH", path, change)
    assert status == 200
    assert patched["tags"] == {"c": "d"}
    assert patched["properties"]["x"] == 1
    assert patched["properties"]["y"] == {"z": 2, "w": 3}


def test_a_resource_does_not_move_to_another_location(emulator: Emulator, group: str) -> None:
    path = f"{group}/providers/Microsoft.Network/virtualNetworks/net"
    emulator.arm("PUT", path, {"location": "koreacentral"})
    status, answered = emulator.arm("PUT", path, {"location": "westeurope"})
    assert (status, answered["error"]["code"]) == (409, "InvalidResourceLocation")


def test_lists_go_by_parent_and_by_subscription(emulator: Emulator, group: str) -> None:
    nets = f"{group}/providers/Microsoft.Network/virtualNetworks"
    for name in ("one", "two"):
        emulator.arm("PUT", f"{nets}/{name}", {"location": "koreacentral"})
    listed = emulator.arm("GET", nets)[1]["value"]
    assert [resource["name"] for resource in listed] == ["one", "two"]
    everywhere = f"/subscriptions/{emulator.cloud.subscription}" + nets.removeprefix(group)
    assert {"one", "two"} <= {
        resource["name"] for resource in emulator.arm("GET", everywhere)[1]["value"]
    }
    in_group = emulator.arm("GET", f"{group}/resources")[1]["value"]
    assert [resource["name"] for resource in in_group] == ["one", "two"]


def test_deleting_a_group_takes_all_that_is_in_it(emulator: Emulator, group: str) -> None:
    path = f"{group}/providers/Microsoft.Network/virtualNetworks/net"
    emulator.arm("PUT", path, {"location": "koreacentral"})
    emulator.arm("DELETE", group)
    emulator.arm("PUT", group, {"location": "koreacentral"})
    assert emulator.arm("GET", path)[0] == 404


def test_a_role_is_assigned_at_a_scope_once(emulator: Emulator, group: str) -> None:
    storage = f"{group}/providers/Microsoft.Storage/storageAccounts/st{uuid.uuid4().hex[:8]}"
    emulator.arm("PUT", storage, {"location": "koreacentral"})
    assignments = f"{storage}/providers/Microsoft.Authorization/roleAssignments"
    body = {"properties": {"roleDefinitionId": ROLE, "principalId": str(uuid.uuid4())}}
    status, made = emulator.arm("PUT", f"{assignments}/{uuid.uuid4()}", body)
    assert status == 201
    assert made["properties"]["scope"] == storage
    assert "provisioningState" not in made["properties"]
    status, answered = emulator.arm("PUT", f"{assignments}/{uuid.uuid4()}", body)
    assert (status, answered["error"]["code"]) == (409, "RoleAssignmentExists")
    assert len(emulator.arm("GET", assignments)[1]["value"]) == 1


def test_a_vault_keeps_its_days_and_what_is_deleted_its_name(
    emulator: Emulator, group: str
) -> None:
    name = f"x{uuid.uuid4().hex[:8]}"
    vault, storage, workspace = (
        f"{group}/providers/Microsoft.{kind}/{name}"
        for kind in (
            "KeyVault/vaults",
            "Storage/storageAccounts",
            "MachineLearningServices/workspaces",
        )
    )
    at = {"location": "koreacentral"}
    protected = {**at, "properties": {"enablePurgeProtection": True}}
    needs = {"keyVault": vault, "storageAccount": storage}
    bodies: dict[str, dict[str, Any]] = {
        vault: protected,
        storage: at,
        workspace: {**at, "identity": {"type": "SystemAssigned"}, "properties": needs},
    }
    emulator.cloud.operations.polls = 0
    for path, body in bodies.items():
        assert emulator.arm("PUT", path, body)[0] == 201
    fewer = {**at, "properties": {"softDeleteRetentionInDays": 7}}
    status, answered = emulator.arm("PUT", vault, fewer)
    assert (status, answered["error"]["code"]) == (400, "BadRequest")
    assert "has been set already and it can't be modified" in answered["error"]["message"]
    assert emulator.arm("DELETE", workspace)[0] == 200
    status, answered = emulator.arm("PUT", workspace, bodies[workspace])
    assert (status, answered["error"]["code"]) == (400, "BadRequest")
    assert "Soft-deleted workspace exists" in answered["error"]["message"]
    emulator.cloud.operations.reset()
    assert emulator.arm("DELETE", vault)[0] == 200
    status, answered = emulator.arm("PUT", vault, protected)
    assert (status, answered["error"]["code"]) == (409, "ConflictError")


def test_what_others_read_off_is_computed(emulator: Emulator, group: str) -> None:
    name = f"st{uuid.uuid4().hex[:8]}"
    providers = f"{group}/providers"
    location = {"location": "koreacentral"}
    account = emulator.arm("PUT", f"{providers}/Microsoft.Storage/storageAccounts/{name}", location)
    blob = account[1]["properties"]["primaryEndpoints"]["blob"]
    assert blob == f"https://{name}.blob.core.azure.test/"
    path = f"{providers}/Microsoft.ManagedIdentity/userAssignedIdentities/me"
    identity = emulator.arm("PUT", path, location)[1]["properties"]
    again = emulator.arm("PUT", path, location)[1]["properties"]
    assert identity["principalId"] == again["principalId"] != identity["clientId"]
    vault = emulator.arm("PUT", f"{providers}/Microsoft.KeyVault/vaults/kv-{name}", location)
    assert vault[1]["properties"]["vaultUri"] == f"https://kv-{name}.vault.azure.test/"


def test_keys_of_a_storage_account_are_given_only_where_keys_are_on(
    emulator: Emulator, group: str
) -> None:
    path = f"{group}/providers/Microsoft.Storage/storageAccounts/st{uuid.uuid4().hex[:8]}"
    emulator.arm("PUT", path, {"location": "koreacentral"})
    status, keys = emulator.arm("POST", f"{path}/listKeys")
    assert status == 200
    assert keys["keys"][0]["value"] not in str(emulator.arm("GET", path))
    off = {"location": "koreacentral", "properties": {"allowSharedKeyAccess": False}}
    emulator.arm("PUT", path, off)
    assert emulator.arm("POST", f"{path}/listKeys")[0] == 403


def test_an_etag_that_has_changed_is_refused(azure: Emulator, group: str) -> None:
    url = (
        f"https://management.azure.test{group}/providers/Microsoft.Network/virtualNetworks/net"
        "?api-version=2024-05-01"
    )
    token = azure.cloud.tokens.issue("https://management.azure.test")
    headers = {"Authorization": f"Bearer {token}"}
    body = {"location": "koreacentral"}
    etag = requests.put(url, json=body, headers=headers, timeout=10).json()["etag"]
    headers["If-Match"] = etag
    assert requests.put(url, json=body, headers=headers, timeout=10).status_code == 200
    assert requests.put(url, json=body, headers=headers, timeout=10).status_code == 412


def test_a_request_without_an_api_version_is_refused(azure: Emulator, group: str) -> None:
    token = azure.cloud.tokens.issue("https://management.azure.test")
    got = requests.get(
        f"https://management.azure.test{group}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )
    assert got.status_code == 400
    assert got.json()["error"]["code"] == "MissingApiVersionParameter"
