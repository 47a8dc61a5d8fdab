from __future__ import annotations

from typing import Any

import pytest

from infra.policies.network import NO_KEYS, NO_PUBLIC_NETWORK
from tests.infra.policies.ask import ML, UNKNOWN, ask

STORAGE = "azure-native:storage:StorageAccount"
REGISTRY = "azure-native:containerregistry:Registry"
VAULT = "azure-native:keyvault:Vault"

CLOSED: list[tuple[str, dict[str, Any]]] = [
    (STORAGE, {"publicNetworkAccess": "Disabled"}),
    (REGISTRY, {"publicNetworkAccess": "Disabled"}),
    (VAULT, {"properties": {"publicNetworkAccess": "disabled"}}),
    (ML + "Workspace", {"publicNetworkAccess": "Disabled"}),
    (ML + "Compute", {"properties": {"properties": {"enableNodePublicIp": False}}}),
    (ML + "OnlineEndpoint", {"properties": {"publicNetworkAccess": "Disabled"}}),
]
OPEN: list[tuple[str, dict[str, Any]]] = [
    (STORAGE, {"publicNetworkAccess": "Enabled"}),
    (REGISTRY, {}),
    (VAULT, {"properties": {"publicNetworkAccess": "enabled"}}),
    (ML + "Workspace", {"publicNetworkAccess": "Enabled"}),
    (ML + "Compute", {"properties": {"properties": {"enableNodePublicIp": True}}}),
    (ML + "OnlineEndpoint", {"properties": {}}),
]
LOCKED: list[tuple[str, dict[str, Any]]] = [
    (STORAGE, {"allowSharedKeyAccess": False, "allowBlobPublicAccess": False}),
    (REGISTRY, {"adminUserEnabled": False}),
    (ML + "Workspace", {"systemDatastoresAuthMode": "Identity"}),
    (ML + "Compute", {"properties": {"disableLocalAuth": True}}),
    (ML + "OnlineEndpoint", {"properties": {"authMode": "AADToken"}}),
    (ML + "BatchEndpoint", {"properties": {"authMode": "AADToken"}}),
]
UNLOCKED: list[tuple[str, dict[str, Any], str]] = [
    (STORAGE, {"allowBlobPublicAccess": False}, "allow_shared_key_access=False"),
    (STORAGE, {"allowSharedKeyAccess": False}, "allow_blob_public_access=False"),
    (REGISTRY, {"adminUserEnabled": True}, "admin_user_enabled=False"),
    (ML + "Workspace", {"systemDatastoresAuthMode": "AccessKey"}, "system_datastores_auth_mode"),
    (ML + "Compute", {"properties": {"disableLocalAuth": False}}, "disable_local_auth=True"),
    (ML + "OnlineEndpoint", {"properties": {"authMode": "Key"}}, "auth_mode to aad_token"),
]


@pytest.mark.parametrize(("kind", "properties"), CLOSED)
def test_what_is_closed_to_the_public_network_passes(kind: str, properties: dict[str, Any]) -> None:
    assert ask(NO_PUBLIC_NETWORK, kind, properties, stack="prod") == []


@pytest.mark.parametrize(("kind", "properties"), OPEN)
def test_what_the_public_network_reaches_fails_in_production_only(
    kind: str, properties: dict[str, Any]
) -> None:
    (message,) = ask(NO_PUBLIC_NETWORK, kind, properties, name="scores", stack="prod")
    assert "scores" in message
    assert "in Pulumi.prod.yaml" in message
    assert ask(NO_PUBLIC_NETWORK, kind, properties, stack="dev") == []


@pytest.mark.parametrize(("kind", "properties"), LOCKED)
def test_what_is_used_without_keys_passes(kind: str, properties: dict[str, Any]) -> None:
    assert ask(NO_KEYS, kind, properties, stack="prod") == []


@pytest.mark.parametrize(("kind", "properties", "way_out"), UNLOCKED)
def test_what_a_key_opens_fails_in_production_only(
    kind: str, properties: dict[str, Any], way_out: str
) -> None:
    (message,) = ask(NO_KEYS, kind, properties, stack="prod")
    assert way_out in message
    assert ask(NO_KEYS, kind, properties, stack="dev") == []


@pytest.mark.parametrize("rule", [NO_PUBLIC_NETWORK, NO_KEYS])
def test_which_stacks_are_production_is_configured(rule: Any) -> None:
    config = {"production": ["live"]}
    assert ask(rule, STORAGE, {}, stack="live", config=config) != []
    assert ask(rule, STORAGE, {}, stack="prod", config=config) == []


def test_what_a_preview_cannot_know_passes() -> None:
    unknown = {
        "publicNetworkAccess": UNKNOWN,
        "allowSharedKeyAccess": UNKNOWN,
        "allowBlobPublicAccess": UNKNOWN,
    }
    assert ask(NO_PUBLIC_NETWORK, STORAGE, unknown, stack="prod") == []
    assert ask(NO_KEYS, STORAGE, unknown, stack="prod") == []
    assert ask(NO_PUBLIC_NETWORK, VAULT, {"properties": UNKNOWN}, stack="prod") == []


def test_one_value_that_is_unknown_does_not_hide_what_is_wrong_beside_it() -> None:
    (message,) = ask(NO_KEYS, STORAGE, {"allowSharedKeyAccess": UNKNOWN}, stack="prod")
    assert "allow_blob_public_access" in message
