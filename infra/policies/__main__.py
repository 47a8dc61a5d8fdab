"""The policy pack: `pulumi preview --policy-pack infra/policies`."""

from pulumi_policy import EnforcementLevel, PolicyPack

from infra.policies import (
    access,
    compute,
    databricks,
    models,
    network,
    retention,
    tags,
    tls,
    traffic,
    watch,
)
from infra.policies.rule import as_policy

RULES = (
    network.NO_PUBLIC_NETWORK,
    network.NO_KEYS,
    access.PUSHED_BY_BUILDER,
    tls.MINIMUM_TLS,
    retention.VAULT_RETENTION,
    retention.BLOB_RETENTION,
    watch.ALERTS_TELL,
    watch.LOGS_KEPT,
    watch.SCALING_ENDS,
    compute.SCALE_TO_ZERO,
    compute.NO_GPU,
    databricks.CLUSTERS_END,
    databricks.SINGLE_USER,
    databricks.NO_TOKENS,
    databricks.SERVING_SCALES_TO_ZERO,
    models.EXACT_VERSIONS,
    traffic.WHOLE_TRAFFIC,
    tags.REQUIRED_TAGS,
)

if __name__ == "__main__":
    PolicyPack("scoring", [as_policy(rule) for rule in RULES], EnforcementLevel.MANDATORY)
