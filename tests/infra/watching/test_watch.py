"""Alerts, budget and diagnostics: what a stack file may say of them, and what is declared."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.mocks import SECRET, Program, run_program
from tests.infra.pinning import pinned_config
from tests.infra.sdk import complaints

ALERTS, BUDGET = "scoring:alerts", "scoring:budget"
DIAGNOSTICS, WEBHOOKS = "scoring:diagnostics", "scoring:alertWebhooks"
HOOK = "https://hooks.example.org/T0/very-secret"
ADDRESS = "ops@example.org"


def run(project: Path, more: dict[str, Any], **how: Any) -> Program:
    text = yaml.safe_dump({"config": {**pinned_config("dev"), **more}})
    return run_program(project, "dev", text, **how)


@pytest.fixture(scope="module")
def watched(project: Path) -> Program:
    budget = {"amount": 300, "thresholds": [50, 100], "forecast": [110], "emails": [ADDRESS]}
    more = {ALERTS: {"emails": [ADDRESS], "server_errors": 5}, BUDGET: budget}
    program = run(project, more, config={WEBHOOKS: json.dumps([HOOK])}, secrets=(WEBHOOKS,))
    assert program.error is None, program.error
    return program


def test_what_is_declared_is_what_the_sdk_takes(watched: Program) -> None:
    kinds = ("monitor:ActionGroup", "monitor:DiagnosticSetting", "monitor:MetricAlert")
    found = [resource for kind in kinds for resource in watched.of(kind)]
    assert [problem for resource in found for problem in complaints(resource)] == []
    assert complaints(watched.one("consumption:Budget")) == []


def test_alerts_tell_of_failed_jobs_and_of_errors_of_each_online_endpoint(
    watched: Program,
) -> None:
    told = watched.one("monitor:ActionGroup")
    assert [item["emailAddress"] for item in told.inputs["emailReceivers"]] == [ADDRESS]
    (webhook,) = told.inputs["webhookReceivers"]
    address = webhook["serviceUri"]
    assert (address["4dabf18193072939515e22adb298388d"], address["value"]) == (SECRET, HOOK)
    assert told.secret_outputs == ("webhookReceivers",)
    asked = {}
    for alert in watched.of("monitor:MetricAlert"):
        (criterion,) = alert.inputs["criteria"]["allOf"]
        dimensions = [(item["name"], item["values"]) for item in criterion["dimensions"]]
        asked[alert.name] = (criterion["metricName"], criterion["threshold"], dimensions)
        assert alert.inputs["actions"] == [{"actionGroupId": told.id}]
    assert asked == {
        "failed-jobs": ("Failed Runs", 1, []),
        "diabetes-online-server-errors": (
            "RequestsPerMinute",
            5,
            [("statusCodeClass", ["5xx"])],
        ),
        "diabetes-online-model-errors": ("RequestsPerMinute", 5, [("statusCode", ["424"])]),
    }


def test_a_budget_begins_this_month_and_never_changes_that(watched: Program) -> None:
    budget = watched.one("consumption:Budget")
    begins = datetime.fromisoformat(budget.inputs["timePeriod"]["startDate"])
    now = datetime.now(UTC)
    assert (begins.day, begins.hour, begins.minute) == (1, 0, 0)
    assert (now - begins).days < 32
    assert budget.ignore_changes == ("timePeriod",)
    notifications = budget.inputs["notifications"]
    assert sorted(notifications) == ["actual-100", "actual-50", "forecasted-110"]
    told = watched.one("monitor:ActionGroup").id
    for notification in notifications.values():
        assert notification["contactEmails"] == [ADDRESS]
        assert notification["contactGroups"] == [told]


def test_logs_are_kept_unless_a_stack_says_otherwise(watched: Program, project: Path) -> None:
    settings = watched.of("monitor:DiagnosticSetting")
    names = ["diabetes-online-logs", "registry-logs", "vault-logs", "workspace-logs"]
    assert [setting.name for setting in settings] == names
    logs = watched.one("operationalinsights:Workspace").id
    assert {setting.inputs["workspaceId"] for setting in settings} == {logs}
    program = run(project, {DIAGNOSTICS: ["storage"]})
    assert [item.name for item in program.of("monitor:DiagnosticSetting")] == ["storage-logs"]
    storage = program.one("storage:StorageAccount").id
    (setting,) = program.of("monitor:DiagnosticSetting")
    assert setting.inputs["resourceUri"] == f"{storage}/blobServices/default"
    assert run(project, {DIAGNOSTICS: []}).of("monitor:DiagnosticSetting") == []


ELSEWHERE = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/other/providers"
STORAGE = f"{ELSEWHERE}/Microsoft.Storage/storageAccounts/theirs"
WORKSPACE = f"{ELSEWHERE}/Microsoft.MachineLearningServices/workspaces/theirs"
LOGS = f"{ELSEWHERE}/Microsoft.OperationalInsights/workspaces/theirs"


@pytest.mark.parametrize(
    ("existing", "more", "problem"),
    [
        ({"storage": STORAGE}, {DIAGNOSTICS: ["storage"]}, "found storage, which the stack does"),
        ({"storage": STORAGE}, {"scoring:keptDays": 9}, "scoring:keptDays: means nothing beside"),
        (
            {"workspace": WORKSPACE},
            {DIAGNOSTICS: ["endpoints"]},
            "has no place for the logs of; scoring:existing.log_analytics is one, allowed: []",
        ),
    ],
)
def test_what_was_there_before_is_watched_by_who_made_it(
    project: Path, existing: dict[str, str], more: dict[str, Any], problem: str
) -> None:
    program = run(project, {"scoring:existing": existing, **more})
    assert program.error is not None
    assert problem in program.error


def test_nobody_is_told_and_no_budget_is_kept_unless_somebody_asks(project: Path) -> None:
    program = run(project, {})
    for kind in ("monitor:ActionGroup", "monitor:MetricAlert", "consumption:Budget"):
        assert program.of(kind) == []


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({ALERTS: {"failed_jobs": True}}, f"{ALERTS}: tells nobody, allowed: emails: [ADDRESS"),
        ({ALERTS: {"emails": ["ops"]}}, f"{ALERTS}.emails[0]: found the text 'ops', allowed: an"),
        ({ALERTS: {"email": [ADDRESS]}}, f"{ALERTS}.email: unknown key; did you mean 'emails'?"),
        ({BUDGET: {"amount": 0}}, f"{BUDGET}.amount: found the number '0', allowed: more than 0"),
        ({BUDGET: {"amount": 9}}, f"{BUDGET}: tells nobody, allowed: emails: [ADDRESS, …], or"),
        (
            {BUDGET: {"amount": 9, "thresholds": [1, 2, 3, 4, 5], "emails": [ADDRESS]}},
            f"{BUDGET}: found 6 thresholds and forecasts, allowed: 1 to 5 of both",
        ),
        (
            {BUDGET: {"amount": 9, "thresholds": [0], "emails": [ADDRESS]}},
            f"{BUDGET}.thresholds[0]: found the number '0', allowed: 1 to 1000",
        ),
        ({DIAGNOSTICS: ["jobs"]}, f"{DIAGNOSTICS}[0]: found the text 'jobs', allowed: workspace"),
    ],
)
def test_what_azure_would_not_take_is_refused_where_it_stands(
    project: Path, config: dict[str, Any], problem: str
) -> None:
    program = run(project, config)
    assert program.resources == ()
    assert program.error is not None
    (line,) = program.error.splitlines()[1:]
    assert problem in line
    assert line.startswith("Pulumi.dev.yaml:")


@pytest.mark.parametrize(
    "given",
    [
        "http://hooks.example.org/very-secret",
        ["https://[hooks.example.org/very-secret"],
        ["https://hooks.example.org:very-secret"],
        [HOOK, 3],
        {"a": HOOK},
    ],
)
def test_a_webhook_that_is_none_is_refused_and_not_shown(project: Path, given: Any) -> None:
    program = run(project, {}, config={WEBHOOKS: json.dumps(given)}, secrets=(WEBHOOKS,))
    assert program.resources == ()
    assert program.error is not None
    assert f"{WEBHOOKS}: found something else, which is not shown" in program.error
    assert "very-secret" not in program.error + str(program.logs)


def test_a_webhook_may_stand_in_clear_and_is_kept_as_a_secret_all_the_same(project: Path) -> None:
    program = run(project, {WEBHOOKS: [HOOK]})
    assert program.error is None
    (webhook,) = program.one("monitor:ActionGroup").inputs["webhookReceivers"]
    assert webhook["serviceUri"]["value"] == HOOK


def test_on_databricks_none_of_them_means_anything(project: Path) -> None:
    config = {**pinned_config("lake"), BUDGET: {"amount": 3}, WEBHOOKS: [HOOK]}
    program = run_program(project, "lake", yaml.safe_dump({"config": config}))
    assert program.error is not None
    for key in (BUDGET, WEBHOOKS):
        assert f"{key}: means nothing with scoring:platform: databricks" in program.error
