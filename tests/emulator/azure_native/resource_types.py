"""The types it knows: where Resource Manager keeps each, and how the two shapes of it differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
_ML = f"{_GROUP}/providers/Microsoft.MachineLearningServices/workspaces/{{workspaceName}}"

_ADDRESSES = ("scoringUri", "swaggerUri")

# Keys that Resource Manager keeps beside `properties`, for types without an input of that name.
ENVELOPE = frozenset(
    {"extendedLocation", "identity", "kind", "location", "managedBy", "plan", "sku", "tags"}
)


@dataclass(frozen=True)
class ResourceType:
    """One type of resource.

    `path` has a `{parameter}` for each input that is part of the id. A change of those, of the
    location or of a path in `immutable` takes a new resource. `inner` names what is kept in
    `properties` although other types keep it beside. `lists` are inputs whose items have
    `properties` of their own there. `computed`: what Azure adds in `properties` and others go by.
    `singleton`: the properties of one that is made with what is above it; its deletion puts these
    back. `renamed`: input name -> Resource Manager's.
    """

    path: str
    immutable: frozenset[str] = frozenset()
    computed: tuple[str, ...] = ()
    inner: frozenset[str] = frozenset()
    singleton: Mapping[str, object] | None = None
    lists: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the inputs that are part of the id, in its order."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))


def _type(path: str, *immutable: str, **renamed: str) -> ResourceType:
    return ResourceType(path, frozenset(immutable), renamed=renamed)


def _provider(path: str) -> str:
    return f"{_GROUP}/providers/{path}"


TYPES: Mapping[str, ResourceType] = {
    "applicationinsights:Component": _type(
        _provider("Microsoft.Insights/components/{resourceName}"),
        applicationType="Application_Type",
        disableIpMasking="DisableIpMasking",
        disableLocalAuth="DisableLocalAuth",
        flowType="Flow_Type",
        forceCustomerStorageForProfiler="ForceCustomerStorageForProfiler",
        hockeyAppId="HockeyAppId",
        immediatePurgeDataOn30Days="ImmediatePurgeDataOn30Days",
        ingestionMode="IngestionMode",
        requestSource="Request_Source",
        retentionInDays="RetentionInDays",
        samplingPercentage="SamplingPercentage",
        workspaceResourceId="WorkspaceResourceId",
        # Read-only:
        appId="AppId",
        applicationId="ApplicationId",
        connectionString="ConnectionString",
        creationDate="CreationDate",
        instrumentationKey="InstrumentationKey",
        tenantId="TenantId",
    ),
    "authorization:RoleAssignment": _type(
        "/{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
        "principalId",
    ),
    "consumption:Budget": _type("/{scope}/providers/Microsoft.Consumption/budgets/{budgetName}"),
    "containerregistry:Registry": _type(
        _provider("Microsoft.ContainerRegistry/registries/{registryName}")
    ),
    "databricks:AccessConnector": _type(
        _provider("Microsoft.Databricks/accessConnectors/{connectorName}")
    ),
    "databricks:Workspace": _type(
        _provider("Microsoft.Databricks/workspaces/{workspaceName}"),
        "computeMode",
        "managedResourceGroupId",
    ),
    "keyvault:Vault": _type(_provider("Microsoft.KeyVault/vaults/{vaultName}")),
    "machinelearningservices:BatchDeployment": _type(
        f"{_ML}/batchEndpoints/{{endpointName}}/deployments/{{deploymentName}}"
    ),
    "machinelearningservices:BatchEndpoint": ResourceType(
        f"{_ML}/batchEndpoints/{{endpointName}}", computed=_ADDRESSES
    ),
    "machinelearningservices:Compute": _type(f"{_ML}/computes/{{computeName}}"),
    "machinelearningservices:Datastore": _type(
        f"{_ML}/datastores/{{name}}", "properties.datastoreType"
    ),
    "machinelearningservices:EnvironmentVersion": _type(
        f"{_ML}/environments/{{name}}/versions/{{version}}",
        "properties.build",
        "properties.condaFile",
        "properties.image",
    ),
    "machinelearningservices:ManagedNetworkSettingsRule": _type(
        f"{_ML}/outboundRules/{{ruleName}}"
    ),
    "machinelearningservices:OnlineDeployment": _type(
        f"{_ML}/onlineEndpoints/{{endpointName}}/deployments/{{deploymentName}}"
    ),
    "machinelearningservices:OnlineEndpoint": ResourceType(
        f"{_ML}/onlineEndpoints/{{endpointName}}", computed=_ADDRESSES
    ),
    "machinelearningservices:Schedule": _type(f"{_ML}/schedules/{{name}}"),
    "machinelearningservices:Workspace": _type(_ML, "keyVault", "storageAccount"),
    "managedidentity:UserAssignedIdentity": _type(
        _provider("Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}")
    ),
    "monitor:ActionGroup": _type(_provider("Microsoft.Insights/actionGroups/{actionGroupName}")),
    "monitor:AutoscaleSetting": _type(
        _provider("Microsoft.Insights/autoscaleSettings/{autoscaleSettingName}")
    ),
    "monitor:DiagnosticSetting": _type(
        "/{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}"
    ),
    "monitor:MetricAlert": _type(_provider("Microsoft.Insights/metricAlerts/{ruleName}")),
    "network:PrivateDnsZoneGroup": ResourceType(
        _provider(
            "Microsoft.Network/privateEndpoints/{privateEndpointName}/privateDnsZoneGroups"
            "/{privateDnsZoneGroupName}"
        ),
        lists=frozenset({"privateDnsZoneConfigs"}),
    ),
    "network:PrivateEndpoint": ResourceType(
        _provider("Microsoft.Network/privateEndpoints/{privateEndpointName}"),
        lists=frozenset({"privateLinkServiceConnections"}),
    ),
    "privatedns:PrivateZone": _type(
        _provider("Microsoft.Network/privateDnsZones/{privateZoneName}")
    ),
    "privatedns:VirtualNetworkLink": _type(
        _provider(
            "Microsoft.Network/privateDnsZones/{privateZoneName}/virtualNetworkLinks"
            "/{virtualNetworkLinkName}"
        )
    ),
    "operationalinsights:Workspace": ResourceType(
        _provider("Microsoft.OperationalInsights/workspaces/{workspaceName}"),
        inner=frozenset({"sku"}),
    ),
    "resources:ResourceGroup": _type(_GROUP),
    "storage:BlobServiceProperties": ResourceType(
        _provider(
            "Microsoft.Storage/storageAccounts/{accountName}/blobServices/{blobServicesName}"
        ),
        singleton={},
    ),
    "storage:ManagementPolicy": _type(
        _provider(
            "Microsoft.Storage/storageAccounts/{accountName}/managementPolicies"
            "/{managementPolicyName}"
        )
    ),
    "storage:BlobContainer": _type(
        _provider(
            "Microsoft.Storage/storageAccounts/{accountName}/blobServices/default/containers"
            "/{containerName}"
        )
    ),
    "storage:StorageAccount": _type(
        _provider("Microsoft.Storage/storageAccounts/{accountName}"),
        "isHnsEnabled",
        enableHttpsTrafficOnly="supportsHttpsTrafficOnly",
        enableNfsV3="isNfsV3Enabled",
        networkRuleSet="networkAcls",
    ),
}

_GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ASSET = r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}"
_ENDPOINT = r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]"

# Azure's rules of names, by type and parameter; the whole name has to match.
NAMES: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "applicationinsights:Component.resourceName": r"[^/]{1,260}",
        "authorization:RoleAssignment.roleAssignmentName": _GUID,
        "containerregistry:Registry.registryName": r"[a-zA-Z0-9]{5,50}",
        "databricks:AccessConnector.connectorName": r"[a-zA-Z0-9_-]{3,64}",
        "databricks:Workspace.workspaceName": r"[a-zA-Z0-9_-]{3,64}",
        "keyvault:Vault.vaultName": r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{1,22}[a-zA-Z0-9]",
        "machinelearningservices:BatchDeployment.deploymentName": _ENDPOINT,
        "machinelearningservices:BatchEndpoint.endpointName": _ENDPOINT,
        "machinelearningservices:Compute.computeName": r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]",
        "machinelearningservices:Datastore.name": r"[a-zA-Z0-9_]{1,255}",
        "machinelearningservices:EnvironmentVersion.name": _ASSET,
        "machinelearningservices:EnvironmentVersion.version": _ASSET,
        "machinelearningservices:ManagedNetworkSettingsRule.ruleName": r"[a-zA-Z0-9_-]{3,33}",
        "machinelearningservices:OnlineDeployment.deploymentName": _ENDPOINT,
        "machinelearningservices:OnlineEndpoint.endpointName": _ENDPOINT,
        "machinelearningservices:Schedule.name": r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}",
        "machinelearningservices:Workspace.workspaceName": r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}",
        "managedidentity:UserAssignedIdentity.resourceName": r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}",
        "consumption:Budget.budgetName": r"[\w-]{1,63}",
        "monitor:ActionGroup.actionGroupName": r"[^/&%?+\x00-\x1f]{1,260}",
        "monitor:AutoscaleSetting.autoscaleSettingName": r"[^<>%&#.,?/+:*\\ ]{1,260}",
        "monitor:DiagnosticSetting.name": r"[^*<>?/]{1,260}",
        "monitor:MetricAlert.ruleName": r"[^*#&+:<>?@%{}\\/|]{1,260}",
        "network:PrivateDnsZoneGroup.privateDnsZoneGroupName": r"[a-zA-Z0-9][\w.-]{0,79}",
        "network:PrivateEndpoint.privateEndpointName": r"[a-zA-Z0-9][\w.-]{0,62}\w",
        "privatedns:PrivateZone.privateZoneName": r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,33}",
        "privatedns:VirtualNetworkLink.virtualNetworkLinkName": r"[a-zA-Z0-9]([\w.-]{0,78}\w)?",
        "operationalinsights:Workspace.workspaceName": r"[a-zA-Z0-9][a-zA-Z0-9-]{2,61}[a-zA-Z0-9]",
        "resources:ResourceGroup.resourceGroupName": r"[\w.()-]{0,89}[\w()-]",
        "storage:BlobContainer.containerName": r"[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]",
        "storage:StorageAccount.accountName": r"[a-z0-9]{3,24}",
    }.items()
}
