"""The Azure ML workspace."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_azure_native import machinelearningservices as ml
from pulumi_azure_native import managedidentity, resources

from infra.access import Services
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
    private = settings.isolation == "managed"
    rules = _outbound_rules(settings, services["storage"]) if private else {}
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
        managed_network=ml.ManagedNetworkSettingsArgs(
            isolation_mode=ml.IsolationMode.ALLOW_ONLY_APPROVED_OUTBOUND,
            firewall_sku=ml.FirewallSku.STANDARD,
            outbound_rules=rules,
        )
        if private
        else None,
        provision_network_now=True if private else None,
        image_build_compute=_image_builder(settings) if private else None,
        v1_legacy_mode=False,
        tags=settings.tags,
        opts=holds_data(
            settings,
            depends_on=after,
            # A refresh sees how far Azure is with the network; that is nothing to take back.
            ignore_changes=[
                "managedNetwork.status",
                *(f'managedNetwork.outboundRules["{name}"].status' for name in rules),
            ],
        ),
    )


def _outbound_rules(settings: Settings, storage: pulumi.Input[str]) -> dict[str, Any]:
    hosts = {
        host.replace(".", "-").replace("*", "any"): ml.FqdnOutboundRuleArgs(
            type="FQDN", destination=host, category=ml.RuleCategory.USER_DEFINED
        )
        for host in settings.outbound
    }
    # Azure adds what every workspace needs by itself, but not what only batch jobs do.
    parts = {
        f"storage-{part}": ml.PrivateEndpointOutboundRuleArgs(
            type="PrivateEndpoint",
            destination=ml.PrivateEndpointDestinationArgs(
                service_resource_id=storage, subresource_target=part
            ),
            category=ml.RuleCategory.USER_DEFINED,
        )
        for part in ("queue", "table")
    }
    return {**hosts, **parts}


def _image_builder(settings: Settings) -> str | None:
    """A cluster builds images where the registry is out of reach; which of them is all the same."""
    return min(settings.clusters, default=None)
