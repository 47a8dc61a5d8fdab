"""The Azure ML workspace."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_azure_native import machinelearningservices as ml
from pulumi_azure_native import managedidentity, resources

from infra.existing.resources import Existing
from infra.foundation.access import Services
from infra.network.outbound_rules import network_args
from infra.options import holds_data
from infra.settings import Settings


def declare_workspace(
    settings: Settings,
    group: resources.ResourceGroup,
    identity: managedidentity.UserAssignedIdentity,
    services: Services,
    after: Sequence[pulumi.Resource],
) -> ml.Workspace:
    """Declare the workspace: one identity, datastores without keys, and its network."""
    private = settings.private
    return ml.Workspace(
        "workspace",
        workspace_name=settings.names.workspace,
        resource_group_name=group.name,
        location=settings.location,
        friendly_name=f"{settings.project} {settings.stack}",
        kind="Default",
        sku=ml.SkuArgs(name="Basic", tier=ml.SkuTier.BASIC),
        identity=ml.ManagedServiceIdentityArgs(
            type=ml.ManagedServiceIdentityType.USER_ASSIGNED,
            user_assigned_identities=[identity.id],
        ),
        primary_user_assigned_identity=identity.id,
        storage_account=services["storage"],
        key_vault=services["vault"],
        container_registry=services["registry"],
        application_insights=services["insights"],
        system_datastores_auth_mode=ml.SystemDatastoresAuthMode.IDENTITY,
        public_network_access=ml.PublicNetworkAccessType.DISABLED
        if private
        else ml.PublicNetworkAccessType.ENABLED,
        managed_network=network_args(settings),
        provision_network_now=True if private else None,
        image_build_compute=settings.builder.name if settings.builder else None,
        v1_legacy_mode=False,
        tags=settings.tags,
        opts=holds_data(
            settings,
            depends_on=after,
            # A refresh sees how far Azure is with the network, and all of its rules: Azure's own,
            # which it takes from nobody, and those that are resources of their own.
            ignore_changes=["managedNetwork.status", "managedNetwork.outboundRules"],
        ),
    )


def services_of(workspace: ml.Workspace, existing: Existing) -> Services:
    """Give the services around a workspace that is there already, by what they are."""
    # pulumi's stubs have them as texts that may be absent.
    services: dict[str, Any] = {
        "storage": workspace.storage_account,
        "vault": existing.vault or workspace.key_vault,
        "registry": workspace.container_registry,
    }
    return services
