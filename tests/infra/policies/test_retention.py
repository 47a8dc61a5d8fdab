from __future__ import annotations

from typing import Any

import pytest

from infra.policies.retention import VAULT_RETENTION
from tests.infra.policies.ask import ML, UNKNOWN, ask

VAULT = "azure-native:keyvault:Vault"


@pytest.mark.parametrize(
    "properties",
    [
        {"enablePurgeProtection": True},
        {
            "enablePurgeProtection": True,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": 7.0,
        },
        {"enablePurgeProtection": UNKNOWN, "softDeleteRetentionInDays": UNKNOWN},
    ],
)
def test_a_vault_that_keeps_what_is_deleted_passes(properties: dict[str, Any]) -> None:
    assert ask(VAULT_RETENTION, VAULT, {"properties": properties}) == []


@pytest.mark.parametrize(
    ("properties", "way_out"),
    [
        ({}, "enable_purge_protection=True"),
        ({"enablePurgeProtection": False}, "enable_purge_protection=True"),
        ({"enablePurgeProtection": True, "enableSoftDelete": False}, "enable_soft_delete=True"),
    ],
)
def test_a_vault_that_can_lose_a_secret_fails(properties: dict[str, Any], way_out: str) -> None:
    (message,) = ask(VAULT_RETENTION, VAULT, {"properties": properties}, name="keys")
    assert message.startswith("keys ")
    assert way_out in message


def test_how_long_is_configured() -> None:
    properties = {"properties": {"enablePurgeProtection": True, "softDeleteRetentionInDays": 30}}
    assert ask(VAULT_RETENTION, VAULT, properties, config={"days": 30}) == []
    (message,) = ask(VAULT_RETENTION, VAULT, properties, config={"days": 31})
    assert "soft_delete_retention_in_days to at least 31" in message


def test_a_vault_that_says_nothing_has_azures_ninety_days() -> None:
    properties = {"properties": {"enablePurgeProtection": True}}
    assert ask(VAULT_RETENTION, VAULT, properties, config={"days": 90}) == []


def test_nothing_else_is_held_to_it() -> None:
    assert ask(VAULT_RETENTION, ML + "Workspace", {}) == []
