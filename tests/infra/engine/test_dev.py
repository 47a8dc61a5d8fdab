"""A deployed stack: what previews of it show, how it follows its declaration, and how it goes.

The tests share one stack, which a last one of them destroys.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.emulator import Emulator
from tests.infra.engine.deploying import ENDPOINTS, deploy, endpoint_of, workspace_of
from tests.infra.engine.stack import (
    POLICIES,
    ROOT,
    Pulumi,
    Run,
    Stack,
    make_project,
    make_stack,
)
from tests.infra.pinning import pinned_config

ROUTING = "pulumi-python:dynamic/scoring:Routing"
DEPLOYMENT = "azure-native:machinelearningservices:OnlineDeployment"
INSIGHTS = "Microsoft.Insights"
HOOK = "https://hooks.example.org/T0/very-secret"
KEY = "a-very-secret-key"
ADDRESS = {"account_name": "otherdata"}
# What watches, scales, tags and keeps.
OPERATED = {
    "scoring:tags": {"cost_center": "4711"},
    "scoring:alerts": {"emails": ["ops@example.org"]},
    "scoring:budget": {"amount": 250.5},
    "scoring:datastores": {
        "patients": {"type": "azure_blob", "container_name": "patients", **ADDRESS},
        "share": {"type": "azure_file", "file_share_name": "old-share", **ADDRESS},
    },
}
SECRETS = {"alertWebhooks[0]": HOOK, "datastoreKeys.share": KEY}
SCALE = {"type": "target_utilization", "min_instances": 2, "max_instances": 4}
NIGHTLY = {
    "cron": "0 2 * * *",
    "time_zone": "Asia/Seoul",
    "input": "azureml://datastores/workspaceblobstore/paths/new/",
}


@pytest.fixture(scope="module")
def deployed(pulumi: Pulumi, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Deploy the stack `dev` with all that watches and scales: the platform, then the pins."""
    config = pinned_config("dev") | OPERATED
    config[ENDPOINTS]["diabetes-batch"]["schedules"] = {"nightly": NIGHTLY}
    config[ENDPOINTS]["diabetes-online"]["deployments"]["blue"]["scale_settings"] = SCALE
    project = make_project(tmp_path_factory.mktemp("deployed") / "project")
    stack = make_stack(pulumi, emulator, project, "dev", config)
    given = [f"--secret=scoring:{path}={value}" for path, value in SECRETS.items()]
    stack.run("config", "set-all", "--path", *given)
    deploy(stack, emulator)
    return stack


@pytest.fixture
def dev(deployed: Stack) -> Iterator[Stack]:
    """Provide the deployed stack, to ask and to preview; its stack file is put back afterwards."""
    before = deployed.path.read_text()
    yield deployed
    deployed.path.write_text(before)


@pytest.fixture(scope="module")
def as_declared(deployed: Stack) -> Run:
    """Provide a preview of the stack as it is, with the policy pack."""
    return deployed.shown(*POLICIES)


def changed_lines(shown: str) -> list[str]:
    """Give the lines of a preview that tell a resource's changed value."""
    resources = shown.partition("--outputs:--")[0]
    return [line.strip() for line in resources.splitlines() if " => " in line]


def counted(shown: str) -> list[str]:
    """Give what a preview's last lines count, e.g. `to update` and `unchanged`."""
    lines = shown.partition("\nResources:\n")[2].partition("\n\n")[0].splitlines()
    # Where the machine is slow, Pulumi says in between that it is still at work.
    counts = (line.strip(" +-~><") for line in lines if not line.startswith("@"))
    return [count.partition(" ")[2] for count in counts]


def test_a_deployed_stack_has_nothing_to_change(as_declared: Run) -> None:
    assert changed_lines(as_declared.output) == []
    assert counted(as_declared.output) == ["unchanged"]


def test_a_changed_split_and_a_changed_pin_are_one_resource_each(dev: Stack) -> None:
    config = dev.config()
    online = config[ENDPOINTS]["diabetes-online"]
    online["traffic"] = {"blue": 80, "green": 20}
    online["deployments"]["blue"]["model"] = "azureml:diabetes-mlflow:2"
    dev.write(config)
    shown = dev.shown()
    path, tag, split = changed_lines(shown.output)
    assert " ".join(split.split()) == '~ traffic : "blue=90 green=10" => "blue=80 green=20"'
    assert tag == '~ model: "diabetes-mlflow:1" => "diabetes-mlflow:2"'
    before, after = path.removeprefix("~ model: ").split(" => ")
    assert before.endswith('/models/diabetes-mlflow/versions/1"')
    assert after.endswith('/models/diabetes-mlflow/versions/2"')
    changes = shown.output.partition("--outputs:--")[0].split("[urn=")[1:]
    changed = [change.partition("]")[0] for change in changes if " => " in change]
    assert [urn.rpartition("::")[2] for urn in changed] == [
        "diabetes-online-blue",
        "diabetes-online",
    ]
    assert counted(shown.output) == ["to update", "unchanged"]
    assert "~ 2 to update" in shown.output


def without_branches(state: dict[str, Any]) -> dict[str, Any]:
    """Give a state as it was when everything was at the top of the tree."""
    stack, name = "urn:pulumi:dev::scoring::pulumi:pulumi:Stack::scoring-dev", "scoring:infra:"
    text = re.sub(rf"{name}\w+\$", "", json.dumps(state))
    text = re.sub(rf'"urn:pulumi:dev::scoring::{name}[^"]+"', f'"{stack}"', text)
    before: dict[str, Any] = json.loads(text)
    resources = before["deployment"]["resources"]
    kept = [item for item in resources if not item["type"].startswith(name)]
    before["deployment"]["resources"] = kept
    return before


def test_a_stack_from_before_there_were_branches_takes_its_resources_along(dev: Stack) -> None:
    now = dev.state()
    dev.put_state(without_branches(now))
    try:
        changed = dev.preview().changed
    finally:
        dev.put_state(now)
    assert {(step.op, step.type) for step in changed} == {
        ("create", f"scoring:infra:{kind}")
        for kind in ("Access", "Assets", "Endpoint", "Monitoring", "Platform")
    }


def test_what_a_stack_made_is_handed_over_and_not_deleted(dev: Stack) -> None:
    (vault,) = dev.resources("azure-native:keyvault:Vault")
    (logs,) = dev.resources("azure-native:operationalinsights:Workspace")
    existing = {"vault": vault["id"], "log_analytics": logs["id"]}
    dev.write({**dev.config(), "scoring:existing": existing})
    steps = {step.urn: step.op for step in dev.preview().steps}
    assert {steps[vault["urn"]], steps[logs["urn"]]} == {"read"}
    # What is somebody else's has no diagnostic setting of the stack's.
    changed = [urn for urn, op in steps.items() if op not in ("same", "read")]
    assert [urn.rpartition("::")[2] for urn in changed] == ["vault-logs"]


def test_a_pin_and_an_isolation_that_the_workspace_does_not_take_are_refused(
    dev: Stack, emulator: Emulator
) -> None:
    config = dev.config()
    deployments = config[ENDPOINTS]["diabetes-online"]["deployments"]
    deployments["blue"]["model"] = "azureml:diabetes-mlflow:9"
    config["scoring:isolation"] = "allow_internet_outbound"
    # What answers is not taken from its callers either.
    config[ENDPOINTS]["diabetes-online"] |= {"traffic": {}, "auth_mode": "aad_token"}
    dev.write(config)
    emulator.requests.clear()
    refused = dev.up(check=False)
    assert refused.status != 0
    assert [sent for sent in emulator.requests if sent.method not in ("GET", "POST")] == []
    assert "blue.model: is pinned to diabetes-mlflow:9, which workspace" in refused.text
    assert "it has 1, 2; register" in refused.text
    assert "network that is there already: computes/cpu-cluster, onlineEndpoints/" in refused.text
    assert "would answer nobody, and today blue answers 90 % and green answers 10 %" in refused.text
    assert "signs in by 'key': declare another endpoint beside it" in refused.text
    assert "write `scoring:mayStopAnswering: [diabetes-online]`" in refused.text


def test_the_policy_pack_passes_what_is_declared(as_declared: Run) -> None:
    assert "Policy Packs run:" in as_declared.output
    assert "[mandatory]" not in as_declared.output


def test_the_policy_pack_refuses_a_cluster_that_never_scales_to_zero(dev: Stack) -> None:
    config = dev.config()
    config["scoring:clusters"]["cpu-cluster"]["min_instances"] = 1
    dev.write(config)
    shown = dev.shown(*POLICIES, check=False)
    assert shown.status != 0
    assert "[mandatory]" in shown.output
    assert "cpu-cluster" in shown.output.partition("[mandatory]")[2].splitlines()[0]


def test_the_output_says_where_the_runner_finds_everything(dev: Stack) -> None:
    runner = dev.outputs()["runner"]
    assert runner["schema_version"] == 1
    assert runner["cloud"] == "AzureTest"
    assert set(runner["endpoints"]) == {"diabetes-batch", "diabetes-online"}
    batch, online = runner["endpoints"]["diabetes-batch"], runner["endpoints"]["diabetes-online"]
    assert (batch["default"], batch["deployments"]) == ("mlflow", ["mlflow", "script"])
    assert online["traffic"] == {"blue": 90, "green": 10}
    assert online["scoring_uri"].startswith(f"https://{online['name']}.")


def test_no_secret_is_in_the_state_the_outputs_or_the_log(
    dev: Stack, emulator: Emulator, as_declared: Run
) -> None:
    environment = dev.environment
    stored = "".join(
        file.read_text(errors="replace") for file in _state_folder(dev).rglob("*") if file.is_file()
    )
    told = json.dumps(dev.outputs()) + as_declared.text
    names = ("ARM_CLIENT_SECRET", "PULUMI_CONFIG_PASSPHRASE")
    for secret in (*(environment[name] for name in names), HOOK, KEY):
        assert secret not in stored
        assert secret not in told
    assert "eyJ" not in stored  # how a bearer token begins
    assert emulator.environment["ARM_TENANT_ID"] not in json.dumps(dev.outputs())


def test_a_first_preview_takes_what_the_cli_has_written_and_says_what_waits_for_a_pin(
    pulumi: Pulumi, emulator: Emulator, tmp_path: Path
) -> None:
    stack = make_stack(pulumi, emulator, make_project(tmp_path / "project"), "fresh", _unpinned())
    # Single values end up in quotes, those that were there before and those that are set.
    stack.run("config", "set", "scoring:production", "true")
    most = "scoring:clusters.cpu-cluster.max_instances"
    stack.run("config", "set", "--path", most, "3")
    assert stack.config()["scoring:production"] == "true"
    assert stack.config()["scoring:roleSettlingSeconds"] == "0"
    shown = stack.shown()
    assert "waiting for a pin" in shown.text
    assert "diabetes-online/blue (model)" in shown.text
    assert (
        "`runner models register --file models/diabetes/model.yml --env fresh --pin` registers"
        in shown.text
    )
    assert "--pin --deployment diabetes-online/blue" in shown.text
    # What things are called is known before there are any.
    named = re.findall(r"(?:endpoint|workspace|resourceGroup)Name *: (.*)", shown.output)
    assert [name for name in named if not name.startswith('"')] == []
    assert '"scoring-fresh"' in named


def _unpinned() -> dict[str, Any]:
    config = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
    return {**config, "scoring:roleSettlingSeconds": 0}


def _state_folder(stack: Stack) -> Path:
    return Path(urlsplit(stack.environment["PULUMI_BACKEND_URL"]).path)


def test_a_role_that_was_given_by_hand_is_taken_away_and_made_by_the_stack(
    dev: Stack, emulator: Emulator
) -> None:
    """It goes as docs/guides/access.md says."""
    roles = dev.resources("azure-native:authorization:RoleAssignment")
    (role,) = [role for role in roles if role["urn"].endswith("::clusters-acr-pull-on-registry")]
    path = role["id"].partition(f"/subscriptions/{emulator.cloud.subscription}")[2]
    by_hand = f"{path.rpartition('/')[0]}/{uuid.uuid4()}"
    given = emulator.arm("GET", path)[1]["properties"]
    kept = {key: given[key] for key in ("roleDefinitionId", "principalId", "principalType")}
    emulator.arm("DELETE", path)
    assert emulator.arm("PUT", by_hand, {"properties": kept})[0] == 201

    refused = dev.up("--target", role["urn"], "--refresh", check=False)
    assert refused.status != 0
    assert "RoleAssignmentExists" in refused.text
    assert "clusters-acr-pull-on-registry" in refused.text

    assert emulator.arm("DELETE", by_hand)[0] == 200
    dev.up("--target", role["urn"])
    assert emulator.arm("GET", path)[0] == 200


def listed(emulator: Emulator, scope: str, kind: str) -> dict[str, Any]:
    """Return what Azure lists of a kind in a scope, by name."""
    status, answer = emulator.arm("GET", f"{scope}/providers/{kind}")
    assert status == 200, answer
    return {item["name"]: item for item in answer["value"]}


def test_what_watches_scales_and_keeps_is_there(dev: Stack, emulator: Emulator) -> None:
    runner = dev.outputs()["runner"]
    workspace, online = workspace_of(runner), endpoint_of(runner, "diabetes-online")
    group = f"/resourceGroups/{runner['resource_group']}"
    alerts = listed(emulator, group, f"{INSIGHTS}/metricAlerts")
    assert sorted(name.removeprefix("scoring-dev-") for name in alerts) == [
        "diabetes-online-model-errors",
        "diabetes-online-server-errors",
        "failed-jobs",
    ]
    (budget,) = listed(emulator, group, "Microsoft.Consumption/budgets").values()
    assert budget["properties"]["amount"] == 250.5
    for source in (online, workspace):
        (setting,) = listed(emulator, source, f"{INSIGHTS}/diagnosticSettings").values()
        assert setting["properties"]["workspaceId"].endswith("/workspaces/" + setting["name"])
    (account,) = listed(emulator, group, "Microsoft.Storage/storageAccounts")
    service = f"{group}/providers/Microsoft.Storage/storageAccounts/{account}/blobServices/default"
    _, blobs = emulator.arm("GET", service)
    assert blobs["properties"]["deleteRetentionPolicy"] == {"enabled": True, "days": 7}
    _, body = emulator.arm("GET", workspace)
    assert body["tags"]["cost_center"] == "4711"
    _, share = emulator.arm("GET", f"{workspace}/datastores/share")
    assert share["properties"]["credentials"] == {"credentialsType": "AccountKey"}


@pytest.mark.takes_down
def test_the_stack_follows_its_declaration_sees_drift_and_goes_in_order(
    deployed: Stack, emulator: Emulator
) -> None:
    stack, config = deployed, deployed.config()
    runner = stack.outputs()["runner"]
    group = f"/resourceGroups/{runner['resource_group']}"
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

    # Somebody turns all traffic to green by hand, has its logs kept, and has Azure scale it. Azure
    # scales, and that is nobody's to take back, nor is the month in which the budget began.
    _, body = emulator.arm("GET", online)
    body["properties"]["traffic"] = {"green": 100}
    assert emulator.arm("PUT", online, body)[0] in (200, 201)
    _, green = emulator.arm("GET", f"{online}/deployments/green")
    green["properties"]["appInsightsEnabled"] = True
    green["sku"]["capacity"] = 3
    setting = f"{group}/providers/{INSIGHTS}/autoscaleSettings/by-hand"
    scaled = {"enabled": True, "targetResourceUri": green["id"], "profiles": []}
    body = {"location": runner["location"], "properties": scaled}
    assert emulator.arm("PUT", setting, body)[0] in (200, 201)
    _, blue = emulator.arm("GET", f"{online}/deployments/blue")
    assert blue["sku"]["capacity"] == 2
    blue["sku"]["capacity"] = 4
    for name, body in (("green", green), ("blue", blue)):
        assert emulator.arm("PUT", f"{online}/deployments/{name}", body)[0] in (200, 201)
    preview = stack.preview("--refresh")
    changed = {(step.type, step.name): step.changes for step in preview.changed}
    drifted = (DEPLOYMENT, "diabetes-online-green")
    assert set(changed) == {(ROUTING, "diabetes-online"), drifted}
    assert changed[drifted] == {"properties.appInsightsEnabled": "update"}
    assert KEY not in preview.log
    assert HOOK not in preview.log
    assert emulator.arm("DELETE", setting)[0] in (200, 202, 204)

    # Another size of the cluster, which Azure never changes.
    clusters = config["scoring:clusters"]
    clusters["cpu-cluster"]["size"] = "Standard_DS4_v2"
    stack.write(config)
    refused = stack.shown(check=False)
    assert refused.status != 0
    assert "the cluster cpu-cluster would be deleted and made anew" in refused.text

    # A new cluster in its place, and another identity, which no endpoint gets that is there. What
    # watches is no longer declared, and goes.
    clusters["big-cluster"] = clusters.pop("cpu-cluster")
    for deployment in config[ENDPOINTS]["diabetes-batch"]["deployments"].values():
        deployment["compute"] = "azureml:big-cluster"
    config[ENDPOINTS]["diabetes-online"]["identity"] = {"type": "system_assigned"}
    del deployments["blue"]["scale_settings"]
    secrets = {f"scoring:{path.partition('[')[0].partition('.')[0]}" for path in SECRETS}
    for key in (*OPERATED, *secrets):
        del config[key]
    stack.write(config)
    stack.up("--refresh")
    assert emulator.arm("GET", f"{workspace_of(runner)}/computes/cpu-cluster")[0] == 404
    assert emulator.arm("GET", f"{workspace_of(runner)}/computes/big-cluster")[0] == 200
    assert emulator.arm("GET", online)[0] == 404
    for kind in ("metricAlerts", "actionGroups", "autoscaleSettings"):
        assert listed(emulator, group, f"{INSIGHTS}/{kind}") == {}
    assert listed(emulator, group, "Microsoft.Consumption/budgets") == {}
    assert emulator.arm("GET", f"{workspace_of(runner)}/datastores/share")[0] == 404
    online = endpoint_of(stack.outputs()["runner"], "diabetes-online")
    _, body = emulator.arm("GET", online)
    assert body["identity"]["type"] == "SystemAssigned"
    assert body["properties"]["traffic"] == {"blue": 80, "green": 20}

    # Default and traffic go before the deployments do, or Azure would refuse.
    emulator.requests.clear()
    stack.destroy()
    assert stack.resources() == []
    assert emulator.arm("GET", workspace_of(runner))[0] == 404
    sent = [(asked.method, asked.path.rpartition("/")[2]) for asked in emulator.requests]
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
