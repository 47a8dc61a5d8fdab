"""The resource group that holds everything of a stack."""

from pulumi_azure_native import resources

from infra.component import within
from infra.options import holds_data
from infra.stack_config import StackSettings


def declare_group(settings: StackSettings, existing: str | None = None) -> resources.ResourceGroup:
    """Declare the group, or look up the `existing` one by its id."""
    if existing:
        return resources.ResourceGroup.get("resource-group", existing, opts=within())
    return resources.ResourceGroup(
        "resource-group",
        resource_group_name=settings.names.resource_group,
        location=settings.location,
        tags=settings.tags,
        opts=holds_data(settings),
    )
