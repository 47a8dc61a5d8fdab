"""The settings by which Azure Monitor scales online deployments.

Azure takes no `scale_settings` but the default ones of a managed deployment, and has autoscale
settings beside it. Source: Azure ML's documentation on autoscaling online endpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import monitor

from infra import duration
from infra.endpoints.endpoint import Endpoint
from infra.foundation.platform import Platform
from infra.options import made_by_commit
from infra.pins import pinned
from infra.settings import Settings
from infra.watching.scaling import Scale, scale_of, setting_name

METRIC = "CpuUtilizationPercentage"
_GRAIN, _WINDOW, _COOLDOWN = 60, 300, 300  # seconds


def declare_autoscale(
    settings: Settings, platform: Platform, online: Sequence[Endpoint]
) -> list[monitor.AutoscaleSetting]:
    """Declare a setting for each deployment that scales by its load."""
    declared = []
    for endpoint in online:
        deployments = settings.catalog.online_deployments.get(endpoint.logical_name, {})
        for name, deployment in pinned(deployments).items():
            if scale := scale_of(deployment):
                target = endpoint.deployments[name]
                named = setting_name(endpoint.logical_name, name, settings)
                declared.append(_declare(named, scale, target, settings, platform))
    return declared


def _declare(
    name: str, scale: Scale, target: pulumi.CustomResource, settings: Settings, platform: Platform
) -> monitor.AutoscaleSetting:
    capacity = monitor.ScaleCapacityArgs(
        minimum=str(scale.least), maximum=str(scale.most), default=str(scale.first)
    )
    return monitor.AutoscaleSetting(
        f"{target.pulumi_resource_name}-autoscale",
        autoscale_setting_name=name,
        resource_group_name=platform.resource_group.name,
        location=settings.location,
        enabled=True,
        target_resource_uri=target.id,
        profiles=[
            monitor.AutoscaleProfileArgs(
                name="by-load",
                capacity=capacity,
                rules=[
                    _rule(target, monitor.ComparisonOperationType.GREATER_THAN, scale.percent),
                    # One instance fewer of two or more then has the target's load at most.
                    _rule(target, monitor.ComparisonOperationType.LESS_THAN, scale.percent / 2),
                ],
            )
        ],
        tags=settings.tags,
        opts=made_by_commit(parent=target),
    )


def _rule(
    target: pulumi.CustomResource, operator: monitor.ComparisonOperationType, percent: float
) -> monitor.ScaleRuleArgs:
    more = operator is monitor.ComparisonOperationType.GREATER_THAN
    return monitor.ScaleRuleArgs(
        metric_trigger=monitor.MetricTriggerArgs(
            metric_name=METRIC,
            metric_resource_uri=target.id,
            statistic=monitor.MetricStatisticType.AVERAGE,
            time_aggregation=monitor.TimeAggregationType.AVERAGE,
            time_grain=duration.seconds(_GRAIN),
            time_window=duration.seconds(_WINDOW),
            operator=operator,
            threshold=percent,
        ),
        scale_action=monitor.ScaleActionArgs(
            direction=monitor.ScaleDirection.INCREASE if more else monitor.ScaleDirection.DECREASE,
            type=monitor.ScaleType.CHANGE_COUNT,
            value="1",
            cooldown=duration.seconds(_COOLDOWN),
        ),
    )
