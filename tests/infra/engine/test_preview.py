"""What a preview of a deployed stack shows, and what it never does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.emulator import Emulator
from tests.infra.engine.deploying import ENDPOINTS
from tests.infra.engine.stack import (
    POLICIES,
    ROOT,
    Pulumi,
    Stack,
    make_project,
    make_stack,
)


def changed_lines(shown: str) -> list[str]:
    """Give the lines of a preview that tell a resource's changed value."""
    resources = shown.partition("--outputs:--")[0]
    return [line.strip() for line in resources.splitlines() if " => " in line]


def test_a_deployed_stack_has_nothing_to_change(dev: Stack) -> None:
    assert dev.preview().changed == []


def test_a_changed_traffic_split_is_one_changed_line_of_one_resource(dev: Stack) -> None:
    config = dev.config()
    config[ENDPOINTS]["diabetes-online"]["traffic"] = {"blue": 80, "green": 20}
    dev.write(config)
    shown = dev.shown()
    assert changed_lines(shown.output) == [
        '~ traffic    : "blue=90 green=10" => "blue=80 green=20"'
    ]
    assert "~ 1 to update" in shown.output


def test_a_changed_pin_changes_the_model_of_one_deployment(dev: Stack) -> None:
    config = dev.config()
    config[ENDPOINTS]["diabetes-online"]["deployments"]["blue"]["model"] = (
        "azureml:diabetes-mlflow:2"
    )
    dev.write(config)
    (step,) = dev.preview().changed
    assert (step.op, step.name) == ("update", "diabetes-online-blue")
    assert step.changes == {"properties.model": "update", "tags.model": "update"}


def test_the_policy_pack_passes_what_is_declared(dev: Stack) -> None:
    shown = dev.shown(*POLICIES)
    assert "Policy Packs run:" in shown.output
    assert "[mandatory]" not in shown.output


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


def test_no_secret_is_in_the_state_the_outputs_or_the_log(dev: Stack, emulator: Emulator) -> None:
    environment = dev.environment
    stored = "".join(
        file.read_text(errors="replace") for file in _state_folder(dev).rglob("*") if file.is_file()
    )
    told = json.dumps(dev.outputs()) + dev.shown().text
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


def _unpinned() -> dict[str, Any]:
    config = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
    kept = {key: value for key, value in config.items() if key != ENDPOINTS}
    return kept | {"scoring:roleSettlingSeconds": 0}


def _state_folder(stack: Stack) -> Path:
    return Path(urlsplit(stack.environment["PULUMI_BACKEND_URL"]).path)
