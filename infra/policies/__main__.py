"""The policy pack: `pulumi preview --policy-pack infra/policies`."""

from pulumi_policy import EnforcementLevel, PolicyPack

from infra.policies import compute, models, network, retention, tags, tls, traffic
from infra.policies.rule import as_policy

RULES = (
    network.NO_PUBLIC_NETWORK,
    network.NO_KEYS,
    tls.MINIMUM_TLS,
    retention.VAULT_RETENTION,
    compute.SCALE_TO_ZERO,
    compute.NO_GPU,
    models.EXACT_VERSIONS,
    traffic.WHOLE_TRAFFIC,
    tags.REQUIRED_TAGS,
)

if __name__ == "__main__":
    PolicyPack("scoring", [as_policy(rule) for rule in RULES], EnforcementLevel.MANDATORY)
