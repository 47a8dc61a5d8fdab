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
    declare_cluster_access,
    declare_endpoint_access,
    declare_workspace_access,
    declare_workspace_own_access,
)
from infra.clusters import ClusterResource, declare_cluster
from infra.group import declare_group
from infra.identities import declare_identities
from infra.monitoring import declare_monitoring
from infra.network import declare_outbound_rules
from infra.registry import declare_registry
from infra.settings import Settings
from infra.settling import Settling
from infra.storage import declare_storage
from infra.vault import declare_vault
from infra.workspace import declare_workspace


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
    group = declare_group(settings)
    identities = declare_identities(settings, group)
    monitoring = declare_monitoring(settings, group)
    storage = declare_storage(settings, group, private=settings.private)
    vault = declare_vault(settings, group, identities.workspace.tenant_id)
    registry = declare_registry(settings, group)
    services = {
        "group": group.id,
        "storage": storage.id,
        "vault": vault.id,
        "registry": registry.id,
        "insights": monitoring.insights.id,
    }
    # Azure looks the services up with the workspace's identity as it creates the workspace.
    may_look_up = declare_workspace_access(settings, identities.workspace, services)
    settled = Settling("workspace-roles", may_look_up, seconds=settings.role_settling)
    workspace = declare_workspace(settings, group, identities.workspace, services, [settled])
    may_manage = declare_workspace_own_access(settings, identities.workspace, workspace)
    may_run = Settling(
        "cluster-roles",
        [*may_manage, *declare_cluster_access(settings, identities.clusters, services)],
        seconds=settings.role_settling,
    )
    # Images are built on a cluster, and batch jobs run on one, by these.
    may_reach = declare_outbound_rules(settings, group, workspace, services["storage"])
    after = [may_run, *may_reach]
    clusters = {
        name: declare_cluster(settings, cluster, group, workspace, identities.clusters, after)
        for name, cluster in settings.clusters.items()
    }
    may_serve = Settling(
        "endpoint-roles",
        [
            *may_manage,
            *declare_endpoint_access(settings, identities.endpoints, services, workspace),
        ],
        seconds=settings.role_settling,
    )
    return Platform(group, workspace, clusters, identities.endpoints, [may_serve, *may_reach])
