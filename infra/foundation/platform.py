"""The platform that endpoints stand on: everything of a stack but its endpoints.

Not `platform.py`: Pulumi puts this folder first on the path of modules, where a file of that name
would hide the standard library's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import machinelearningservices as ml
from pulumi_azure_native import managedidentity, operationalinsights, resources

from infra.component import Component, within
from infra.compute.clusters import ClusterResource, declare_cluster
from infra.dynamic.role_delay import RoleDelay
from infra.foundation.access import (
    BUILDER,
    CLUSTERS,
    OWN_WORKSPACE,
    Assignments,
    Roles,
    Services,
    declare_access,
    endpoint_roles,
    workspace_roles,
)
from infra.foundation.identities import declare_identities, declare_identity
from infra.foundation.registry import declare_registry
from infra.foundation.vault import declare_vault
from infra.foundation.workspace import declare_workspace, services_of
from infra.group import declare_group
from infra.network.outbound_rules import declare_outbound_rules
from infra.network.private_endpoints import declare_private_endpoints
from infra.settings import Settings
from infra.storage.account import declare_storage
from infra.storage.retention import declare_retention
from infra.watching.logs import declare_insights, declare_logs


@dataclass(frozen=True)
class Platform:
    """The resources that endpoints and deployments are declared against."""

    resource_group: resources.ResourceGroup
    workspace: ml.Workspace
    clusters: Mapping[str, ClusterResource]  # by name
    endpoint_identity: managedidentity.UserAssignedIdentity  # of online endpoints
    before_serving: Sequence[pulumi.Resource]  # online deployments depend on them
    services: Services
    logs: operationalinsights.Workspace | None  # where logs are kept


def declare_platform(settings: Settings) -> Platform:
    """Declare the platform of a stack, part by part."""
    with Component("Platform", "platform"):
        return _declare(settings, Component("Access", "access"))


def _declare(settings: Settings, access: Component) -> Platform:
    group = declare_group(settings, settings.existing.group_id)
    identities = declare_identities(settings, group)
    logs = _logs(settings, group)
    workspace, services, may_manage = _workspace(settings, group, logs, access)
    scopes = {**services, "workspace": workspace.id}

    def settled(
        name: str, actor: str, identity: managedidentity.UserAssignedIdentity, roles: Roles
    ) -> RoleDelay:
        with access:
            assignments = declare_access(settings, actor, identity, roles, scopes)
            return RoleDelay(name, [*may_manage, *assignments], seconds=settings.role_settling)

    may_run = settled("cluster-roles", "clusters", identities.clusters, CLUSTERS)
    # Clusters, the one that builds images among them, work by these.
    may_reach = declare_outbound_rules(settings, group, workspace, services["storage"])
    declare_private_endpoints(settings, group, scopes, may_reach)
    after = [may_run, *may_reach]
    clusters = {
        name: declare_cluster(settings, cluster, group, workspace, identities.clusters, after)
        for name, cluster in settings.clusters.items()
    }
    may_build: list[pulumi.Resource] = []
    if settings.builder and identities.builder:
        may_push = settled("builder-roles", "builder", identities.builder, BUILDER)
        after_push = [may_push, *may_reach]
        builder = declare_cluster(
            settings, settings.builder, group, workspace, identities.builder, after_push
        )
        may_build = [builder.deletion]
    roles = endpoint_roles(settings)
    may_serve = settled("endpoint-roles", "endpoints", identities.endpoints, roles)
    return Platform(
        group,
        workspace,
        clusters,
        identities.endpoints,
        # The image of an online deployment is built while that is made.
        [may_serve, *may_reach, *may_build],
        services,
        logs,
    )


def _logs(
    settings: Settings, group: resources.ResourceGroup
) -> operationalinsights.Workspace | None:
    """Give the log workspace; None beside a workspace that was there, unless one is given too."""
    existing = settings.existing
    if existing.workspace and not existing.log_analytics:
        return None
    return declare_logs(settings, group)


def _workspace(
    settings: Settings,
    group: resources.ResourceGroup,
    logs: operationalinsights.Workspace | None,
    access: Component,
) -> tuple[ml.Workspace, Services, Assignments]:
    """Give the workspace, the services around it, and what its identity may do with itself.

    One that is there already has its identity and its roles from whoever made it.
    """
    existing = settings.existing
    if existing.workspace:
        found = ml.Workspace.get("workspace", existing.workspace, opts=within())
        return found, services_of(found, existing), []
    assert logs is not None, "only beside a workspace that was there is there no place for logs"
    identity = declare_identity("workspace", settings, group)
    storage = declare_storage(settings, group, private=settings.private, existing=existing.storage)
    kept = declare_retention(settings, group, storage)
    services: Services = {
        "group": group.id,
        "storage": storage.id,
        "vault": declare_vault(settings, group, identity.tenant_id).id,
        "registry": declare_registry(settings, group).id,
        "insights": declare_insights(settings, group, logs).id,
        **existing.services,
    }
    # Azure looks the services up with the workspace's identity as it creates the workspace.
    with access:
        roles = workspace_roles(settings)
        may_look_up = declare_access(settings, "workspace", identity, roles, services)
        settled = RoleDelay("workspace-roles", may_look_up, seconds=settings.role_settling)
    workspace = declare_workspace(settings, group, identity, services, [settled, *kept])
    with access:
        own = {"workspace": workspace.id}
        may_manage = declare_access(settings, "workspace", identity, OWN_WORKSPACE, own)
    return workspace, services, may_manage
