"""What a call on Azure changes of a deployment, as it goes over the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.declarations import BatchDeployment, read_as
from runner.declarations.scoring_request import wire_settings
from runner.errors import WrongUsage


@pytest.fixture
def deployment(tmp_path: Path) -> BatchDeployment:
    file = tmp_path / "batch-deployment.yml"
    file.write_text(
        "name: main\nendpoint_name: echo\nmodel: azureml:m:1\nresources: {instance_count: 4}\n"
        "settings:\n  mini_batch_size: 5\n  error_threshold: 2\n  output_file_name: march.csv\n"
        "  retry_settings: {max_retries: 7, timeout: 90}\n"
    )
    return read_as(file, BatchDeployment)


RETRIES = {"retrySettings": {"maxRetries": 7, "timeout": "PT90S"}}


@pytest.mark.parametrize(
    ("key", "wire"),
    [
        ("mini_batch_size", {"miniBatchSize": 5}),
        ("instance_count", {"compute": {"instanceCount": 4}}),
        ("error_threshold", {"errorThreshold": 2}),
        ("output_file_name", {"outputFileName": "march.csv"}),
        ("retry_settings.max_retries", RETRIES),
        ("retry_settings.timeout", RETRIES),
    ],
)
def test_a_setting_goes_out_in_azures_words(
    deployment: BatchDeployment, key: str, wire: dict[str, Any]
) -> None:
    assert wire_settings(deployment, [key]) == wire


def test_what_is_not_asked_for_is_left_to_the_deployment(deployment: BatchDeployment) -> None:
    assert wire_settings(deployment, []) == {}
    both = wire_settings(deployment, {"mini_batch_size", "instance_count"})
    assert both == {"miniBatchSize": 5, "compute": {"instanceCount": 4}}


@pytest.mark.parametrize(
    "key", ["max_concurrency_per_instance", "output_action", "environment_variables.A"]
)
def test_what_azure_takes_with_no_call_is_refused(deployment: BatchDeployment, key: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        wire_settings(deployment, [key])
    assert str(caught.value) == (
        f"{key} belongs to the deployment on Azure, not to a call: change it in the stack file and"
        " deploy; a call takes mini_batch_size, retry_settings.max_retries, retry_settings.timeout,"
        " error_threshold, output_file_name, instance_count"
    )
