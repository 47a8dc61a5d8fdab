"""Schedules of batch endpoints, as a stack file declares them."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from zoneinfo import available_timezones

import pytest

from runner.declarations import Catalog, DeclarationError, lay_over, read_catalog, read_stack
from runner.declarations.schedule import Schedule
from runner.declarations.scheduling import scheduled
from runner.declarations.time_zone import time_zones

from .conftest import BATCH_DEPLOYMENT, BATCH_ENDPOINT, ONLINE_DEPLOYMENT, ONLINE_ENDPOINT, Write

NIGHTLY = """\
        cron: "0 2 * * *"
        time_zone: Europe/Berlin
        input: azureml://datastores/lake/paths/new/
        deployment: mlflow
        settings: {mini_batch_size: 20, instance_count: 3, retry_settings: {max_retries: 5}}
"""


@pytest.fixture
def models(write: Write) -> Path:
    write("models/m/batch-endpoint.yml", BATCH_ENDPOINT)
    write("models/m/batch-deployment.yml", BATCH_DEPLOYMENT)
    write("models/m/online-endpoint.yml", ONLINE_ENDPOINT)
    return write("models/m/online-deployment.yml", ONLINE_DEPLOYMENT).parents[1]


def laid(write: Write, models: Path, entries: str, endpoint: str = "diabetes-batch") -> Catalog:
    before = f"config:\n  scoring:endpoints:\n    {endpoint}:\n     schedules:\n      nightly:\n"
    file = write("Pulumi.dev.yaml", "")
    file.write_text(before + entries)
    return lay_over(read_catalog(models), read_stack(file))


def nightly(write: Write, models: Path, entries: str) -> Schedule:
    return laid(write, models, entries).schedules["diabetes-batch"]["nightly"]


def wrong(write: Write, models: Path, entries: str, endpoint: str = "diabetes-batch") -> str:
    with pytest.raises(DeclarationError) as caught:
        laid(write, models, entries, endpoint)
    return str(caught.value)


def test_a_schedule_says_when_and_what(write: Write, models: Path) -> None:
    catalog = laid(write, models, NIGHTLY)
    schedule = catalog.schedules["diabetes-batch"]["nightly"]
    assert (schedule.name, schedule.cron) == ("nightly", "0 2 * * *")
    assert schedule.time_zone == "W. Europe Standard Time"
    assert schedule.input == "azureml://datastores/lake/paths/new/"
    assert schedule.enabled
    deployment = scheduled(catalog.batch_deployments["diabetes-batch"]["mlflow"], schedule)
    assert deployment.settings.mini_batch_size == 20
    assert deployment.resources.instance_count == 3
    assert deployment.settings.retry_settings.max_retries == 5
    assert deployment.settings.retry_settings.timeout == 300


def test_a_recurrence_is_due_every_so_often(write: Write, models: Path) -> None:
    text = """\
        frequency: week
        interval: 2
        schedule: {hours: [2, 14], minutes: 30, week_days: [monday, Friday]}
        time_zone: Korea Standard Time
        start_time: 2026-12-01T00:00:00
        end_time: "2027-12-01T00:00:00"
"""
    schedule = nightly(write, models, text)
    assert (schedule.frequency, schedule.interval) == ("week", 2)
    assert schedule.schedule is not None
    assert schedule.schedule.hours == (2, 14)
    assert schedule.schedule.minutes == (30,)
    assert schedule.schedule.week_days == ("monday", "friday")
    assert schedule.time_zone == "Korea Standard Time"
    assert (schedule.start_time, schedule.end_time) == (
        "2026-12-01T00:00:00",
        "2027-12-01T00:00:00",
    )


@pytest.mark.parametrize("cron", ["*/15 * * * *", "0,30 8-17 * * mon-fri", "5 0-23/2 * * 1,3,5"])
def test_cron_takes_lists_ranges_and_steps(write: Write, models: Path, cron: str) -> None:
    assert nightly(write, models, f'        cron: "{cron}"\n').cron == cron


@pytest.mark.parametrize(
    ("entries", "line", "told"),
    [
        ('cron: "0 2 * *"', 6, "allowed: five fields"),
        ('cron: "0 25 * * *"', 6, "found '25' as the hour, allowed: * or 0 to 23"),
        ('cron: "0 5-2 * * *"', 6, "found '5-2' as the hour"),
        ('cron: "0 2 * * 7"', 6, "found '7' as the day of the week, allowed: * or 0 to 6"),
        ('cron: "0 2 1 * *"', 6, "as the day of the month, which Azure ignores"),
        ('cron: "0 2 * * *"\n        frequency: day', 7, "says when twice"),
        ('cron: "0 2 * * *"\n        interval: 2', 7, "goes with frequency"),
        ("description: x", 5, "does not say when, allowed: cron or frequency"),
        ("frequency: daily", 6, "minute or hour or day or week or month"),
        ("frequency: day\n        interval: 0", 7, "allowed: 1 or more"),
        ("frequency: hour\n        schedule: {hours: 1, minutes: 1}", 7, "day, week or month"),
        ("frequency: day\n        schedule: {hours: 24, minutes: 1}", 7, "from 0 to 23"),
        (
            "frequency: day\n        schedule: {hours: 1, minutes: 1, week_days: [mondey]}",
            7,
            "there is no day 'mondey'; did you mean 'monday'?",
        ),
        (
            "frequency: day\n        schedule: {hours: 1, minutes: 1, month_days: 3}",
            7,
            "has month_days, allowed: with frequency: month only",
        ),
        ('cron: "0 2 * * *"\n        time_zone: Europe/Berln', 7, "did you mean 'Europe/Berlin'?"),
        ('cron: "0 2 * * *"\n        start_time: 2026-12-01T00:00:00Z', 7, "without an offset"),
        (
            'cron: "0 2 * * *"\n        start_time: 2026-12-02\n        end_time: 2026-12-01',
            8,
            "allowed: after start_time",
        ),
        ('cron: "0 2 * * *"\n        deployment: mlflw', 7, "no deployment 'mlflw' is declared"),
        ('cron: "0 2 * * *"\n        output_path: x', 7, "unknown key"),
        (
            'cron: "0 2 * * *"\n        settings: {mini_batch: 2}',
            7,
            "is no setting that a call changes in every environment; did you mean 'mini_batch_size",
        ),
        ('cron: "0 2 * * *"\n        settings: {output_action: x}', 7, "in every environment"),
        ('cron: "0 2 * * *"\n        settings: {mini_batch_size: 0}', 7, "allowed: 1 or more"),
    ],
)
def test_what_is_wrong_is_told_at_its_line(
    write: Write, models: Path, entries: str, line: int, told: str
) -> None:
    error = wrong(write, models, f"        {entries}\n")
    assert f"Pulumi.dev.yaml:{line}: scoring:endpoints.diabetes-batch.schedules.nightly" in error
    assert told in error
    assert "\n" not in error


def test_an_online_endpoint_has_no_schedule(write: Write, models: Path) -> None:
    error = wrong(write, models, NIGHTLY, "diabetes-online")
    assert "diabetes-online.schedules: allowed: on batch endpoints only" in error


def test_an_endpoint_without_a_default_is_asked_for_a_deployment(
    write: Write, models: Path
) -> None:
    write("models/m/batch-endpoint.yml", BATCH_ENDPOINT.replace("deployment_name: mlflow", "{}"))
    write("models/m/next-deployment.yml", BATCH_DEPLOYMENT.replace("name: mlflow", "name: next"))
    endpoint = models / "m" / "batch-endpoint.yml"
    endpoint.write_text(endpoint.read_text().replace("defaults:\n  {}\n", ""))
    error = wrong(write, models, '        cron: "0 2 * * *"\n')
    assert "schedules.nightly.deployment: the endpoint has no default, allowed: the dep" in error


def test_a_pipeline_is_not_scheduled(write: Write, models: Path) -> None:
    write(
        "models/m/pipeline-deployment.yml",
        "name: steps\nendpoint_name: diabetes-batch\ntype: pipeline\ncomponent: azureml:steps:1\n",
    )
    error = wrong(write, models, '        cron: "0 2 * * *"\n        deployment: steps\n')
    assert "deployment: steps runs a pipeline, allowed: a deployment of a model" in error


def test_time_zones_are_those_of_azures_sdk_and_of_the_world() -> None:
    spec = importlib.util.find_spec("azure.ai")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    file = Path(spec.submodule_search_locations[0]) / "ml" / "constants" / "_common.py"
    (found,) = [
        node
        for node in ast.parse(file.read_bytes()).body
        if isinstance(node, ast.ClassDef) and node.name == "TimeZone"
    ]
    theirs = {
        node.value.value
        for node in found.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    zones = time_zones()
    assert {*zones.values()} == theirs
    assert zones.keys() - theirs <= available_timezones()
