"""Azure Monitor and Cost Management: what Azure asks of settings, alerts, scaling and budgets.

Metrics, their dimensions and log categories: Azure Monitor's own lists, by type of resource. The
texts are Azure's where public reports have them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Refusal
from tests.emulator.resource_ids import parse

_ML = "microsoft.machinelearningservices/workspaces"
_ENDPOINT = f"{_ML}/onlineendpoints"
_DEPLOYMENT = f"{_ENDPOINT}/deployments"
_INSIGHTS = "Microsoft.Insights"
DIAGNOSTIC_SETTING = f"{_INSIGHTS}/diagnosticSettings"
AUTOSCALE_SETTING = f"{_INSIGHTS}/autoscaleSettings"

LOG_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    _ML: (
        *("AmlComputeClusterEvent", "AmlComputeCpuGpuUtilization", "AmlComputeInstanceEvent"),
        *("AmlComputeJobEvent", "AmlRunStatusChangedEvent", "DataSetChangeEvent"),
        *("DataStoreChangeEvent", "EnvironmentChangeEvent", "ModelsChangeEvent"),
        *("ModelsReadEvent", "PipelineChangeEvent", "RunEvent", "RunReadEvent"),
    ),
    _ENDPOINT: (
        "AmlOnlineEndpointConsoleLog",
        "AmlOnlineEndpointEventLog",
        "AmlOnlineEndpointTrafficLog",
    ),
    "microsoft.keyvault/vaults": ("AuditEvent", "AzurePolicyEvaluationDetails"),
    "microsoft.containerregistry/registries": (
        "ContainerRegistryLoginEvents",
        "ContainerRegistryRepositoryEvents",
    ),
    "microsoft.storage/storageaccounts/blobservices": (
        "StorageDelete",
        "StorageRead",
        "StorageWrite",
    ),
}
METRICS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    _ML: dict.fromkeys(
        ("Completed Runs", "Failed Runs", "Started Runs"),
        ("Scenario", "RunType", "ComputeType", "ExperimentName"),
    ),
    _ENDPOINT: {
        "RequestLatency": ("deployment",),
        "RequestsPerMinute": ("deployment", "statusCode", "statusCodeClass", "modelStatusCode"),
    },
    _DEPLOYMENT: {
        "CpuUtilizationPercentage": ("instanceId",),
        "CpuMemoryUtilizationPercentage": ("instanceId",),
    },
}
_SINKS = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")
_OFTEN = ("PT1M", "PT5M", "PT15M", "PT30M", "PT1H")
_WINDOWS = (*_OFTEN, "PT6H", "PT12H", "P1D")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LONGEST_SHORT_NAME = 12
_MOST_NOTIFICATIONS = 5


def _bad(message: str, code: str = "BadRequest") -> Refusal:
    return Refusal(400, code, message)


def _there(change: Change, identifier: Any) -> bool:
    return isinstance(identifier, str) and change.cloud.state.get(identifier) is not None


def _require(change: Change, identifier: Any) -> None:
    if not _there(change, identifier):
        raise Refusal(404, "ResourceNotFound", f"The resource '{identifier}' could not be found.")


def _prepare_diagnostics(change: Change) -> None:
    kind = parse(change.id.parent).type.lower()
    categories = LOG_CATEGORIES.get(kind)
    if categories is None:
        raise _bad(f"The resource type '{kind}' does not support diagnostic settings.")
    sinks = [change.properties[name] for name in _SINKS if change.properties.get(name)]
    if not sinks:
        raise _bad("At least one data sink needs to be specified.")
    if workspace := change.properties.get("workspaceId"):
        _require(change, workspace)
    given = change.properties.get("logs") or []
    wanted = {log.get("category") for log in given if log.get("enabled")}
    if not wanted and not change.properties.get("metrics"):
        raise _bad("At least one log or metric category has to be enabled.")
    for category in sorted(map(str, {log.get("category") for log in given})):
        if category not in categories:
            raise _bad(
                f"Category '{category}' is not supported, supported ones are: "
                + ", ".join(categories)
            )
    for other in change.cloud.state.children(change.id.parent, DIAGNOSTIC_SETTING):
        taken = {log["category"] for log in other.properties["logs"] if log["enabled"]} & wanted
        shared = {other.properties.get(name) for name in _SINKS} & {*sinks}
        if other.key != change.id.id.lower() and taken and shared:
            raise Refusal(
                409,
                "Conflict",
                f"Data sink '{min(map(str, shared))}' is already used in diagnostic setting"
                f" '{other.body['name']}' for category '{min(taken)}'. Data sinks can't be reused"
                " in different settings on the same category for the same resource.",
            )
    # Azure shows every category, and a retention that means nothing any more.
    change.properties["logs"] = [
        {
            "category": category,
            "enabled": category in wanted,
            "retentionPolicy": {"days": 0, "enabled": False},
        }
        for category in categories
    ]


def _prepare_group(change: Change) -> None:
    properties = change.properties
    short = str(properties.get("groupShortName") or "")
    if not 1 <= len(short) <= _LONGEST_SHORT_NAME:
        raise _bad(f"The group short name '{short}' must have 1 to 12 characters.")
    receivers = [
        receiver
        for name, listed in properties.items()
        if name.endswith("Receivers")
        for receiver in listed or ()
    ]
    names = [receiver.get("name") for receiver in receivers]
    if len({*names}) < len(names):
        raise _bad("Receiver names must be unique in an action group.")
    for receiver in properties.get("emailReceivers") or ():
        if not _EMAIL.fullmatch(str(receiver.get("emailAddress"))):
            raise _bad(f"The email address '{receiver.get('emailAddress')}' is not valid.")
    for receiver in properties.get("webhookReceivers") or ():
        if not str(receiver.get("serviceUri")).startswith(("https://", "http://")):
            raise _bad(f"The service URI of receiver '{receiver.get('name')}' is not valid.")


def _prepare_alert(change: Change) -> None:
    properties = change.properties
    if change.body.get("location") != "global":
        raise Refusal(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{change.body.get('location')}' is not available for resource"
            " type 'Microsoft.Insights/metricAlerts'. List of available regions for the resource"
            " type is 'global'.",
        )
    for name, allowed in (("evaluationFrequency", _OFTEN), ("windowSize", _WINDOWS)):
        if properties.get(name) not in allowed:
            raise _bad(f"{name} must be one of {', '.join(allowed)}.")
    if _WINDOWS.index(properties["windowSize"]) < _OFTEN.index(properties["evaluationFrequency"]):
        raise _bad("The window size must not be shorter than the evaluation frequency.")
    if properties.get("severity") not in range(5):
        raise _bad("The severity must be between 0 and 4.")
    for action in properties.get("actions") or ():
        _require(change, action.get("actionGroupId"))
    for scope in properties.get("scopes") or ():
        _require(change, scope)
        for criterion in (properties.get("criteria") or {}).get("allOf") or ():
            _require_metric(parse(scope).type, criterion)


def _require_metric(kind: str, criterion: Mapping[str, Any]) -> None:
    metrics = METRICS.get(kind.lower(), {})
    name = str(criterion.get("metricName"))
    if criterion.get("metricNamespace", kind).lower() != kind.lower() or name not in metrics:
        raise _bad(f"Couldn't find a metric named {name}. Make sure the name is correct.")
    for dimension in criterion.get("dimensions") or ():
        if dimension.get("name") not in metrics[name]:
            raise _bad(
                f"The metric {name} has no dimension named {dimension.get('name')}. Make sure the"
                " name is correct."
            )


def _prepare_autoscale(change: Change) -> None:
    properties = change.properties
    target = str(properties.get("targetResourceUri"))
    _require(change, target)
    for other in change.cloud.state.of_type(AUTOSCALE_SETTING):
        same = str(other.properties.get("targetResourceUri")).lower() == target.lower()
        if same and other.key != change.id.id.lower():
            raise Refusal(
                409,
                "Conflict",
                f"The resource '{target}' has the autoscale setting '{other.body['name']}'"
                " already.",
            )
    for profile in properties.get("profiles") or ():
        least, most, default = (
            int(profile["capacity"][name]) for name in ("minimum", "maximum", "default")
        )
        if not least <= default <= most:
            raise _bad(
                f"The capacity of profile '{profile['name']}' is invalid: minimum {least}, default"
                f" {default} and maximum {most} must not decrease."
            )
        for rule in profile.get("rules") or ():
            trigger = rule["metricTrigger"]
            _require(change, trigger["metricResourceUri"])
            metrics = METRICS.get(parse(trigger["metricResourceUri"]).type.lower(), {})
            if trigger["metricName"] not in metrics:
                raise _bad(f"The metric '{trigger['metricName']}' is not supported.")
            if not 5 <= _minutes(trigger["timeWindow"]) <= 12 * 60:
                raise _bad("The time window must be between 5 minutes and 12 hours.")
            if not 1 <= _minutes(rule["scaleAction"]["cooldown"]) <= 7 * 24 * 60:
                raise _bad("The cooldown must be between 1 minute and 1 week.")


def _minutes(duration: str) -> float:
    found = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", duration)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    return hours * 60 + minutes + seconds / 60


def _prepare_budget(change: Change) -> None:
    properties = change.properties
    period = properties.get("timePeriod") or {}
    start = str(period.get("startDate") or "")
    old = change.old.properties["timePeriod"]["startDate"] if change.old else start
    if start != old:
        raise _bad(
            "Start date of budgets cannot be updated. Please delete and create a new budget.",
            "400",
        )
    now = datetime.now(UTC)
    try:
        begins = datetime.fromisoformat(start)
    except ValueError:
        raise _bad(f"Invalid start date '{start}'.", "400") from None
    if begins.day != 1:
        raise _bad("The start date must be the first of the month.", "400")
    if change.old is None and (begins.year, begins.month) < (now.year, now.month):
        raise _bad("The start date must not be before the current period.", "400")
    if not float(properties.get("amount") or 0) > 0:
        raise _bad("The amount must be greater than 0.", "400")
    _require_notifications(change, list((properties.get("notifications") or {}).values()))
    period.setdefault("endDate", f"{begins.year + 10}-{begins:%m-%d}T00:00:00Z")


def _require_notifications(change: Change, found: Sequence[Mapping[str, Any]]) -> None:
    if len(found) > _MOST_NOTIFICATIONS:
        raise _bad(f"A budget can have up to {_MOST_NOTIFICATIONS} notifications.", "400")
    for notification in found:
        contacts = ("contactEmails", "contactGroups", "contactRoles")
        if not any(notification.get(name) for name in contacts):
            raise _bad("A notification needs an email, a role or an action group.", "400")
        if not 0 <= float(notification["threshold"]) <= 1000:
            raise _bad("The threshold must be between 0 and 1000.", "400")
        for group in notification.get("contactGroups") or ():
            _require(change, group)


KINDS: tuple[Kind, ...] = (
    Kind(DIAGNOSTIC_SETTING, prepare=_prepare_diagnostics, provisioned=False, etag=False),
    Kind(f"{_INSIGHTS}/actionGroups", prepare=_prepare_group, provisioned=False),
    Kind(f"{_INSIGHTS}/metricAlerts", prepare=_prepare_alert, provisioned=False),
    Kind(AUTOSCALE_SETTING, prepare=_prepare_autoscale, provisioned=False),
    Kind("Microsoft.Consumption/budgets", prepare=_prepare_budget, provisioned=False, etag=False),
)
