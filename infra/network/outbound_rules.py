"""The outbound rules of a workspace's managed network, each a resource of its own.

Azure adds what every workspace needs by itself. Source: Azure ML's documentation on the managed
network, with its lists of hosts for packages and models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pulumi
from pulumi_azure_native import machinelearningservices as ml
from pulumi_azure_native import resources

from infra.component import within
from infra.settings import Settings

MODES = {
    "managed": ml.IsolationMode.ALLOW_ONLY_APPROVED_OUTBOUND,
    "allow_internet_outbound": ml.IsolationMode.ALLOW_INTERNET_OUTBOUND,
}
FIREWALLS = {"basic": ml.FirewallSku.BASIC, "standard": ml.FirewallSku.STANDARD}
# The nodes of a batch job share their work out by these parts of the storage account.
STORAGE_PARTS = ("queue", "table")


def network_args(settings: Settings) -> ml.ManagedNetworkSettingsArgs | None:
    """Return the managed network without its rules; None where there is none."""
    if not settings.private:
        return None
    approved = settings.network.isolation == "managed"
    return ml.ManagedNetworkSettingsArgs(
        isolation_mode=MODES[settings.network.isolation],
        # Azure keeps one as soon as there is a rule for a host.
        firewall_sku=FIREWALLS[settings.network.firewall] if approved else None,
        # Not left out: where there is no map, a refresh carries in Azure's own rules with all
        # others, and the next change of the workspace would send them back, which Azure refuses.
        outbound_rules={},
    )


def declare_outbound_rules(
    settings: Settings,
    group: resources.ResourceGroup,
    workspace: ml.Workspace,
    storage: pulumi.Input[str],
) -> list[pulumi.Resource]:
    """Declare the rules, one after the other: a network takes one change at a time."""
    declared: list[pulumi.Resource] = []
    for name, rule in _rules(settings, storage) if settings.private else ():
        declared.append(
            ml.ManagedNetworkSettingsRule(
                f"outbound-{name}",
                rule_name=name,
                resource_group_name=group.name,
                workspace_name=workspace.name,
                properties=rule,
                opts=within(
                    depends_on=declared[-1:],
                    # A refresh sees how far Azure is with it; that is nothing to take back.
                    ignore_changes=["properties.status", "properties.destination.sparkStatus"],
                ),
            )
        )
    return declared


def _rules(settings: Settings, storage: pulumi.Input[str]) -> Iterator[tuple[str, Any]]:
    for part in STORAGE_PARTS:
        yield (
            f"storage-{part}",
            ml.PrivateEndpointOutboundRuleArgs(
                type="PrivateEndpoint",
                destination=ml.PrivateEndpointDestinationArgs(
                    service_resource_id=storage, subresource_target=part
                ),
                category=ml.RuleCategory.USER_DEFINED,
            ),
        )
    for host in settings.network.hosts:
        yield (
            rule_name(host),
            ml.FqdnOutboundRuleArgs(
                type="FQDN", destination=host, category=ml.RuleCategory.USER_DEFINED
            ),
        )


def rule_name(host: str) -> str:
    """Return a name for a host's rule: 3 to 33 letters, digits and hyphens, unique to it."""
    words = re.sub(r"[^a-z0-9]+", "-", host.lower().replace("*", "any"))
    digits = sha256(host.lower().encode()).hexdigest()[:6]
    return f"{words[:26].strip('-')}-{digits}"
