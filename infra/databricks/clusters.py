"""The clusters that people train on, and the policy that clusters have to keep to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_databricks as databricks

from infra.databricks.foundation import Platform
from infra.databricks.permissions import declare_permissions
from infra.databricks.settings import Cluster, Settings

IDLE_MINUTES = 30  # at most, unless a cluster of the stack's own says more
# The settings of a cluster of one node, in the form that every runtime takes.
SINGLE_NODE_CONF = {
    "spark.databricks.cluster.profile": "singleNode",
    "spark.master": "local[*]",
}
SINGLE_NODE_TAGS = {"ResourceClass": "SingleNode"}
DEDICATED = ("SINGLE_USER", "DATA_SECURITY_MODE_DEDICATED")
# The older words for the newer ones. Clusters of the older kind, as ours, answer with the older,
# so a cluster declared by a newer one would never come to be as it is declared.
# https://github.com/databricks/terraform-provider-databricks/issues/4909
_MODES = {
    "DATA_SECURITY_MODE_DEDICATED": "SINGLE_USER",
    "DATA_SECURITY_MODE_STANDARD": "USER_ISOLATION",
}


def declare_clusters(settings: Settings, platform: Platform) -> Mapping[str, databricks.Cluster]:
    """Declare the stack's clusters by name, all held to one policy."""
    if not settings.clusters:
        return {}
    policy = _policy(settings, platform)
    return {
        name: _declare(cluster, policy, settings, platform)
        for name, cluster in settings.clusters.items()
    }


def cluster_args(
    cluster: Cluster, settings: Settings, workers: int | None = None, node: str | None = None
) -> dict[str, Any]:
    """Return the arguments of a cluster, of the stack's own or of a job's.

    `workers` and `node`: for one job of that size on machines of that type.
    """
    node = node or cluster.node_type_id
    single = cluster.is_single_node and (workers or 1) == 1
    conf, tags = {**cluster.spark_conf}, {**cluster.custom_tags}
    if single:
        conf, tags = {**conf, **SINGLE_NODE_CONF}, {**tags, **SINGLE_NODE_TAGS}
    return {
        "num_workers": 0 if single else workers or cluster.num_workers,
        "spark_version": cluster.spark_version,
        "node_type_id": node,
        # Without it, the driver's type stays when `node_type_id` changes.
        # https://github.com/databricks/terraform-provider-databricks/issues/1919
        "driver_node_type_id": cluster.driver_node_type_id or node,
        "data_security_mode": _MODES.get(cluster.data_security_mode, cluster.data_security_mode),
        "runtime_engine": cluster.runtime_engine,
        "enable_elastic_disk": cluster.enable_elastic_disk,
        "spark_conf": conf or None,
        "spark_env_vars": dict(cluster.spark_env_vars) or None,
        "custom_tags": settings.lasting_tags_with(tags),
    }


def _declare(
    cluster: Cluster, policy: databricks.ClusterPolicy, settings: Settings, platform: Platform
) -> databricks.Cluster:
    scale = cluster.autoscale
    declared = databricks.Cluster(
        cluster.name,
        cluster_name=cluster.name,
        policy_id=policy.id,
        autoscale=databricks.ClusterAutoscaleArgs(
            min_workers=scale.min_workers, max_workers=scale.max_workers
        )
        if scale
        else None,
        autotermination_minutes=cluster.autotermination_minutes,
        single_user_name=cluster.single_user_name,
        # Databricks forgets a cluster that nobody started for 30 days, unless it is pinned.
        is_pinned=True,
        # The first job starts it, so there is no need to wait for it here.
        no_wait=True,
        **cluster_args(cluster, settings),
        opts=pulumi.ResourceOptions(provider=platform.provider),
    )
    declare_permissions(
        f"cluster-{cluster.name}",
        settings,
        platform.provider,
        "CAN_RESTART",
        cluster_id=declared.id,
    )
    return declared


def _policy(settings: Settings, platform: Platform) -> databricks.ClusterPolicy:
    """Declare the policy: clusters end by themselves, have one user and say whose they are."""
    clusters = settings.clusters.values()
    idle = max(IDLE_MINUTES, *(cluster.autotermination_minutes for cluster in clusters))
    modes = sorted({*DEDICATED, *(cluster.data_security_mode for cluster in clusters)})
    tags = {
        f"custom_tags.{name}": {"type": "unlimited", "defaultValue": value}
        if name in settings.own_tags  # and a cluster may say it otherwise
        else {"type": "fixed", "value": value}
        for name, value in settings.lasting_tags.items()
    }
    definition = {
        "autotermination_minutes": {
            "type": "range",
            "minValue": 10,
            "maxValue": idle,
            "defaultValue": 20,
        },
        "data_security_mode": {
            "type": "allowlist",
            "values": modes,
            "defaultValue": DEDICATED[0],
        },
        **tags,
    }
    policy = databricks.ClusterPolicy(
        "cluster-policy",
        name=f"{settings.project}-{settings.stack}",
        definition=json.dumps(definition, sort_keys=True),
        opts=pulumi.ResourceOptions(provider=platform.provider),
    )
    declare_permissions(
        "cluster-policy", settings, platform.provider, "CAN_USE", cluster_policy_id=policy.id
    )
    return policy
