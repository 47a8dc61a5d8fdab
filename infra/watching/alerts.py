"""Alerts for jobs that failed, and for answers of online endpoints that are errors.

Source: Azure Monitor's lists of supported metrics, for workspaces and online endpoints. An error of
a model's own reaches the caller as 424, and only what goes wrong before it as 5xx.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import monitor

from infra import duration
from infra.endpoints.endpoint import Endpoint
from infra.foundation.platform import Platform
from infra.options import made_by_commit
from infra.settings import Settings
from infra.watching.watch import Alerts

_WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
_LONGEST_SHORT_NAME = 12
_OFTEN, _OVER = 60, 300  # seconds: how often a metric is looked at, and over how long
ERROR, WARNING = 1, 2  # severities


@dataclass(frozen=True)
class Alert:
    """A metric of a resource, and the value from which on somebody is told."""

    name: str
    description: str
    scope: pulumi.Output[str]
    namespace: str
    metric: str
    aggregation: monitor.AggregationTypeEnum
    least: int
    severity: int
    dimension: tuple[str, str] | None = None  # which one of the metric, and its value


def declare_alerts(
    settings: Settings, platform: Platform, online: Sequence[Endpoint]
) -> monitor.ActionGroup | None:
    """Declare who is told, and of what; None where nobody is."""
    if settings.alerts is None:
        return None
    action_group = _action_group(settings, settings.alerts, platform)
    for alert in _alerts(settings.alerts, platform, online):
        _declare(alert, action_group, settings, platform)
    return action_group


def _alerts(wanted: Alerts, platform: Platform, online: Sequence[Endpoint]) -> Iterator[Alert]:
    if wanted.failed_jobs:
        yield Alert(
            "failed-jobs",
            "A job of the workspace failed",
            platform.workspace.id,
            _WORKSPACE,
            "Failed Runs",
            monitor.AggregationTypeEnum.TOTAL,
            1,
            WARNING,
        )
    for endpoint in online:
        for name, description, dimension in (
            ("server-errors", "answers 5xx", ("statusCodeClass", "5xx")),
            ("model-errors", "answers 424: its model or script raises", ("statusCode", "424")),
        ):
            yield Alert(
                f"{endpoint.resource.pulumi_resource_name}-{name}",
                f"{endpoint.logical_name} {description}",
                endpoint.resource.id,
                f"{_WORKSPACE}/onlineEndpoints",
                "RequestsPerMinute",
                monitor.AggregationTypeEnum.AVERAGE,
                wanted.server_errors,
                ERROR,
                dimension,
            )


def _action_group(settings: Settings, wanted: Alerts, platform: Platform) -> monitor.ActionGroup:
    webhooks = [
        monitor.WebhookReceiverArgs(
            name=f"webhook-{number}",
            service_uri=pulumi.Output.secret(address),
            use_common_alert_schema=True,
        )
        for number, address in enumerate(wanted.webhooks, 1)
    ]
    return monitor.ActionGroup(
        "told",
        action_group_name=settings.names.of_group("told"),
        group_short_name=settings.project[:_LONGEST_SHORT_NAME],
        resource_group_name=platform.resource_group.name,
        location="global",
        enabled=True,
        email_receivers=[
            monitor.EmailReceiverArgs(
                name=f"email-{number}", email_address=address, use_common_alert_schema=True
            )
            for number, address in enumerate(wanted.emails, 1)
        ],
        webhook_receivers=webhooks,
        tags=settings.tags,
        opts=made_by_commit(additional_secret_outputs=["webhookReceivers"] if webhooks else None),
    )


def _declare(
    alert: Alert, action_group: monitor.ActionGroup, settings: Settings, platform: Platform
) -> monitor.MetricAlert:
    dimensions = [
        monitor.MetricDimensionArgs(name=name, operator="Include", values=[value])
        for name, value in ([alert.dimension] if alert.dimension else [])
    ]
    return monitor.MetricAlert(
        alert.name,
        rule_name=settings.names.of_group(alert.name),
        resource_group_name=platform.resource_group.name,
        location="global",
        description=alert.description,
        enabled=True,
        severity=alert.severity,
        scopes=[alert.scope],
        evaluation_frequency=duration.seconds(_OFTEN),
        window_size=duration.seconds(_OVER),
        auto_mitigate=True,
        criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
            odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
            all_of=[
                monitor.MetricCriteriaArgs(
                    criterion_type="StaticThresholdCriterion",
                    name="found",
                    metric_namespace=alert.namespace,
                    metric_name=alert.metric,
                    operator=monitor.Operator.GREATER_THAN_OR_EQUAL,
                    threshold=alert.least,
                    time_aggregation=alert.aggregation,
                    dimensions=dimensions,
                )
            ],
        ),
        actions=[monitor.MetricAlertActionArgs(action_group_id=action_group.id)],
        tags=settings.tags,
        opts=made_by_commit(),
    )
