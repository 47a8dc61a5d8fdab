"""What watches, scales, tags and keeps, added to a deployed stack and taken away, by the engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.emulator import Emulator
from tests.infra.engine.deploying import ENDPOINTS, endpoint_of, workspace_of
from tests.infra.engine.stack import POLICIES, Stack

HOOK = "https://hooks.example.org/T0/very-secret"
KEY = "a-very-secret-key"
ADDRESS = {"account_name": "otherdata"}
DATASTORES = {
    "patients": {"type": "azure_blob", "container_name": "patients", **ADDRESS},
    "share": {"type": "azure_file", "file_share_name": "old-share", **ADDRESS},
}
SCALE = {"type": "target_utilization", "min_instances": 2, "max_instances": 4}
INSIGHTS = "Microsoft.Insights"


def listed(emulator: Emulator, scope: str, kind: str) -> dict[str, Any]:
    status, answer = emulator.arm("GET", f"{scope}/providers/{kind}")
    assert status == 200, answer
    return {item["name"]: item for item in answer["value"]}


def test_what_watches_scales_and_keeps_comes_is_no_drift_shows_no_secret_and_goes(
    dev: Stack, emulator: Emulator
) -> None:
    runner, before = dev.outputs()["runner"], dev.config()
    workspace, online = workspace_of(runner), endpoint_of(runner, "diabetes-online")
    group = f"/resourceGroups/{runner['resource_group']}"
    try:
        _operate(dev, before)
        _ask(dev, emulator, runner)
    finally:
        dev.write(before)
        dev.up("--refresh")

    # What is no longer declared goes, and the count is the declaration's again.
    for kind in ("metricAlerts", "actionGroups", "autoscaleSettings"):
        assert listed(emulator, group, f"{INSIGHTS}/{kind}") == {}
    assert listed(emulator, group, "Microsoft.Consumption/budgets") == {}
    assert emulator.arm("GET", f"{workspace}/datastores/share")[0] == 404
    _, body = emulator.arm("GET", f"{online}/deployments/blue")
    assert body["sku"]["capacity"] == 1


def _operate(stack: Stack, before: Mapping[str, Any]) -> None:
    """Deploy all of it, as the policies have it."""
    config = json.loads(json.dumps(before)) | {
        "scoring:tags": {"cost_center": "4711"},
        "scoring:alerts": {"emails": ["ops@example.org"]},
        "scoring:budget": {"amount": 250.5},
        "scoring:datastores": DATASTORES,
    }
    config[ENDPOINTS]["diabetes-online"]["deployments"]["blue"]["scale_settings"] = SCALE
    stack.write(config)
    secrets = {"alertWebhooks[0]": HOOK, "datastoreKeys.share": KEY}
    given = [f"--secret=scoring:{path}={value}" for path, value in secrets.items()]
    stack.run("config", "set-all", "--path", *given)
    done = stack.up(*POLICIES)
    assert "[mandatory]" not in done.text
    assert HOOK not in done.text


def _ask(stack: Stack, emulator: Emulator, runner: Mapping[str, Any]) -> None:
    """Hold against Azure what was deployed, and against the state what is a secret."""
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

    # Azure scales, and that is nobody's to take back, nor is the month in which a budget began.
    blue = f"{online}/deployments/blue"
    _, body = emulator.arm("GET", blue)
    assert body["sku"]["capacity"] == 1  # it was there before, and Azure Monitor counts from now on
    body["sku"]["capacity"] = 4
    assert emulator.arm("PUT", blue, body)[0] in (200, 201)
    preview = stack.preview("--refresh")
    assert preview.changed == []

    state = Path(urlsplit(stack.environment["PULUMI_BACKEND_URL"]).path)
    stored = [file.read_text(errors="replace") for file in state.rglob("*") if file.is_file()]
    for text in (*stored, preview.log):
        assert KEY not in text
        assert HOOK not in text
