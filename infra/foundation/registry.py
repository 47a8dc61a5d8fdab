"""The registry of the images that jobs and deployments run in."""

from pulumi_azure_native import containerregistry, resources

from infra.component import within
from infra.options import made_by_commit
from infra.settings import Settings


def declare_registry(
    settings: Settings, group: resources.ResourceGroup
) -> containerregistry.Registry:
    """Declare the registry without admin user; images can be built again, so none is kept.

    Or look up the one that is there already.
    """
    if settings.existing.registry:
        return containerregistry.Registry.get("registry", settings.existing.registry, opts=within())
    private = settings.private
    return containerregistry.Registry(
        "registry",
        registry_name=settings.names.registry,
        resource_group_name=group.name,
        location=settings.location,
        # Only the premium tier has private endpoints.
        sku=containerregistry.SkuArgs(
            name=containerregistry.SkuName.PREMIUM
            if private or settings.private_link
            else containerregistry.SkuName.BASIC
        ),
        admin_user_enabled=False,
        anonymous_pull_enabled=False,
        public_network_access=containerregistry.PublicNetworkAccess.DISABLED
        if private
        else containerregistry.PublicNetworkAccess.ENABLED,
        network_rule_bypass_options=containerregistry.NetworkRuleBypassOptions.AZURE_SERVICES,
        tags=settings.tags,
        opts=made_by_commit(),
    )
