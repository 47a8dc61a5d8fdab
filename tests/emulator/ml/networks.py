"""The managed network of a workspace: its isolation and its outbound rules.

A rule is a resource of its own, and stands in the workspace's `managedNetwork` too. Azure adds the
rules that every workspace needs, as it was recorded for the tests of azure-ai-ml
(test_workspace_create_with_managed_network_list_show_remove_rules).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.emulator.cloud import Cloud
from tests.emulator.faults import OUTSIDE_OF_PRIVATE_LINK
from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Refusal
from tests.emulator.ml.references import WORKSPACE
from tests.emulator.ml.refusals import invalid
from tests.emulator.routes import Call
from tests.emulator.state import Resource

_TYPE = f"{WORKSPACE}/outboundRules"
_NAME = re.compile(r"[A-Za-z0-9_-]{3,33}")
_OF_AZURE = ("Required", "Recommended", "Dependency")
_OPEN, _INTERNET, _APPROVED = "Disabled", "AllowInternetOutbound", "AllowOnlyApprovedOutbound"
_TAGS = (
    "AzureActiveDirectory",
    "AzureContainerRegistry",
    "AzureFrontDoor.FirstParty",
    "AzureMachineLearning",
    "AzureMonitor",
    "AzureResourceManager",
    "BatchNodeManagement",
    "MicrosoftContainerRegistry",
    "VirtualNetwork",
)


def prepare_network(change: Change) -> None:
    """Check a workspace's managed network, and keep its rules as resources of their own."""
    network = change.properties.get("managedNetwork")
    if network is None:
        return
    mode = network.setdefault("isolationMode", _OPEN)
    before = (change.old.properties.get("managedNetwork") or {}) if change.old else {}
    if mode == _OPEN and before.get("isolationMode", _OPEN) != _OPEN:
        raise invalid(
            "Managed virtual network isolation cannot be disabled once it is enabled.",
            "properties.managedNetwork.isolationMode",
        )
    sent = network.pop("outboundRules", None)
    for name, rule in (sent or {}).items():
        _check_rule(name, rule, mode)
    if mode == _OPEN:
        return
    now = bool(change.properties.get("provisionNetworkNow"))
    status = "Active" if now or _is_active(before) else "Inactive"
    network.setdefault("firewallSku", before.get("firewallSku", "Standard"))
    network["networkId"] = change.properties["workspaceId"]
    network["status"] = {"sparkReady": False, "status": status}
    change.created.append(lambda: _put_rules(change, sent, mode, status))


def view_workspace(cloud: Cloud, workspace: Resource) -> dict[str, Any]:
    """Return a workspace with its outbound rules, those that Azure needs among them."""
    network = workspace.properties.get("managedNetwork")
    if not network or network["isolationMode"] == _OPEN:
        return workspace.body
    rules = {
        rule.body["name"]: {
            name: value for name, value in rule.properties.items() if name != "provisioningState"
        }
        for rule in cloud.state.children(workspace.key, _TYPE)
    }
    shown = {**workspace.properties, "managedNetwork": {**network, "outboundRules": rules}}
    return {**workspace.body, "properties": shown}


def require_reachable(cloud: Cloud, workspace: str) -> None:
    """Refuse whoever asks a workspace's data plane from outside, where that is closed."""
    found = cloud.state.get(workspace)
    if found is not None and found.properties.get("publicNetworkAccess") == "Disabled":
        raise Refusal(401, "UserError", OUTSIDE_OF_PRIVATE_LINK)


def _is_active(network: Mapping[str, Any]) -> bool:
    return (network.get("status") or {}).get("status") == "Active"


def _check_rule(name: str, rule: Mapping[str, Any], mode: str) -> None:
    target = f"properties.managedNetwork.outboundRules.{name}"
    if rule.get("category") in _OF_AZURE or name.startswith("__SYS_"):
        raise invalid(
            f"The outbound rule '{name}' is of the category '{rule.get('category')}', which the"
            " service manages: it cannot be created, changed or deleted.",
            target,
        )
    if not _NAME.fullmatch(name):
        raise invalid(
            f"The name of the outbound rule '{name}' is not valid. It must have 3 to 33 letters,"
            " digits, hyphens and underscores.",
            target,
        )
    if mode == _INTERNET and rule["type"] != "PrivateEndpoint":
        raise invalid(
            'Only "PrivateEndpoint" outbound rules are supported when managed network isolation'
            ' mode is "AllowInternetOutbound".',
            target,
        )


def _put_rules(
    change: Change, sent: Mapping[str, Mapping[str, Any]] | None, mode: str, status: str
) -> None:
    """Write the rules that were sent, in place of those that were there, and Azure's own."""
    state, workspace = change.cloud.state, change.id.id
    for rule in state.children(workspace, _TYPE):
        own = rule.properties["category"] in _OF_AZURE
        if sent is not None and not own and rule.body["name"] not in sent:
            state.delete(rule.key)
    for name, properties in {**(sent or {}), **_required(change, mode)}.items():
        body = {
            "id": f"{workspace}/outboundRules/{name}",
            "name": name,
            "type": _TYPE,
            "properties": {"category": "UserDefined", **properties, "status": status},
        }
        state.put(workspace, _TYPE, body, {})


def _required(change: Change, mode: str) -> dict[str, dict[str, Any]]:
    parts = {"keyVault": ("vault",), "storageAccount": ("blob", "file")}
    rules: dict[str, dict[str, Any]] = {}
    for resource, targets in parts.items():
        service = change.properties[resource]
        for target in targets:
            name = f"__SYS_PE_{service.rpartition('/')[2]}_{target}"
            rules[name] = {
                "type": "PrivateEndpoint",
                "category": "Required",
                "destination": {
                    "serviceResourceId": service,
                    "subresourceTarget": target,
                    "sparkEnabled": False,
                    "sparkStatus": "Inactive",
                },
            }
    for tag in _TAGS if mode == _APPROVED else ():
        rules[f"__SYS_ST_{tag}"] = {
            "type": "ServiceTag",
            "category": "Required",
            "destination": {"serviceTag": tag, "protocol": "*", "portRanges": "*"},
        }
    return rules


def _prepare(change: Change) -> None:
    network = change.parent().properties.get("managedNetwork") or {}
    mode = network.get("isolationMode", _OPEN)
    if mode == _OPEN:
        raise invalid("The workspace has no managed network.", "properties.managedNetwork")
    _check_rule(change.id.name, change.properties, mode)
    change.properties.setdefault("category", "UserDefined")
    change.properties["status"] = "Active" if _is_active(network) else "Inactive"


def _before_delete(cloud: Cloud, call: Call, rule: Resource) -> None:
    network = cloud.state.get(rule.key.rpartition("/outboundrules/")[0])
    mode = network.properties["managedNetwork"]["isolationMode"] if network else _OPEN
    _check_rule(rule.body["name"], rule.properties, mode)


KIND = Kind(
    _TYPE,
    model="OutboundRuleBasicResource",
    prepare=_prepare,
    before_delete=_before_delete,
    long_running=True,
    etag=False,
)
