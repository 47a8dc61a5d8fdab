"""The platform that a stack on Databricks stands on: the workspace, and where its data is kept."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks
from pulumi_azure_native import databricks as azure_databricks

from infra.databricks.settings import Settings
from infra.databricks.unity import Unity, declare_unity
from infra.dynamic.role_delay import RoleDelay
from infra.group import declare_group
from infra.options import holds_data, made_by_commit
from infra.roles import BLOB_CONTRIBUTOR, assign
from infra.storage.account import declare_storage
from runner.clouds import CLOUDS


@dataclass(frozen=True)
class Platform:
    """The resources that clusters and endpoints are declared against."""

    resource_group: pulumi.Output[str]
    workspace: azure_databricks.Workspace
    provider: databricks.Provider  # of this workspace
    unity: Unity
    experiments: databricks.Directory

    @property
    def host(self) -> pulumi.Output[str]:
        """Return the address of the workspace."""
        return pulumi.Output.concat("https://", self.workspace.workspace_url)


def declare_platform(settings: Settings) -> Platform:
    """Declare the platform of a stack, part by part."""
    group = declare_group(settings)
    storage = declare_storage(settings, group, folders=True)
    connector = azure_databricks.AccessConnector(
        "access-connector",
        connector_name=settings.names.access_connector,
        resource_group_name=group.name,
        location=settings.location,
        identity=azure_databricks.ManagedServiceIdentityArgs(
            type=azure_databricks.ManagedServiceIdentityType.SYSTEM_ASSIGNED
        ),
        tags=settings.tags,
        opts=made_by_commit(),
    )
    principal = connector.identity.apply(lambda found: found.principal_id)
    may_store = assign(
        settings, "access-connector", principal, BLOB_CONTRIBUTOR, "storage", storage.id
    )
    settled = RoleDelay("catalog-roles", [may_store], seconds=settings.role_settling)
    managed = f"/subscriptions/{settings.subscription_id}/resourceGroups/"
    workspace = azure_databricks.Workspace(
        "workspace",
        workspace_name=settings.names.workspace,
        resource_group_name=group.name,
        location=settings.location,
        sku=azure_databricks.SkuArgs(name="premium"),
        compute_mode=azure_databricks.ComputeMode.HYBRID,
        managed_resource_group_id=managed + settings.names.managed_group,
        public_network_access=azure_databricks.PublicNetworkAccess.ENABLED,
        required_nsg_rules=azure_databricks.RequiredNsgRules.ALL_RULES,
        tags=settings.tags,
        opts=holds_data(settings),
    )
    # It signs in as azure-native does, by the environment's identity; no token is made or kept.
    provider = databricks.Provider(
        "workspace",
        host=pulumi.Output.concat("https://", workspace.workspace_url),
        azure_workspace_resource_id=workspace.id,
        # The provider knows these clouds by Pulumi's names, and another by its metadata host.
        azure_environment=CLOUDS[settings.cloud].aliases[0] if settings.cloud in CLOUDS else None,
    )
    unity = declare_unity(settings, group, storage, connector, provider, [settled])
    experiments = databricks.Directory(
        "experiments",
        path=f"/Shared/{settings.project}-{settings.stack}",
        delete_recursive=not settings.production,
        opts=holds_data(settings, provider=provider),
    )
    return Platform(group.name, workspace, provider, unity, experiments)
