"""The identities that act for the workspace, its clusters and its online endpoints."""

from dataclasses import dataclass

from pulumi_azure_native import managedidentity, resources

from infra.options import made_by_commit
from infra.settings import Settings


@dataclass(frozen=True)
class Identities:
    """One identity for each kind of actor, so that each gets its own roles."""

    workspace: managedidentity.UserAssignedIdentity
    clusters: managedidentity.UserAssignedIdentity
    endpoints: managedidentity.UserAssignedIdentity


def declare_identities(settings: Settings, group: resources.ResourceGroup) -> Identities:
    return Identities(
        workspace=_declare("workspace", settings, group),
        clusters=_declare("clusters", settings, group),
        endpoints=_declare("endpoints", settings, group),
    )


def _declare(
    actor: str, settings: Settings, group: resources.ResourceGroup
) -> managedidentity.UserAssignedIdentity:
    return managedidentity.UserAssignedIdentity(
        f"{actor}-identity",
        resource_name_=settings.names.identity(actor),
        resource_group_name=group.name,
        location=settings.location,
        tags=settings.tags,
        opts=made_by_commit(),
    )
