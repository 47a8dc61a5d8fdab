"""The inputs of each service around a workspace, written out whole for dev and prod.

Beside its name, its place, its tags and the other resources that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from tests.infra.mocks import SUBSCRIPTION, Program

STORAGE = "storage:StorageAccount"
VAULT = "keyvault:Vault"
REGISTRY = "containerregistry:Registry"
WORKSPACE = "machinelearningservices:Workspace"
LOGS = "operationalinsights:Workspace"
INSIGHTS = "applicationinsights:Component"
CLUSTER = "machinelearningservices:Compute"
RULE = "machinelearningservices:ManagedNetworkSettingsRule"

ELSEWHERE = {
    *("resourceGroupName", "location", "tags", "identity", "primaryUserAssignedIdentity"),
    *("accountName", "vaultName", "registryName", "workspaceName", "resourceName", "computeName"),
    *("friendlyName", "tenantId", "workspaceResourceId", "ruleName", "imageBuildCompute"),
    *("storageAccount", "keyVault", "containerRegistry", "applicationInsights"),
}

ANYWHERE: Mapping[str, Mapping[str, Any]] = {
    STORAGE: {
        "kind": "StorageV2",
        "accessTier": "Hot",
        "allowBlobPublicAccess": False,
        "allowCrossTenantReplication": False,
        "allowSharedKeyAccess": False,
        "defaultToOAuthAuthentication": True,
        "enableHttpsTrafficOnly": True,
        "isLocalUserEnabled": False,
        "minimumTlsVersion": "TLS1_2",
    },
    VAULT: {
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "enableSoftDelete": True,
        "enabledForDeployment": False,
        "enabledForDiskEncryption": False,
        "enabledForTemplateDeployment": False,
    },
    REGISTRY: {
        "adminUserEnabled": False,
        "anonymousPullEnabled": False,
        "networkRuleBypassOptions": "AzureServices",
        "zoneRedundancy": "Disabled",
    },
    WORKSPACE: {
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "systemDatastoresAuthMode": "Identity",
        "v1LegacyMode": False,
    },
    LOGS: {
        "sku": {"name": "PerGB2018"},
        "features": {
            "disableLocalAuth": True,
            "enableLogAccessUsingOnlyResourcePermissions": True,
        },
    },
    INSIGHTS: {
        "kind": "web",
        "applicationType": "web",
        "disableLocalAuth": False,
        "flowType": "Bluefield",
        "ingestionMode": "LogAnalytics",
        "publicNetworkAccessForIngestion": "Enabled",
        "publicNetworkAccessForQuery": "Enabled",
        "requestSource": "rest",
    },
}
DEV: Mapping[str, Mapping[str, Any]] = {
    STORAGE: {
        "sku": {"name": "Standard_LRS"},
        "publicNetworkAccess": "Enabled",
        "networkRuleSet": {"defaultAction": "Allow", "bypass": "AzureServices"},
    },
    VAULT: {
        "softDeleteRetentionInDays": 7,
        "publicNetworkAccess": "Enabled",
        "networkAcls": {"defaultAction": "Allow", "bypass": "AzureServices"},
    },
    REGISTRY: {"sku": {"name": "Basic"}, "publicNetworkAccess": "Enabled"},
    WORKSPACE: {"publicNetworkAccess": "Enabled"},
    LOGS: {"retentionInDays": 30},
    INSIGHTS: {},
}
PROD: Mapping[str, Mapping[str, Any]] = {
    STORAGE: {
        "sku": {"name": "Standard_GRS"},
        "publicNetworkAccess": "Disabled",
        "networkRuleSet": {"defaultAction": "Deny", "bypass": "AzureServices"},
    },
    VAULT: {
        "softDeleteRetentionInDays": 90,
        "enablePurgeProtection": True,
        "publicNetworkAccess": "Disabled",
        "networkAcls": {"defaultAction": "Deny", "bypass": "AzureServices"},
    },
    REGISTRY: {"sku": {"name": "Premium"}, "publicNetworkAccess": "Disabled"},
    WORKSPACE: {
        "publicNetworkAccess": "Disabled",
        "provisionNetworkNow": True,
        "managedNetwork": {
            "isolationMode": "AllowOnlyApprovedOutbound",
            "firewallSku": "Basic",
            "outboundRules": {},
            "enableNetworkMonitor": False,
        },
    },
    LOGS: {"retentionInDays": 90},
    INSIGHTS: {},
}
NODES: Mapping[str, Any] = {
    "vmSize": "Standard_D4ds_v4",
    "osType": "Linux",
    "remoteLoginPortPublicAccess": "Disabled",
}
CLUSTERS: Mapping[str, Mapping[str, Any]] = {
    "dev cpu-cluster": {
        **NODES,
        "vmPriority": "LowPriority",
        "enableNodePublicIp": True,
        "scaleSettings": {
            "minNodeCount": 0,
            "maxNodeCount": 2,
            "nodeIdleTimeBeforeScaleDown": "PT2M",
        },
    },
    "prod cpu-cluster": {
        **NODES,
        "vmSize": "Standard_D8ds_v4",
        "vmPriority": "Dedicated",
        "enableNodePublicIp": False,
        "scaleSettings": {
            "minNodeCount": 0,
            "maxNodeCount": 8,
            "nodeIdleTimeBeforeScaleDown": "PT10M",
        },
    },
    "prod image-builder-d4ds-v4": {
        **NODES,
        "vmPriority": "Dedicated",
        "enableNodePublicIp": False,
        "scaleSettings": {
            "minNodeCount": 0,
            "maxNodeCount": 1,
            "nodeIdleTimeBeforeScaleDown": "PT2M",
        },
    },
}


@pytest.fixture(scope="module")
def programs(dev: Program, prod: Program) -> dict[str, Program]:
    return {"dev": dev, "prod": prod}


def said(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a resource, those below `properties` beside the others."""
    whole = {**inputs, **inputs.get("properties", {})}
    return {key: value for key, value in whole.items() if key not in {*ELSEWHERE, "properties"}}


@pytest.mark.parametrize(("stack", "own"), [("dev", DEV), ("prod", PROD)])
@pytest.mark.parametrize("kind", ANYWHERE)
def test_a_service_is_declared_as_it_is_written_here(
    programs: dict[str, Program], kind: str, stack: str, own: Mapping[str, Mapping[str, Any]]
) -> None:
    assert said(programs[stack].one(kind).inputs) == {**ANYWHERE[kind], **own[kind]}


def test_clusters_are_declared_as_they_are_written_here(programs: dict[str, Program]) -> None:
    found = {
        f"{stack} {cluster.name}": cluster.inputs["properties"]
        for stack, program in programs.items()
        for cluster in program.of(CLUSTER)
    }
    assert {name: properties["properties"] for name, properties in found.items()} == CLUSTERS
    for properties in found.values():
        own = {key: value for key, value in properties.items() if key != "properties"}
        assert own == {"computeType": "AmlCompute", "disableLocalAuth": True}


def test_what_azure_never_changes_of_a_cluster_makes_another_and_the_plugin_deletes_none(
    programs: dict[str, Program],
) -> None:
    for program in programs.values():
        for cluster in program.of(CLUSTER):
            fixed = ("vmSize", "vmPriority", "enableNodePublicIp")
            assert cluster.replace_on_changes == tuple(
                f"properties.properties.{name}" for name in fixed
            )
            assert cluster.retain_on_delete


def test_every_rule_of_the_network_is_the_stack_s_own(programs: dict[str, Program]) -> None:
    rules = [rule.inputs["properties"] for rule in programs["prod"].of(RULE)]
    assert {rule["category"] for rule in rules} == {"UserDefined"}


def test_a_role_goes_before_it_comes_under_its_name_which_is_the_stack_s_for_good(
    programs: dict[str, Program],
) -> None:
    """Azure knows an assignment by its name: another one would be another assignment."""
    for stack, program in programs.items():
        for role in program.of("authorization:RoleAssignment"):
            assert role.delete_before_replace
            whole = f"scoring/{stack}/{SUBSCRIPTION}/{role.name}"
            assert role.inputs["roleAssignmentName"] == str(uuid5(NAMESPACE_URL, whole))
