"""The key vault that the workspace keeps the secrets of its connections in."""

import pulumi
from pulumi_azure_native import keyvault, resources

from infra.component import within
from infra.options import holds_data
from infra.settings import Settings


def declare_vault(
    settings: Settings, group: resources.ResourceGroup, tenant_id: pulumi.Input[str]
) -> keyvault.Vault:
    """Declare the vault, or look up the one that is there already.

    It has roles instead of access policies, and in production nobody can purge it.
    """
    if settings.existing.vault:
        return keyvault.Vault.get("vault", settings.existing.vault, opts=within())
    private = settings.private
    return keyvault.Vault(
        "vault",
        vault_name=settings.names.vault,
        resource_group_name=group.name,
        location=settings.location,
        properties=keyvault.VaultPropertiesArgs(
            tenant_id=tenant_id,
            sku=keyvault.SkuArgs(family=keyvault.SkuFamily.A, name=keyvault.SkuName.STANDARD),
            enable_rbac_authorization=True,
            enable_soft_delete=True,
            # Azure refuses False, and protection that is on can never be turned off.
            enable_purge_protection=True if settings.production else None,
            soft_delete_retention_in_days=90 if settings.production else 7,
            public_network_access="Disabled" if private else "Enabled",
            network_acls=keyvault.NetworkRuleSetArgs(
                default_action=keyvault.NetworkRuleAction.DENY
                if private
                else keyvault.NetworkRuleAction.ALLOW,
                bypass=keyvault.NetworkRuleBypassOptions.AZURE_SERVICES,
            ),
        ),
        tags=settings.tags,
        # Azure never changes it: a stack that is made a production later keeps its first value.
        opts=holds_data(settings, ignore_changes=["properties.softDeleteRetentionInDays"]),
    )
