"""Everything that an online endpoint's YAML says reaches its resources."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from runner.declarations import OnlineDeployment, OnlineEndpoint
from tests.infra.declaring import (
    ONLINE_DEPLOYMENT,
    ONLINE_ENDPOINT,
    PIN,
    ROLE_DELAY,
    ROUTING,
    WORKSPACE,
    at,
    declare,
    online_deployment,
    online_endpoint,
    pinned_online,
)
from tests.infra.mocks import Program

# Of each key: what is declared, and where it has to arrive as what.
DEPLOYMENT_KEYS: dict[str, tuple[Any, dict[str, Any]]] = {
    "description": ("Said", {"properties.description": "Said"}),
    "tags": ({"team": "risk"}, {"tags.team": "risk", "tags.model": "m:3"}),
    "properties": ({"a": "b"}, {"properties.properties.a": "b"}),
    "type": ("managed", {"properties.endpointComputeType": "Managed"}),
    "instance_type": ("Standard_F4s_v2", {"properties.instanceType": "Standard_F4s_v2"}),
    "instance_count": (3, {"sku.capacity": 3, "sku.name": "Default"}),
    "environment_variables": ({"A": "1"}, {"properties.environmentVariables.A": "1"}),
    "app_insights_enabled": (True, {"properties.appInsightsEnabled": True}),
    "request_settings": (
        {
            "request_timeout_ms": 90_500,
            "max_concurrent_requests_per_instance": 4,
            "max_queue_wait_ms": 250,
        },
        {
            "properties.requestSettings.requestTimeout": "PT1M30.5S",
            "properties.requestSettings.maxConcurrentRequestsPerInstance": 4,
            "properties.requestSettings.maxQueueWait": "PT0.25S",
        },
    ),
    "liveness_probe": (
        {
            "initial_delay": 600,
            "period": 10,
            "timeout": 2,
            "success_threshold": 1,
            "failure_threshold": 30,
        },
        {
            "properties.livenessProbe.initialDelay": "PT10M",
            "properties.livenessProbe.period": "PT10S",
            "properties.livenessProbe.timeout": "PT2S",
            "properties.livenessProbe.successThreshold": 1,
            "properties.livenessProbe.failureThreshold": 30,
        },
    ),
    "readiness_probe": (
        {"initial_delay": 0, "period": 7},
        {
            "properties.readinessProbe.initialDelay": "PT0S",
            "properties.readinessProbe.period": "PT7S",
            "properties.readinessProbe.timeout": "PT2S",  # the SDK says Azure's default
        },
    ),
    "scale_settings": (
        {"type": "default"},
        {"properties.scaleSettings": {"scaleType": "Default"}},
    ),
    "model_mount_path": ("/var/models", {"properties.modelMountPath": "/var/models"}),
    "egress_public_network_access": (
        "disabled",
        {"properties.egressPublicNetworkAccess": "Disabled"},
    ),
    "data_collector": (
        {
            "collections": {
                "in": {"enabled": "true", "client_id": "who"},
                "out": {"enabled": "False"},
            },
            "rolling_rate": "hour",
            "sampling_rate": 0.5,
            "request_logging": {"capture_headers": ["x-id"]},
        },
        {
            "properties.dataCollector.collections.in": {
                "dataCollectionMode": "Enabled",
                "clientId": "who",
                "samplingRate": 0.5,
            },
            "properties.dataCollector.collections.out": {
                "dataCollectionMode": "Disabled",
                "samplingRate": 0.5,
            },
            "properties.dataCollector.rollingRate": "Hour",
            "properties.dataCollector.requestLogging.captureHeaders": ["x-id"],
        },
    ),
}
# These have tests of their own; what Azure has no property for is refused.
ELSEWHERE = {"name", "endpoint_name", "model", "code_configuration", "environment"}
REFUSED = {"private_network_connection"}
GIVEN = {"file", "source", "pinned"}


def test_every_key_of_a_deployment_reaches_the_resource(tmp_path: Path) -> None:
    declared = {key: value for key, (value, _) in DEPLOYMENT_KEYS.items()}
    inputs = pinned_online(tmp_path, **declared).inputs
    expected = {
        path: value for _, given in DEPLOYMENT_KEYS.values() for path, value in given.items()
    }
    assert {path: at(inputs, path) for path in expected} == expected


def test_no_key_of_a_deployment_is_left_out_of_these_tests() -> None:
    keys = {field.name for field in fields(OnlineDeployment)}
    assert keys == {*DEPLOYMENT_KEYS} | ELSEWHERE | REFUSED | GIVEN


def test_a_deployment_that_says_little_has_azures_defaults(tmp_path: Path) -> None:
    inputs = pinned_online(tmp_path).inputs
    properties = inputs["properties"]
    assert inputs["sku"] == {"name": "Default", "capacity": 1}
    assert properties["scaleSettings"] == {"scaleType": "Default"}
    assert properties["requestSettings"] == {
        "requestTimeout": "PT5S",
        "maxConcurrentRequestsPerInstance": 1,
        "maxQueueWait": "PT0.5S",
    }
    absent = {"livenessProbe", "readinessProbe", "dataCollector", "environmentId"}
    assert not absent & properties.keys()


def test_the_model_and_what_is_collected_are_plain_ids(tmp_path: Path) -> None:
    collections = {"in": {"enabled": "true", "data": "azureml:collected:4"}}
    program = declare(
        tmp_path,
        online_endpoint(),
        online_deployment(data_collector={"collections": collections}),
        endpoints={"live": {"deployments": {"blue": {"model": PIN}}}},
    )
    properties = program.one(ONLINE_DEPLOYMENT).inputs["properties"]
    workspace = program.one(WORKSPACE).id
    assert properties["model"] == f"{workspace}/models/m/versions/3"
    collected = at(properties, "dataCollector.collections.in.dataId")
    assert collected == f"{workspace}/data/collected/versions/4"


# Azure's built-in Azure Machine Learning Workspace Connection Secrets Reader and Key Vault Secrets
# User.
SECRETS_READER = "ea01e6af-a1c1-4350-9563-ad00f8c72ec5"
VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"


def roles_of_endpoints(program: Program) -> dict[str, str]:
    """Return each role of the identity that endpoints act with, and on what it has it."""
    return {
        role.inputs["roleDefinitionId"].rpartition("/")[2]: role.inputs["scope"]
        for role in program.of("authorization:RoleAssignment")
        if role.inputs["principalId"] == "principal of endpoints-identity"
    }


def declare_secrets(root: Path, variables: dict[str, str], **endpoint: Any) -> Program:
    return declare(
        root,
        online_endpoint(**endpoint),
        online_deployment(environment_variables=variables),
        endpoints={"live": {"deployments": {"blue": {"model": PIN}}}},
    )


def test_secrets_that_are_referred_to_pass_unchanged_and_their_readers_get_the_roles(
    tmp_path: Path,
) -> None:
    key = "${{azureml://connections/openai/credentials/key}}"
    program = declare_secrets(tmp_path, {"KEY": key})
    variables = program.one(ONLINE_DEPLOYMENT).inputs["properties"]["environmentVariables"]
    assert variables == {"KEY": key}
    roles = roles_of_endpoints(program)
    assert roles[SECRETS_READER] == program.one(WORKSPACE).id
    assert VAULT_SECRETS_USER not in roles

    vault = program.one("keyvault:Vault")
    name = vault.inputs["vaultName"]
    token = f"${{{{keyvault:https://{name}.vault.azure.net/secrets/token/01}}}}"
    roles = roles_of_endpoints(declare_secrets(tmp_path, {"TOKEN": token}))
    assert roles[VAULT_SECRETS_USER] == vault.id
    assert SECRETS_READER not in roles


def test_who_refers_to_no_secret_or_acts_as_somebody_else_reads_none(tmp_path: Path) -> None:
    elsewhere = "${{keyvault:https://kv-elsewhere.vault.azure.net/secrets/token}}"
    variables = {"LEVEL": "1", "TOKEN": elsewhere}
    roles = roles_of_endpoints(declare_secrets(tmp_path, variables))
    assert not {SECRETS_READER, VAULT_SECRETS_USER} & roles.keys()
    key = {"KEY": "${{azureml://connections/openai/credentials/key}}"}
    own = declare_secrets(tmp_path, key, identity={"type": "system_assigned"})
    assert SECRETS_READER not in roles_of_endpoints(own)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("key", "Key"), ("aml_token", "AMLToken"), ("aad_token", "AADToken")],
)
def test_an_endpoint_takes_a_key_or_a_token(mode: str, expected: str, tmp_path: Path) -> None:
    program = declare(tmp_path, online_endpoint(auth_mode=mode), endpoints={})
    assert program.one(ONLINE_ENDPOINT).inputs["properties"]["authMode"] == expected


def test_an_endpoints_keys_reach_the_resource(tmp_path: Path) -> None:
    declared: dict[str, Any] = {
        "description": "Said",
        "tags": {"team": "risk"},
        "properties": {"a": "b"},
        "auth_mode": "key",
        "location": "koreacentral",
        "identity": {"type": "system_assigned"},
        "public_network_access": "disabled",
        "traffic": {"blue": 100},
        "mirror_traffic": {"green": 10},
    }
    pins = {"blue": {"model": PIN}, "green": {"model": PIN}}
    program = declare(
        tmp_path,
        online_endpoint(**declared),
        online_deployment(),
        online_deployment(name="green"),
        endpoints={"live": {"deployments": pins}},
    )
    inputs = program.one(ONLINE_ENDPOINT).inputs
    assert inputs["tags"]["team"] == "risk"
    assert inputs["identity"] == {"type": "SystemAssigned"}
    # Traffic comes with the routing: Azure refuses some to what does not exist yet.
    assert inputs["properties"] == {
        "authMode": "Key",
        "description": "Said",
        "properties": {"a": "b"},
        "publicNetworkAccess": "Disabled",
    }
    routing = program.one(ROUTING).inputs
    assert (routing["traffic"], routing["mirror_traffic"]) == ("blue=100", "green=10")
    assert {field.name for field in fields(OnlineEndpoint)} - GIVEN == {*declared, "name"}


def test_without_an_identity_of_its_own_an_endpoint_has_the_platforms(tmp_path: Path) -> None:
    program = declare(
        tmp_path,
        online_endpoint(),
        online_deployment(),
        endpoints={"live": {"deployments": {"blue": {"model": PIN}}}},
    )
    identity = program.one("managedidentity:UserAssignedIdentity", "endpoints-identity")
    assert program.one(ONLINE_ENDPOINT).inputs["identity"] == {
        "type": "UserAssigned",
        "userAssignedIdentities": [identity.id],
    }
    settled = program.one(ROLE_DELAY, "endpoint-roles")
    assert settled.urn in program.one(ONLINE_DEPLOYMENT).dependencies
    roles = [role.name for role in program.of("authorization:RoleAssignment")]
    mine = {name for name in roles if name.startswith("endpoints-")}
    assert mine
    assert mine < {*settled.inputs["assignments"]}


COLLECTED = {"collections": {"in": {"enabled": "true"}}}


@pytest.mark.parametrize(
    ("endpoint", "deployment", "pin", "writes"),
    [
        ({}, {"data_collector": COLLECTED}, PIN, True),
        ({}, {}, PIN, False),
        ({}, {"data_collector": COLLECTED}, None, False),
        ({"identity": {"type": "system_assigned"}}, {"data_collector": COLLECTED}, PIN, False),
    ],
    ids=["collecting", "not collecting", "not deployed", "as somebody else"],
)
def test_the_platforms_identity_writes_blobs_only_to_collect_data(
    endpoint: Any, deployment: Any, pin: str | None, writes: bool, tmp_path: Path
) -> None:
    program = declare(
        tmp_path,
        online_endpoint(**endpoint),
        online_deployment(**deployment),
        endpoints={"live": {"deployments": {"blue": {"model": pin}}}} if pin else {},
    )
    names = [role.name for role in program.of("authorization:RoleAssignment")]
    assert ("endpoints-blob-data-contributor-on-storage" in names) is writes


def test_in_a_managed_network_no_endpoint_is_public(tmp_path: Path) -> None:
    declared = online_endpoint(public_network_access="enabled")
    program = declare(tmp_path, declared, endpoints={}, isolation="managed")
    properties = program.one(ONLINE_ENDPOINT).inputs["properties"]
    assert properties["publicNetworkAccess"] == "Disabled"


def test_traffic_is_one_line_and_comes_after_every_deployment(tmp_path: Path) -> None:
    pins = {"blue": {"model": PIN}, "green": {"model": "azureml:m:4"}}
    program = declare(
        tmp_path,
        online_endpoint(),
        online_deployment(),
        online_deployment(name="green"),
        endpoints={"live": {"traffic": {"green": 10, "blue": 90}, "deployments": pins}},
    )
    routing = program.one(ROUTING)
    assert routing.inputs["traffic"] == "blue=90 green=10"
    deployments = {deployment.urn for deployment in program.of(ONLINE_DEPLOYMENT)}
    assert len(deployments) == 2
    assert deployments <= {*routing.dependencies}


def test_an_endpoint_whose_shares_are_all_nothing_is_routed_to_nobody(tmp_path: Path) -> None:
    program = declare(
        tmp_path,
        online_endpoint(traffic={"blue": 0}),
        online_deployment(),
        endpoints={"live": {"deployments": {"blue": {"model": PIN}}}},
    )
    assert program.error is None, program.error
    assert program.one(ROUTING).inputs["traffic"] == ""


def test_an_endpoint_that_only_mirrors_is_routed_too(tmp_path: Path) -> None:
    program = declare(
        tmp_path,
        online_endpoint(mirror_traffic={"blue": 10}),
        online_deployment(),
        endpoints={"live": {"deployments": {"blue": {"model": PIN}}}},
    )
    assert program.error is None, program.error
    assert program.one(ROUTING).inputs["mirror_traffic"] == "blue=10"


def test_an_endpoint_of_which_nothing_is_pinned_has_no_routing(tmp_path: Path) -> None:
    program = declare(
        tmp_path, online_endpoint(traffic={"blue": 100}), online_deployment(), endpoints={}
    )
    assert program.error is None
    assert program.of(ROUTING) == []
    assert program.of(ONLINE_DEPLOYMENT) == []


def test_a_refresh_does_not_have_the_endpoint_take_its_traffic_away(tmp_path: Path) -> None:
    program = declare(tmp_path, online_endpoint(), endpoints={})
    ignored = program.one(ONLINE_ENDPOINT).ignore_changes
    assert {"properties.traffic", "properties.mirrorTraffic"} <= {*ignored}
    assert "properties.description" in ignored  # which Azure keeps from the creation


def test_beside_declared_properties_those_that_azure_writes_are_not_taken_back(
    tmp_path: Path,
) -> None:
    assert "properties.properties" in pinned_online(tmp_path / "none").ignore_changes
    ignored = pinned_online(tmp_path / "some", properties={"team": "risk"}).ignore_changes
    assert "properties.properties.AzureAsyncOperationUri" in ignored
    assert not {"properties.properties", "properties.properties.team"} & {*ignored}


def test_only_another_size_of_machine_or_egress_replaces_a_deployment(tmp_path: Path) -> None:
    deployment = pinned_online(tmp_path)
    assert deployment.replace_on_changes == (
        "properties.instanceType",
        "properties.egressPublicNetworkAccess",
    )
    assert deployment.delete_before_replace
    # Azure takes longer for each of these than the engine waits of itself.
    assert deployment.timeouts == {"create": "1h", "update": "1h", "delete": "1h"}


def test_another_identity_or_other_properties_have_another_endpoint(tmp_path: Path) -> None:
    kept: list[dict[str, Any]] = [
        {},
        {"identity": {"type": "system_assigned"}},
        {"identity": {"type": "none"}},
        {"properties": {"team": "risk"}},
        {"properties": {"team": "sales"}},
    ]
    found = [
        declare(tmp_path, online_endpoint(**keys), endpoints={}).one(ONLINE_ENDPOINT)
        for keys in kept
    ]
    assert len({endpoint.name for endpoint in found}) == len(kept)
    assert len({endpoint.id for endpoint in found}) == len(kept)
    assert found[0].name == "live"
