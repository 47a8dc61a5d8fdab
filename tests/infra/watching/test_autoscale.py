"""Online deployments that scale by their load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.infra.declaring import (
    ONLINE_DEPLOYMENT,
    PIN,
    declare,
    online_deployment,
    online_endpoint,
)
from tests.infra.mocks import Program
from tests.infra.sdk import complaints

KIND = "monitor:AutoscaleSetting"
TARGET = {"type": "target_utilization", "max_instances": 5}


def run(root: Path, scale: dict[str, Any], **keys: Any) -> Program:
    return declare(
        root,
        online_endpoint(),
        online_deployment(scale_settings=scale, **keys),
        endpoints={"live": {"deployments": {"blue": {"model": PIN}}}},
    )


def test_a_declared_range_is_an_autoscale_setting_and_azure_counts_from_then_on(
    tmp_path: Path,
) -> None:
    scale = {**TARGET, "min_instances": 2, "target_utilization_percentage": 60}
    program = run(tmp_path, scale, instance_count=3)
    assert program.error is None, program.error
    deployment, setting = program.one(ONLINE_DEPLOYMENT), program.one(KIND)
    assert complaints(setting) == []
    assert deployment.inputs["sku"]["capacity"] == 3
    assert "sku.capacity" in deployment.ignore_changes
    assert deployment.inputs["properties"]["scaleSettings"] == {"scaleType": "Default"}
    assert setting.inputs["targetResourceUri"] == deployment.id
    assert setting.inputs["enabled"] is True
    (profile,) = setting.inputs["profiles"]
    assert profile["capacity"] == {"minimum": "2", "maximum": "5", "default": "3"}
    told = [
        (
            rule["metricTrigger"]["operator"],
            rule["metricTrigger"]["threshold"],
            rule["scaleAction"]["direction"],
        )
        for rule in profile["rules"]
    ]
    assert told == [("GreaterThan", 60, "Increase"), ("LessThan", 30, "Decrease")]


def test_the_first_count_lies_in_the_range_whatever_instance_count_says(tmp_path: Path) -> None:
    program = run(tmp_path, {**TARGET, "min_instances": 2})
    assert program.one(ONLINE_DEPLOYMENT).inputs["sku"]["capacity"] == 2
    (profile,) = program.one(KIND).inputs["profiles"]
    assert profile["rules"][0]["metricTrigger"]["threshold"] == 70


@pytest.mark.parametrize(
    ("scale", "problem"),
    [
        ({"type": "target_utilization"}, "scale_settings.max_instances: missing, and required"),
        ({**TARGET, "min_instances": 0}, "scale_settings.min_instances: found 0, and a managed"),
        ({**TARGET, "polling_interval": 1}, "scale_settings.polling_interval: is Kubernetes'"),
        ({**TARGET, "min_instances": 6}, "found min_instances 6 above max_instances 5"),
    ],
)
def test_a_range_that_azure_monitor_has_nothing_for_is_refused(
    tmp_path: Path, scale: dict[str, Any], problem: str
) -> None:
    program = run(tmp_path, scale)
    assert program.resources == ()
    assert program.error is not None
    assert problem in program.error


def test_an_autoscale_setting_has_no_place_for_many_tags(tmp_path: Path) -> None:
    tags = {f"t{number}": "x" for number in range(13)}
    deployments = {"blue": {"model": PIN, "scale_settings": TARGET}}
    program = declare(
        tmp_path,
        online_endpoint(),
        online_deployment(),
        endpoints={"live": {"deployments": deployments}},
        more={"scoring:tags": tags},
    )
    assert program.error is not None
    assert "scoring:tags: found 13, and Azure takes 15 of an autoscale" in program.error
