"""The storage account behind a workspace's data."""

from pulumi_azure_native import resources, storage

from infra.component import within
from infra.options import holds_data
from infra.stack_config import StackSettings


def declare_storage(
    settings: StackSettings,
    group: resources.ResourceGroup,
    *,
    private: bool = False,
    folders: bool = False,
    existing: str | None = None,
) -> storage.StorageAccount:
    """Declare the account: no keys, no public blobs, TLS 1.2, HTTPS only.

    `private`: out of the public network's reach. `folders`: with real ones (Data Lake Storage).
    `existing`: the id of one that is there already, which is looked up instead.
    """
    if existing:
        return storage.StorageAccount.get("storage", existing, opts=within())
    return storage.StorageAccount(
        "storage",
        account_name=settings.names.storage_account,
        resource_group_name=group.name,
        location=settings.location,
        kind=storage.Kind.STORAGE_V2,
        sku=storage.SkuArgs(
            name=storage.SkuName.STANDARD_GRS
            if settings.production
            else storage.SkuName.STANDARD_LRS
        ),
        access_tier=storage.AccessTier.HOT,
        is_hns_enabled=folders or None,
        allow_shared_key_access=False,
        default_to_o_auth_authentication=True,
        allow_blob_public_access=False,
        allow_cross_tenant_replication=False,
        is_local_user_enabled=False,
        enable_https_traffic_only=True,
        minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
        public_network_access=storage.PublicNetworkAccess.DISABLED
        if private
        else storage.PublicNetworkAccess.ENABLED,
        network_rule_set=storage.NetworkRuleSetArgs(
            default_action=storage.DefaultAction.DENY if private else storage.DefaultAction.ALLOW,
            bypass=storage.Bypass.AZURE_SERVICES,
        ),
        tags=settings.tags,
        opts=holds_data(settings),
    )
