from __future__ import annotations

from typing import Any

import pytest

from infra.policies.retention import BLOB_RETENTION, VAULT_RETENTION
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
        ({}, "scoring:production to true in Pulumi.prod.yaml"),
        ({"enablePurgeProtection": False}, "scoring:production to true"),
        ({"enablePurgeProtection": True, "enableSoftDelete": False}, "enable_soft_delete=True"),
    ],
)
def test_a_vault_that_can_lose_a_secret_fails(properties: dict[str, Any], way_out: str) -> None:
    given = {"properties": properties}
    (message,) = ask(VAULT_RETENTION, VAULT, given, name="keys", stack="prod")
    assert message.startswith("keys ")
    assert way_out in message


def test_only_production_has_to_protect_a_vault_from_being_purged() -> None:
    assert ask(VAULT_RETENTION, VAULT, {"properties": {}}) == []


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


BLOBS = "azure-native:storage:BlobServiceProperties"
KEPT = {"enabled": True, "days": 7.0}


def test_blobs_that_can_be_had_back_pass() -> None:
    kept = {"deleteRetentionPolicy": KEPT, "containerDeleteRetentionPolicy": KEPT}
    assert ask(BLOB_RETENTION, BLOBS, kept) == []
    assert ask(BLOB_RETENTION, BLOBS, {**kept, "isVersioningEnabled": True}, stack="prod") == []
    unknown = {"deleteRetentionPolicy": UNKNOWN, "containerDeleteRetentionPolicy": KEPT}
    assert ask(BLOB_RETENTION, BLOBS, unknown) == []


def test_blobs_that_are_lost_fail_and_in_production_overwritten_ones() -> None:
    lost = {
        "deleteRetentionPolicy": {"enabled": False},
        "containerDeleteRetentionPolicy": {**KEPT, "days": 3},
    }
    blobs, containers, versions = ask(BLOB_RETENTION, BLOBS, lost, name="blobs", stack="prod")
    assert blobs.startswith("blobs keeps deleted blobs not at all; set scoring:keptDays to at")
    assert containers.startswith("blobs keeps deleted containers for 3 days")
    assert versions.startswith("blobs keeps nothing that is overwritten")
