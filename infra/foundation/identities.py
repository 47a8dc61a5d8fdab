"""The identities that act for the workspace, its clusters, its builder and its endpoints."""

from dataclasses import dataclass

from pulumi_azure_native import managedidentity, resources

from infra.options import made_by_commit
from infra.settings import Settings


@dataclass(frozen=True)
class Identities:
    """One identity for each kind of actor, so that each gets its own roles.

    The workspace's own is declared with the workspace, as one that is there already has another.
    """

    clusters: managedidentity.UserAssignedIdentity
    endpoints: managedidentity.UserAssignedIdentity
    builder: managedidentity.UserAssignedIdentity | None  # where the stack has a cluster build


def declare_identities(settings: Settings, group: resources.ResourceGroup) -> Identities:
    return Identities(
        clusters=declare_identity("clusters", settings, group),
        endpoints=declare_identity("endpoints", settings, group),
        builder=declare_identity("builder", settings, group) if settings.builder else None,
    )


def declare_identity(
    actor: str, settings: Settings, group: resources.ResourceGroup
) -> managedidentity.UserAssignedIdentity:
    """Declare the identity of one kind of actor."""
    return managedidentity.UserAssignedIdentity(
        f"{actor}-identity",
        resource_name_=settings.names.identity(actor),
        resource_group_name=group.name,
        location=settings.location,
        tags=settings.tags,
        opts=made_by_commit(),
    )
