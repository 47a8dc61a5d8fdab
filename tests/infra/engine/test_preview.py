"""What a preview of a deployed stack shows, and what it never does."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.emulator import Emulator
from tests.infra.engine.deploying import ENDPOINTS, endpoint_of
from tests.infra.engine.stack import (
    POLICIES,
    ROOT,
    Pulumi,
    Run,
    Stack,
    make_project,
    make_stack,
)


@pytest.fixture(scope="module")
def as_declared(deployed: Stack) -> Run:
    """A preview of the stack as it is, with the policy pack."""
    return deployed.shown(*POLICIES)


def changed_lines(shown: str) -> list[str]:
    """Give the lines of a preview that tell a resource's changed value."""
    resources = shown.partition("--outputs:--")[0]
    return [line.strip() for line in resources.splitlines() if " => " in line]


def counted(shown: str) -> list[str]:
    """Give what a preview's last lines count, e.g. `to update` and `unchanged`."""
    lines = shown.partition("\nResources:\n")[2].partition("\n\n")[0].splitlines()
    return [line.strip(" +-~><").partition(" ")[2] for line in lines]


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


def test_a_pin_and_an_isolation_that_the_workspace_does_not_take_are_refused(dev: Stack) -> None:
    config = dev.config()
    deployments = config[ENDPOINTS]["diabetes-online"]["deployments"]
    deployments["blue"]["model"] = "azureml:diabetes-mlflow:9"
    config["scoring:isolation"] = "allow_internet_outbound"
    # What answers is not taken from its callers either.
    config[ENDPOINTS]["diabetes-online"] |= {"traffic": {}, "auth_mode": "aad_token"}
    dev.write(config)
    refused = dev.shown(check=False)
    assert refused.status != 0
    assert "blue.model: is pinned to diabetes-mlflow:9, which workspace" in refused.text
    assert "it has 1, 2; register" in refused.text
    assert "network that is there already: computes/cpu-cluster, onlineEndpoints/" in refused.text
    assert "would answer nobody, and today blue answers 90 % and green answers 10 %" in refused.text
    assert "signs in by 'key': declare another endpoint beside it" in refused.text
    assert "write `scoring:mayStopAnswering: [diabetes-online]`" in refused.text


def test_what_azure_scales_and_routes_is_no_drift(dev: Stack, emulator: Emulator) -> None:
    runner = dev.outputs()["runner"]
    green = f"{endpoint_of(runner, 'diabetes-online')}/deployments/green"
    _, before = emulator.arm("GET", green)
    setting = f"/resourceGroups/{runner['resource_group']}/providers/Microsoft.Insights"
    setting += "/autoscaleSettings/green"
    properties = {"enabled": True, "targetResourceUri": before["id"], "profiles": []}
    body = {"location": runner["location"], "properties": properties}
    assert emulator.arm("PUT", setting, body)[0] in (200, 201)
    more = {**before, "sku": {**before["sku"], "capacity": 3}}
    assert emulator.arm("PUT", green, more)[0] in (200, 201)
    try:
        assert dev.preview("--refresh").changed == []
    finally:
        emulator.arm("DELETE", setting)
        emulator.arm("PUT", green, before)


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


def test_a_bad_stack_file_is_refused_with_all_its_problems_and_creates_nothing(
    dev: Stack, emulator: Emulator
) -> None:
    config = dev.config()
    config["scoring:isolaton"] = "none"
    config["scoring:clusters"]["cpu-cluster"]["tier"] = "cheap"
    config[ENDPOINTS]["diabetes-online"]["traffic"] = {"blue": 90, "gren": 10}
    dev.write(config)
    before = [one["urn"] for one in dev.resources()]
    emulator.requests.clear()
    refused = dev.up(check=False)
    assert refused.status != 0
    for found in ("scoring:isolation", "low_priority", "gren"):
        assert found in refused.text
    assert [one for one in emulator.requests if one.method not in ("GET", "POST")] == []
    assert [one["urn"] for one in dev.resources()] == before


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
    for name in ("ARM_CLIENT_SECRET", "PULUMI_CONFIG_PASSPHRASE"):
        assert environment[name] not in stored
        assert environment[name] not in told
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
    """As docs/guides/access.md says it."""
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
