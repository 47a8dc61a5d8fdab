"""What one call changes of a batch deployment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.declarations import BatchDeployment, DeclarationError, read_as
from runner.declarations.batch import PER_CALL
from runner.declarations.override import override

DEPLOYMENT = """\
name: main
endpoint_name: echo
type: model
model: azureml:m:1
settings:
  mini_batch_size: 5
  retry_settings: {max_retries: 7, timeout: 40}
  environment_variables: {KEPT: "1"}
"""


@pytest.fixture
def deployment(tmp_path: Path) -> BatchDeployment:
    file = tmp_path / "batch-deployment.yml"
    file.write_text(DEPLOYMENT)
    return read_as(file, BatchDeployment)


def test_nothing_asked_changes_nothing(deployment: BatchDeployment) -> None:
    assert override(deployment, {}) is deployment


@pytest.mark.parametrize("prefix", ["", "settings."])
def test_a_setting_is_replaced_and_its_neighbours_stay(
    deployment: BatchDeployment, prefix: str
) -> None:
    changed = override(deployment, {f"{prefix}retry_settings.timeout": "9"})
    assert changed.settings.retry_settings.timeout == 9
    assert changed.settings.retry_settings.max_retries == 7
    assert changed.settings.mini_batch_size == 5


@pytest.mark.parametrize("key", ["instance_count", "resources.instance_count"])
def test_the_instance_count_is_one_of_the_resources(deployment: BatchDeployment, key: str) -> None:
    assert override(deployment, {key: "4"}).resources.instance_count == 4


def test_an_environment_variable_joins_the_declared_ones(deployment: BatchDeployment) -> None:
    changed = override(deployment, {"environment_variables.MORE": "2"})
    assert changed.settings.environment_variables == {"KEPT": "1", "MORE": "2"}


def test_several_settings_are_changed_at_once(deployment: BatchDeployment) -> None:
    changed = override(deployment, {"error_threshold": "-1", "output_action": "summary_only"})
    assert changed.settings.error_threshold == -1
    assert changed.settings.output_action == "summary_only"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"mini_batch_sise": "3"}, "did you mean 'mini_batch_size'?"),
        ({"wrong": "3"}, f"there are {', '.join(PER_CALL)}"),
        ({"mini_batch_size": "many"}, "mini_batch_size"),
        ({"mini_batch_size": "0"}, "mini_batch_size"),
        ({"retry_settings.timeout": "1.5"}, "retry_settings.timeout"),
        ({"output_file_name": "../up.csv"}, "output_file_name"),
        ({"output_action": "both"}, "output_action"),
    ],
)
def test_what_makes_no_sense_is_refused_like_a_declared_value(
    deployment: BatchDeployment, values: dict[str, str], says: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        override(deployment, values)
    assert says in str(caught.value)
    assert str(caught.value).startswith("--set")


@pytest.mark.parametrize("key", ["logging_level", "settings.logging_level"])
def test_a_setting_that_no_call_changes_is_said_to_belong_to_the_deployment(
    deployment: BatchDeployment, key: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        override(deployment, {key: "debug"})
    assert str(caught.value) == (
        f"--set: {key}: belongs to the deployment, not to a call: change it in {deployment.file}"
    )
    with pytest.raises(DeclarationError) as caught:
        override(deployment, {"wrong": "3"})
    assert "logging_level" not in str(caught.value)


def test_a_call_changes_these_settings_and_no_others() -> None:
    assert dict(PER_CALL) == {
        "mini_batch_size": "everywhere",
        "max_concurrency_per_instance": "this machine",
        "retry_settings.max_retries": "everywhere",
        "retry_settings.timeout": "everywhere",
        "error_threshold": "everywhere",
        "output_action": "this machine",
        "output_file_name": "everywhere",
        "instance_count": "everywhere",
    }


def test_a_deployment_with_an_exact_version_keeps_it(deployment: BatchDeployment) -> None:
    pinned = replace(deployment, pinned=True)
    assert override(pinned, {"mini_batch_size": "6"}).pinned
    assert not override(deployment, {"mini_batch_size": "6"}).pinned
