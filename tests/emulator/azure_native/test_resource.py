"""A resource in its two shapes, and what of one is refused, previewed, or has drifted."""

from __future__ import annotations

import pytest

from tests.emulator.azure_native.resource import (
    Kind,
    body,
    drifted,
    imported,
    kind_of,
    outputs,
    previewed,
    problems,
    resource_id,
)
from tests.emulator.azure_native.resource_types import NAMES, TYPES
from tests.emulator.plugin.provider import UNKNOWN

ML = "azure-native:machinelearningservices:"
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/x/i"


@pytest.fixture
def storage() -> Kind:
    return kind_of("azure-native:storage:StorageAccount")


@pytest.fixture
def endpoint() -> Kind:
    return kind_of(f"{ML}OnlineEndpoint")


@pytest.mark.parametrize("short", sorted(TYPES))
def test_the_sdk_has_every_type_with_the_inputs_of_its_path(short: str) -> None:
    kind = kind_of(f"azure-native:{short}")
    assert set(kind.type.parameters) - {"subscriptionId"} <= kind.declared.inputs
    assert kind.declared.api_version.startswith("20")
    known = kind.declared.inputs | kind.declared.outputs
    assert kind.type.renamed.keys() <= known
    assert {path.partition(".")[0] for path in kind.type.immutable} <= kind.declared.inputs


@pytest.mark.parametrize("rule", sorted(NAMES))
def test_every_rule_of_names_is_of_a_parameter(rule: str) -> None:
    short, _, parameter = rule.partition(".")
    assert parameter in TYPES[short].parameters


def test_a_flat_type_keeps_its_own_properties_apart_from_the_envelope(storage: Kind) -> None:
    inputs = {
        "accountName": "a",
        "resourceGroupName": "g",
        "azureApiVersion": "x",
        "location": "l",
        "sku": {"name": "Standard_LRS"},
        "enableHttpsTrafficOnly": True,
    }
    sent = body(storage, inputs)
    assert sent == {
        "location": "l",
        "sku": {"name": "Standard_LRS"},
        "properties": {"supportsHttpsTrafficOnly": True},
    }
    assert outputs(storage, {**sent, "name": "a"})["enableHttpsTrafficOnly"] is True
    assert resource_id(storage, inputs, "s") == (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a"
    )


def test_items_of_a_list_have_properties_of_their_own_there() -> None:
    kind = kind_of("azure-native:network:PrivateEndpoint")
    connection = {"name": "blob", "groupIds": ["blob"], "privateLinkServiceId": "/s"}
    sent = body(kind, {"privateLinkServiceConnections": [connection]})
    properties = {"groupIds": ["blob"], "privateLinkServiceId": "/s"}
    listed = [{"name": "blob", "properties": properties}]
    assert sent == {"properties": {"privateLinkServiceConnections": listed}}
    assert outputs(kind, sent)["privateLinkServiceConnections"] == [connection]


def test_user_assigned_identities_are_a_list_here_and_a_map_there(endpoint: Kind) -> None:
    identity = {"type": "UserAssigned", "userAssignedIdentities": [IDENTITY]}
    sent = body(endpoint, {"identity": identity, "properties": {}})
    assert sent["identity"]["userAssignedIdentities"] == {IDENTITY: {}}
    answered = {
        "identity": {
            "type": "UserAssigned",
            "principalId": None,
            "userAssignedIdentities": {IDENTITY: {"clientId": "c"}},
        }
    }
    assert (
        imported(endpoint, resource_id(endpoint, _names(), "s"), {**answered, "properties": {}})[
            "identity"
        ]
        == identity
    )
    assert drifted(endpoint, {"identity": identity}, answered, answered)["identity"] == identity


def test_all_problems_are_told_at_once(storage: Kind) -> None:
    found = dict(problems(storage, {"accountName": "Not-Allowed", "skew": 1, "kind": "StorageV2"}))
    assert set(found) == {"accountName", "resourceGroupName", "sku", "skew"}
    assert "does not match expression" in found["accountName"]


@pytest.mark.parametrize(("length", "fine"), [(2, False), (3, True), (32, True), (33, False)])
def test_a_cluster_s_name_is_as_long_as_azure_s_naming_rules_have_it(
    length: int, fine: bool
) -> None:
    cluster = kind_of(f"{ML}Compute")
    inputs = {"resourceGroupName": "g", "workspaceName": "wsp", "computeName": "c" * length}
    assert (problems(cluster, inputs) == []) is fine


def test_an_unknown_name_is_not_held_against_the_rules(storage: Kind) -> None:
    inputs = {"accountName": UNKNOWN, "resourceGroupName": UNKNOWN, "kind": "x", "sku": {}}
    assert problems(storage, inputs) == []


def test_an_unknown_type_names_where_to_add_it() -> None:
    with pytest.raises(LookupError, match=r"resource_types\.py"):
        kind_of("azure-native:web:WebApp")


def test_a_preview_knows_what_was_asked_and_what_never_changes(endpoint: Kind) -> None:
    inputs = {**_names(), "properties": {"authMode": "Key"}}
    first = previewed(endpoint, inputs)
    assert first["name"] == UNKNOWN
    assert first["properties"] == {
        "authMode": "Key",
        "scoringUri": UNKNOWN,
        "swaggerUri": UNKNOWN,
    }
    assert previewed(endpoint, inputs, {"name": "e", "type": "t"})["name"] == "e"


def test_drift_reaches_the_inputs_and_what_only_azure_says_does_not(endpoint: Kind) -> None:
    inputs = {"tags": {"a": "1"}, "properties": {"authMode": "Key"}}
    old = {"tags": {"a": "1"}, "properties": {"authMode": "Key", "provisioningState": "Updating"}}
    new = {
        "tags": {"a": "2", "b": "3"},
        "properties": {"provisioningState": "Succeeded", "traffic": {"blue": 100}},
    }
    assert drifted(endpoint, inputs, old, new) == {
        "tags": {"a": "2", "b": "3"},
        "properties": {"traffic": {"blue": 100}},
    }


def test_an_import_reads_the_names_from_the_id(endpoint: Kind) -> None:
    identifier = resource_id(endpoint, _names(), "s")
    read = imported(endpoint, identifier, {"location": "l", "properties": {"authMode": "Key"}})
    assert {name: read[name] for name in _names()} == _names()
    with pytest.raises(LookupError, match="no id of"):
        imported(endpoint, "/subscriptions/s", {})


def _names() -> dict[str, str]:
    return {"resourceGroupName": "g", "workspaceName": "w", "endpointName": "e"}
