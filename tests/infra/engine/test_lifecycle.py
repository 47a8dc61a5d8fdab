"""A stack from its first deployment to its end, with a person changing things in between."""

from __future__ import annotations

from pathlib import Path

from infra.network.private_zones import ZONES
from tests.emulator import Emulator
from tests.infra.engine.deploying import ENDPOINTS, deploy, endpoint_of, workspace_of
from tests.infra.engine.stack import POLICIES, Pulumi, make_project, make_stack
from tests.infra.pinning import pinned_config

ROUTING = "pulumi-python:dynamic/scoring:Routing"
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
    (workspace,) = (one["id"] for one in stack.resources(WORKSPACE))
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

    # What is deleted keeps its name for days.
    assert emulator.arm("DELETE", vault)[0] == 200
    assert emulator.arm("DELETE", "/resourceGroups/scoring-prod")[0] == 200
    refused = stack.up(check=False)
    assert refused.status != 0
    assert "already exists in deleted state" in refused.text
    assert emulator.arm("DELETE", "/resourceGroups/scoring-prod")[0] == 200
    stack.run("config", "set", "scoring:generation", "2")
    stack.up()
    assert workspace not in [one["id"] for one in stack.resources(WORKSPACE)]


def test_a_stack_follows_its_declaration_sees_drift_and_goes_in_order(
    pulumi: Pulumi, emulator: Emulator, tmp_path: Path
) -> None:
    config = pinned_config("dev")
    place = "azureml://datastores/workspaceblobstore/paths/new/"
    nightly = {"cron": "0 2 * * *", "time_zone": "Asia/Seoul", "input": place}
    config[ENDPOINTS]["diabetes-batch"]["schedules"] = {"nightly": nightly}
    stack = make_stack(pulumi, emulator, make_project(tmp_path / "project"), "life", config)
    deploy(stack, emulator)
    runner = stack.outputs()["runner"]
    online, batch = (endpoint_of(runner, f"diabetes-{kind}") for kind in ("online", "batch"))
    _, body = emulator.arm("GET", batch)
    assert body["properties"]["defaults"]["deploymentName"] == "mlflow"
    schedule = f"{workspace_of(runner)}/schedules/diabetes-batch_nightly"
    _, body = emulator.arm("GET", schedule)
    assert body["properties"]["trigger"]["timeZone"] == "Korea Standard Time"
    asked = body["properties"]["action"]["endpointInvocationDefinition"]
    assert asked["endpointId"].endswith(batch)

    # What answers is not made anew, not even by the `up` that moves its traffic.
    deployments = config[ENDPOINTS]["diabetes-online"]["deployments"]
    deployments["blue"]["instance_type"] = "Standard_DS3_v2"
    config[ENDPOINTS]["diabetes-online"]["traffic"] = {"green": 100}
    stack.write(config)
    emulator.requests.clear()
    refused = stack.up(check=False)
    assert refused.status != 0
    told = refused.text.partition("OnlineDeployment (diabetes-online-blue):")[2]
    assert "blue answers 90 %. Move the traffic first: write `traffic: {green: 100}`" in told
    assert not [request for request in emulator.requests if request.method in ("PUT", "DELETE")]

    # Another split, and another model for blue; with its traffic moved, it is made anew too.
    deployments["blue"] |= {"instance_type": "Standard_DS2_v2"} | deployments["green"]
    stack.write(config)
    stack.up()
    _, body = emulator.arm("GET", online)
    assert body["properties"]["traffic"] == {"green": 100}
    _, body = emulator.arm("GET", f"{online}/deployments/blue")
    assert body["properties"]["model"].endswith("/models/diabetes-mlflow/versions/2")
    deployments["blue"]["instance_type"] = "Standard_DS3_v2"
    config[ENDPOINTS]["diabetes-online"]["traffic"] = {"blue": 80, "green": 20}
    stack.write(config)
    stack.up()
    _, body = emulator.arm("GET", f"{online}/deployments/blue")
    assert body["properties"]["instanceType"] == "Standard_DS3_v2"
    _, body = emulator.arm("GET", online)
    assert body["properties"]["traffic"] == {"blue": 80, "green": 20}

    # Somebody turns all traffic to green by hand, and more instances for green.
    _, body = emulator.arm("GET", online)
    body["properties"]["traffic"] = {"green": 100}
    assert emulator.arm("PUT", online, body)[0] in (200, 201)
    _, body = emulator.arm("GET", f"{online}/deployments/green")
    body["sku"]["capacity"] = 3
    assert emulator.arm("PUT", f"{online}/deployments/green", body)[0] in (200, 201)
    preview = stack.preview("--refresh")
    changed = {(step.type, step.name): step.changes for step in preview.changed}
    deployment = ("azure-native:machinelearningservices:OnlineDeployment", "diabetes-online-green")
    assert set(changed) == {(ROUTING, "diabetes-online"), deployment}
    assert changed[deployment] == {"sku.capacity": "update"}

    # Another size of the cluster, which Azure never changes.
    clusters = config["scoring:clusters"]
    clusters["cpu-cluster"]["size"] = "Standard_DS4_v2"
    stack.write(config)
    refused = stack.shown(check=False)
    assert refused.status != 0
    assert "the cluster cpu-cluster would be deleted and made anew" in refused.text

    # A new cluster in its place, and another identity, which no endpoint gets that is there.
    clusters["big-cluster"] = clusters.pop("cpu-cluster")
    for deployment in config[ENDPOINTS]["diabetes-batch"]["deployments"].values():
        deployment["compute"] = "azureml:big-cluster"
    config[ENDPOINTS]["diabetes-online"]["identity"] = {"type": "system_assigned"}
    stack.write(config)
    stack.up("--refresh")
    assert emulator.arm("GET", f"{workspace_of(runner)}/computes/cpu-cluster")[0] == 404
    assert emulator.arm("GET", f"{workspace_of(runner)}/computes/big-cluster")[0] == 200
    assert emulator.arm("GET", online)[0] == 404
    online = endpoint_of(stack.outputs()["runner"], "diabetes-online")
    _, body = emulator.arm("GET", online)
    assert body["identity"]["type"] == "SystemAssigned"
    assert body["properties"]["traffic"] == {"blue": 80, "green": 20}

    # Default and traffic go before the deployments do, or Azure would refuse.
    emulator.requests.clear()
    stack.destroy()
    assert stack.resources() == []
    assert emulator.arm("GET", workspace_of(runner))[0] == 404
    sent = [(one.method, one.path.rpartition("/")[2]) for one in emulator.requests]
    assert sent.index(("PUT", online.rpartition("/")[2])) < sent.index(("DELETE", "blue"))
    assert sent.index(("PUT", batch.rpartition("/")[2])) < sent.index(("DELETE", "mlflow"))
    name = schedule.rpartition("/")[2]
    assert (
        sent.index(("PUT", name))
        < sent.index(("DELETE", name))
        < sent.index(("PUT", batch.rpartition("/")[2]))
    )
    (deleted,) = [
        request
        for request in emulator.requests
        if request.path.endswith("/computes/big-cluster") and request.method == "DELETE"
    ]
    assert deleted.query["underlyingResourceAction"] == "Delete"
