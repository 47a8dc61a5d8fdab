"""The compute clusters that batch deployments run on, and the one that images are built on."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import machinelearningservices as ml
from pulumi_azure_native import managedidentity, resources

from infra import duration
from infra.compute.cluster import Cluster
from infra.dynamic.deletion import ClusterDeletion
from infra.options import made_by_commit
from infra.settings import Settings

PRIORITIES = {"dedicated": ml.VmPriority.DEDICATED, "low_priority": ml.VmPriority.LOW_PRIORITY}
# Azure changes nothing of a cluster but its scale, its identity and its tags.
FIXED = ("vmSize", "vmPriority", "enableNodePublicIp")
# All clusters of a stack get the same values; one that is older than the stack keeps its own.
AS_MADE = (
    "properties.disableLocalAuth",
    "properties.properties.osType",
    "properties.properties.remoteLoginPortPublicAccess",
)


@dataclass(frozen=True)
class ClusterResource:
    """A cluster as it was declared."""

    id: pulumi.Output[str]
    deletion: ClusterDeletion  # resources that name the cluster depend on it


def declare_cluster(
    settings: Settings,
    cluster: Cluster,
    group: resources.ResourceGroup,
    workspace: ml.Workspace,
    identity: managedidentity.UserAssignedIdentity,
    after: Sequence[pulumi.Resource],
) -> ClusterResource:
    """Declare one cluster: no logins, and no public addresses in a managed network."""
    private = settings.private
    compute = ml.Compute(
        cluster.name,
        compute_name=cluster.name,
        resource_group_name=group.name,
        workspace_name=workspace.name,
        location=settings.location,
        identity=ml.ManagedServiceIdentityArgs(
            type=ml.ManagedServiceIdentityType.USER_ASSIGNED,
            user_assigned_identities=[identity.id],
        ),
        properties=ml.AmlComputeArgs(
            compute_type="AmlCompute",
            disable_local_auth=True,
            properties=ml.AmlComputePropertiesArgs(
                vm_size=cluster.size,
                vm_priority=PRIORITIES[cluster.tier],
                os_type=ml.OsType.LINUX,
                # Without a network of its own, a node is only reached by a public address.
                enable_node_public_ip=not private,
                remote_login_port_public_access=ml.RemoteLoginPortPublicAccess.DISABLED,
                scale_settings=ml.ScaleSettingsArgs(
                    min_node_count=cluster.min_instances,
                    max_node_count=cluster.max_instances,
                    node_idle_time_before_scale_down=duration.seconds(
                        cluster.idle_time_before_scale_down
                    ),
                ),
            ),
        ),
        tags=settings.tags,
        opts=made_by_commit(
            depends_on=after,
            ignore_changes=[*AS_MADE],
            # So that its deletion hears of it, and refuses.
            replace_on_changes=[f"properties.properties.{name}" for name in FIXED],
            delete_before_replace=True,
            # The plugin can't delete one.
            retain_on_delete=True,
        ),
    )
    return ClusterResource(compute.id, ClusterDeletion(cluster.name, compute))
