"""Refusals of Azure Monitor and Cost Management.

Where nobody has published the words, they are ours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.emulator.seed import LOCATION, SeededWorkspace

INSIGHTS = "providers/Microsoft.Insights"
NOW = datetime.now(UTC)
THIS_MONTH = f"{NOW:%Y-%m}-01T00:00:00Z"
LAST_MONTH = f"{NOW.replace(day=1) - timedelta(days=1):%Y-%m}-01T00:00:00Z"


def put(workspace: SeededWorkspace, path: str, properties: Any, **more: Any) -> str:
    """PUT below the workspace's group, or below the workspace; give what is refused, or nothing."""
    group = workspace.id.partition("/providers/")[0]
    whole = path.replace("GROUP", group).replace("WORKSPACE", workspace.id)
    status, answered = workspace.emulator.arm("PUT", whole, {"properties": properties, **more})
    return str(answered["error"]["message"]) if status >= 400 else ""


def logs(workspace: SeededWorkspace) -> str:
    """Make a log workspace."""
    path = "GROUP/providers/Microsoft.OperationalInsights/workspaces/logs"
    assert put(workspace, path, {}, location=LOCATION) == ""
    return path.replace("GROUP", workspace.id.partition("/providers/")[0])


def test_diagnostics_need_a_sink_and_categories_of_the_type(
    azure_workspace: SeededWorkspace,
) -> None:
    sink = {"workspaceId": logs(azure_workspace)}
    path = f"WORKSPACE/{INSIGHTS}/diagnosticSettings/"
    wanted = [{"category": "AmlComputeJobEvent", "enabled": True}]
    assert "At least one data sink" in put(azure_workspace, f"{path}a", {"logs": wanted})
    unknown = [{"category": "AuditEvent", "enabled": True}]
    refused = put(azure_workspace, f"{path}a", {**sink, "logs": unknown})
    assert refused.startswith("Category 'AuditEvent' is not supported, supported ones are: Aml")
    assert put(azure_workspace, f"{path}a", {**sink, "logs": wanted}) == ""
    again = put(azure_workspace, f"{path}b", {**sink, "logs": wanted})
    assert "is already used in diagnostic setting 'a' for category 'AmlComputeJobEvent'" in again


def test_an_alert_is_about_a_metric_and_a_dimension_that_its_resource_has(
    azure_workspace: SeededWorkspace,
) -> None:
    def alert(metric: str, **changed: Any) -> str:
        criterion = {"metricName": metric, "dimensions": changed.pop("dimensions", [])}
        properties = {
            "scopes": [azure_workspace.id],
            "criteria": {"allOf": [criterion]},
            "evaluationFrequency": "PT1M",
            "windowSize": "PT5M",
            "severity": 2,
            **changed,
        }
        place = properties.pop("location", "global")
        path = f"GROUP/{INSIGHTS}/metricAlerts/a"
        return put(azure_workspace, path, properties, location=place)

    assert "available regions" in alert("Failed Runs", location=LOCATION)
    assert alert("Failed Runs") == ""
    assert "Couldn't find a metric named FailedRuns." in alert("FailedRuns")
    by_code = [{"name": "statusCode", "operator": "Include", "values": ["424"]}]
    assert "has no dimension named statusCode" in alert("Failed Runs", dimensions=by_code)
    assert "must not be shorter" in alert(
        "Failed Runs", windowSize="PT1M", evaluationFrequency="PT5M"
    )
    assert "could not be found" in alert("Failed Runs", actions=[{"actionGroupId": "/nobody"}])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"groupShortName": "thirteen-long"}, "must have 1 to 12 characters"),
        ({"emailReceivers": [{"name": "a", "emailAddress": "nobody"}]}, "is not valid"),
        (
            {"webhookReceivers": [{"name": "a", "serviceUri": "https://x"}] * 2},
            "must be unique",
        ),
    ],
)
def test_an_action_group_has_a_short_name_and_receivers_of_their_own_names(
    azure_workspace: SeededWorkspace, changed: dict[str, Any], words: str
) -> None:
    properties = {"groupShortName": "short", "enabled": True, **changed}
    refused = put(
        azure_workspace, f"GROUP/{INSIGHTS}/actionGroups/a", properties, location="global"
    )
    assert refused == "" if not words else words in refused


def test_a_budget_begins_this_month_or_later_and_never_at_another_time(
    azure_workspace: SeededWorkspace,
) -> None:
    def budget(start: str, **changed: Any) -> str:
        told = {"a": {"contactEmails": ["a@b.c"], "threshold": 80}}
        properties = {"amount": 9, "timePeriod": {"startDate": start}, "notifications": told}
        path = "GROUP/providers/Microsoft.Consumption/budgets/a"
        return put(azure_workspace, path, {**properties, **changed})

    assert "must not be before the current period" in budget(LAST_MONTH)
    assert "must be the first of the month" in budget(THIS_MONTH.replace("-01T", "-02T"))
    assert "amount must be greater" in budget(THIS_MONTH, amount=0)
    nobody = {"a": {"contactEmails": [], "threshold": 80}}
    assert "needs an email, a role" in budget(THIS_MONTH, notifications=nobody)
    many = {str(number): {"contactEmails": ["a@b.c"], "threshold": 1} for number in range(6)}
    assert "up to 5 notifications" in budget(THIS_MONTH, notifications=many)
    assert budget(THIS_MONTH) == ""
    later = f"{NOW.year + 1}-01-01T00:00:00Z"
    assert budget(later) == (
        "Start date of budgets cannot be updated. Please delete and create a new budget."
    )


def test_autoscale_counts_upwards_and_a_resource_has_one_setting(
    azure_workspace: SeededWorkspace,
) -> None:
    def scale(name: str, least: int, most: int, metric: str = "", window: str = "PT5M") -> str:
        capacity = {"minimum": str(least), "maximum": str(most), "default": str(least)}
        trigger = {
            "metricName": metric,
            "metricResourceUri": azure_workspace.id,
            "timeWindow": window,
        }
        rules = [{"metricTrigger": trigger, "scaleAction": {"cooldown": "PT5M"}}] if metric else []
        profiles = [{"name": "p", "capacity": capacity, "rules": rules}]
        properties = {"targetResourceUri": azure_workspace.id, "profiles": profiles}
        path = f"GROUP/{INSIGHTS}/autoscaleSettings/{name}"
        return put(azure_workspace, path, properties, location=LOCATION)

    assert "minimum 3, default 3 and maximum 2 must not decrease" in scale("a", 3, 2)
    assert "The metric 'Load' is not supported." in scale("a", 1, 2, "Load")
    assert "between 5 minutes and 12 hours" in scale("a", 1, 2, "Failed Runs", "PT1M")
    assert scale("a", 1, 2) == ""
    assert "has the autoscale setting 'a' already" in scale("b", 1, 2)


def test_a_storage_account_keeps_what_is_deleted_for_some_days(
    azure_workspace: SeededWorkspace,
) -> None:
    _, body = azure_workspace.get()
    path = f"{body['properties']['storageAccount']}/blobServices/default"
    kept = {"deleteRetentionPolicy": {"enabled": True, "days": 7}}
    assert put(azure_workspace, path, kept) == ""
    forever = {"deleteRetentionPolicy": {"enabled": True, "days": 366}}
    assert "not in the correct format: deleteRetentionPolicy.days" in put(
        azure_workspace, path, forever
    )
