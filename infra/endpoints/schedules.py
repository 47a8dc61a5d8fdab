"""Schedules of batch endpoints: when Azure asks one to score, and what."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.component import within
from infra.dynamic.deletion import ScheduleDisabling
from infra.endpoints.schedule_calls import Scheduled, call_of, schedules_of
from infra.foundation.platform import Platform
from infra.settings import Settings
from runner.declarations.schedule import Schedule

_FREQUENCIES = {
    "minute": ml.RecurrenceFrequency.MINUTE,
    "hour": ml.RecurrenceFrequency.HOUR,
    "day": ml.RecurrenceFrequency.DAY,
    "week": ml.RecurrenceFrequency.WEEK,
    "month": ml.RecurrenceFrequency.MONTH,
}


def declare_schedules(
    settings: Settings,
    platform: Platform,
    endpoint: ml.BatchEndpoint,
    name: str,
    after: Sequence[pulumi.Resource],
) -> None:
    """Declare the schedules of an endpoint whose deployments are pinned, `after` its routing."""
    for found in schedules_of(settings.catalog, name):
        _declare(found, settings, platform, endpoint, after)


def _declare(
    found: Scheduled,
    settings: Settings,
    platform: Platform,
    endpoint: ml.BatchEndpoint,
    after: Sequence[pulumi.Resource],
) -> None:
    schedule = found.schedule
    resource = ml.Schedule(
        found.name,
        resource_group_name=platform.resource_group.name,
        workspace_name=platform.workspace.name,
        name=found.name,
        properties=ml.SchedulePropertiesArgs(
            display_name=schedule.name,
            description=schedule.description or None,
            is_enabled=schedule.enabled,
            trigger=_trigger(schedule),
            action=ml.EndpointScheduleActionArgs(
                action_type="InvokeBatchEndpoint",
                endpoint_invocation_definition={
                    "endpointId": endpoint.id,
                    **call_of(found, settings.catalog, settings.workspace_id),
                },
            ),
            tags=settings.lasting_tags,
        ),
        opts=within(depends_on=[*after], delete_before_replace=True),
    )
    ScheduleDisabling(found.name, resource)


def _trigger(schedule: Schedule) -> ml.CronTriggerArgs | ml.RecurrenceTriggerArgs:
    zone, start, end = schedule.time_zone, schedule.start_time, schedule.end_time
    if schedule.cron is not None:
        return ml.CronTriggerArgs(
            trigger_type="Cron",
            expression=schedule.cron,
            time_zone=zone,
            start_time=start,
            end_time=end,
        )
    assert schedule.frequency is not None
    pattern = schedule.schedule
    return ml.RecurrenceTriggerArgs(
        trigger_type="Recurrence",
        frequency=_FREQUENCIES[schedule.frequency],
        interval=schedule.interval,
        schedule=None
        if pattern is None
        else ml.RecurrenceScheduleArgs(
            hours=list(pattern.hours),
            minutes=list(pattern.minutes),
            week_days=[day.capitalize() for day in pattern.week_days] or None,
            month_days=list(pattern.month_days) or None,
        ),
        time_zone=zone,
        start_time=start,
        end_time=end,
    )
