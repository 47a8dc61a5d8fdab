"""The platform that endpoints stand on: everything of a stack but its endpoints.

Not `platform.py`: Pulumi puts this folder first on the path of modules, where a file of that name
would hide the standard library's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import machinelearningservices as ml
from pulumi_azure_native import managedidentity, resources

from infra.access import (
    Assignments,
    Services,
    declare_builder_access,
    declare_cluster_access,
    declare_endpoint_access,
    declare_workspace_access,
    declare_workspace_own_access,
)
from infra.clusters import ClusterResource, declare_cluster
from infra.group import declare_group
from infra.identities import declare_identities, declare_identity
from infra.monitoring import declare_monitoring
from infra.network import declare_outbound_rules
from infra.registry import declare_registry
from infra.settings import Settings
from infra.settling import Settling
from infra.storage import declare_storage
from infra.vault import declare_vault
from infra.workspace import declare_workspace, services_of


@dataclass(frozen=True)
class Platform:
    """What endpoints and deployments are declared against."""

    resource_group: resources.ResourceGroup
    workspace: ml.Workspace
    clusters: Mapping[str, ClusterResource]  # by name
    endpoint_identity: managedidentity.UserAssignedIdentity  # of online endpoints
    before_serving: Sequence[pulumi.Resource]  # online deployments depend on them


def declare_platform(settings: Settings) -> Platform:
    """Declare the platform of a stack, part by part."""
    group = declare_group(settings, settings.existing.group_id)
    identities = declare_identities(settings, group)
    workspace, services, may_manage = _workspace(settings, group)
    may_run = Settling(
        "cluster-roles",
        [*may_manage, *declare_cluster_access(settings, identities.clusters, services)],
        seconds=settings.role_settling,
    )
    # Clusters, the one that builds images among them, work by these.
    may_reach = declare_outbound_rules(settings, group, workspace, services["storage"])
    after = [may_run, *may_reach]
    clusters = {
        name: declare_cluster(settings, cluster, group, workspace, identities.clusters, after)
        for name, cluster in settings.clusters.items()
    }
    may_build: list[pulumi.Resource] = []
    if settings.builder and identities.builder:
        may_push = Settling(
            "builder-roles",
            [*may_manage, *declare_builder_access(settings, identities.builder, services)],
            seconds=settings.role_settling,
        )
        after_push = [may_push, *may_reach]
        builder = declare_cluster(
            settings, settings.builder, group, workspace, identities.builder, after_push
        )
        may_build = [builder.deletion]
    may_serve = Settling(
        "endpoint-roles",
        [
            *may_manage,
            *declare_endpoint_access(settings, identities.endpoints, services, workspace),
        ],
        seconds=settings.role_settling,
    )
    # The image of an online deployment is built while that is made.
    before_serving = [may_serve, *may_reach, *may_build]
    return Platform(group, workspace, clusters, identities.endpoints, before_serving)


def _workspace(
    settings: Settings, group: resources.ResourceGroup
) -> tuple[ml.Workspace, Services, Assignments]:
    """Give the workspace, the services around it, and what its identity may do with itself.

    One that is there already has its identity and its roles from whoever made it.
    """
    existing = settings.existing
    if existing.workspace:
        found = ml.Workspace.get("workspace", existing.workspace)
        return found, services_of(found, existing), []
    identity = declare_identity("workspace", settings, group)
    services: Services = {
        "group": group.id,
        "storage": declare_storage(
            settings, group, private=settings.private, existing=existing.storage
        ).id,
        "vault": declare_vault(settings, group, identity.tenant_id).id,
        "registry": declare_registry(settings, group).id,
        "insights": declare_monitoring(settings, group).insights.id,
        **existing.services,
    }
    # Azure looks the services up with the workspace's identity as it creates the workspace.
    may_look_up = declare_workspace_access(settings, identity, services)
    settled = Settling("workspace-roles", may_look_up, seconds=settings.role_settling)
    workspace = declare_workspace(settings, group, identity, services, [settled])
    return workspace, services, declare_workspace_own_access(settings, identity, workspace)
