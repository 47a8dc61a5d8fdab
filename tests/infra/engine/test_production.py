"""A production in a managed network, from its first deployment to its end."""

from __future__ import annotations

from pathlib import Path

from infra.network.private_zones import ZONES
from tests.emulator import Emulator
from tests.infra.engine.stack import POLICIES, Pulumi, make_project, make_stack

RULE = "azure-native:machinelearningservices:ManagedNetworkSettingsRule"
WORKSPACE = "azure-native:machinelearningservices:Workspace"
PRIVATE = "azure-native:network:Private"


def _subnet(emulator: Emulator, location: str) -> str:
    """Make a network with a subnet, as a team has them, and give the subnet's id."""
    assert emulator.arm("PUT", "/resourceGroups/net", {"location": location})[0] == 201
    network = "/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/ours"
    assert emulator.arm("PUT", network, {"location": location, "properties": {}})[0] == 201
    status, made = emulator.arm("PUT", f"{network}/subnets/endpoints", {"properties": {}})
    assert status == 201
    return str(made["id"])


def test_a_managed_production_stays_as_it_is_and_starts_over_under_other_names(
    pulumi: Pulumi, emulator: Emulator, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "project", pinned=False, refreshing=True)
    stack = make_stack(pulumi, emulator, project, "prod")
    stack.up(*POLICIES)
    config = stack.config()

    # Azure says how far it is with the network and shows its rules, and nobody takes that back.
    (workspace,) = (resource["id"] for resource in stack.resources(WORKSPACE))
    (vault,) = (vault["id"] for vault in stack.resources("azure-native:keyvault:Vault"))
    kept = emulator.cloud.state.get(workspace)
    assert kept is not None
    network = kept.properties["managedNetwork"]
    network["status"] = {"status": "Active", "sparkReady": True}
    emulator.cloud.state.update(kept, {"managedNetwork": network})
    rules = {rule["inputs"]["ruleName"] for rule in stack.resources(RULE)}
    assert {"storage-queue", "storage-table"} < rules
    _, body = emulator.arm("GET", workspace)
    assert rules < {*body["properties"]["managedNetwork"]["outboundRules"]}
    config["scoring:outbound"] = ["python-packages", "example.org"]
    config["scoring:roleSettlingSeconds"] = 1
    stack.write(config)
    changed = {(step.op, step.type) for step in stack.preview().changed}
    assert changed == {("create", RULE), ("delete", RULE)}

    # A change of the workspace sends none of Azure's own rules back, which Azure would refuse.
    config["scoring:firewallSku"] = "standard"
    config["scoring:privateEndpoints"] = {
        "subnet": _subnet(emulator, config["azure-native:location"]),
        "zones": {zone: f"privatelink.{zone}.azure.test" for zone in ZONES},
    }
    stack.write(config)
    stack.up("--refresh")
    rules = {rule["inputs"]["ruleName"] for rule in stack.resources(RULE)}
    _, body = emulator.arm("GET", workspace)
    shown = body["properties"]["managedNetwork"]
    own = {name for name, rule in shown["outboundRules"].items() if rule["category"] == "Required"}
    assert (shown["firewallSku"], {*shown["outboundRules"]} - own) == ("Standard", rules)

    # The services are reached from a team's own network, by names of its own.
    links = [link["outputs"] for link in stack.resources(f"{PRIVATE}Endpoint")]
    assert len(links) == 5
    states = [link["privateLinkServiceConnections"][0] for link in links]
    assert {state["privateLinkServiceConnectionState"]["status"] for state in states} == {
        "Approved"
    }
    assert len(stack.resources(f"{PRIVATE}DnsZoneGroup")) == 5

    # It is destroyed by nobody who has not said so.
    emulator.requests.clear()
    refused = stack.destroy(check=False)
    assert refused.status != 0
    assert "`pulumi state unprotect" in refused.text
    assert not [request for request in emulator.requests if request.method in ("PUT", "DELETE")]
    stack.run("state", "unprotect", "--all", "--yes")
    stack.destroy()
    assert emulator.arm("GET", workspace)[0] == 200

    # What is deleted keeps its name for days, so the next one has other names.
    assert emulator.arm("DELETE", vault)[0] == 200
    assert emulator.arm("DELETE", "/resourceGroups/scoring-prod")[0] == 200
    stack.run("config", "set", "scoring:generation", "2")
    stack.up()
    assert workspace not in [resource["id"] for resource in stack.resources(WORKSPACE)]
