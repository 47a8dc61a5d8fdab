"""Declarations are refused that Azure itself doesn't take."""

from __future__ import annotations

import pytest

from .conftest import Checked

ONLINE = "models/m/online-deployment.yml"


@pytest.mark.parametrize("size", ["STANDARD_NC6", "Standard_NC6s_v3", "Standard_NV12", "Basic_A1"])
def test_a_size_that_is_no_more(project: Checked, size: str) -> None:
    project.change(ONLINE, "Standard_D2as_v5", size)
    assert project.found() == [f"retired-size {ONLINE}:11"]
    assert f"no machines of the size {size} any more: name another, as Standard_" in project.text()


@pytest.mark.parametrize(
    "size",
    ["Standard_NC4as_T4_v3", "Standard_NC24ads_A100_v4", "Standard_A2_v2", "Standard_DS3_v2"],
)
def test_a_size_that_there_is(project: Checked, size: str) -> None:
    project.change(ONLINE, "Standard_D2as_v5", size)
    assert project.found() == []


def test_a_job_s_size(project: Checked) -> None:
    project.change(
        "models/m/train.yml",
        "compute: azureml:cpu-cluster",
        "resources: {instance_type: Standard_NC6}",
    )
    assert project.found() == ["retired-size models/m/train.yml:10"]


def test_a_variable_that_azure_sets(project: Checked) -> None:
    with (project.root / ONLINE).open("a") as file:
        file.write("environment_variables: {AZUREML_MODEL_DIR: /x, MINE: y}\n")
    (only,) = project.findings()
    assert (only.code, only.severity) == ("variable", "warning")
    assert only.text.startswith("AZUREML_MODEL_DIR is set by Azure itself")


def test_a_variable_of_a_batch_deployment_and_of_a_job(project: Checked) -> None:
    project.change(
        "models/m/batch-deployment.yml",
        "mini_batch_size: 5",
        "environment_variables: {AZUREML_BI_OUTPUT_PATH: x}",
    )
    with (project.root / "models/m/train.yml").open("a") as file:
        file.write("environment_variables: {MLFLOW_TRACKING_URI: x, MLFLOW_RUN_NAME: y}\n")
    assert [code.split()[0] for code in project.found()] == ["variable", "variable"]


def test_variables_of_ones_own(project: Checked) -> None:
    with (project.root / ONLINE).open("a") as file:
        file.write("environment_variables: {WORKER_COUNT: 2, AZUREML_LOG_LEVEL: x}\n")
    assert project.found() == []


def test_a_secret_in_clear_is_named_without_its_value(project: Checked) -> None:
    with (project.root / ONLINE).open("a") as file:
        file.write("environment_variables:\n  TABLE: patients\n  SEARCH_API_KEY: hunter2hunter2\n")
    assert project.found() == [f"secret {ONLINE}:14"]
    (only,) = project.findings()
    assert only.severity == "warning"
    assert only.text.startswith("SEARCH_API_KEY looks like a secret")
    assert "write ${{azureml://connections/" in only.text
    assert "hunter2" not in only.text


def test_a_secret_that_azure_reads_itself(project: Checked) -> None:
    with (project.root / ONLINE).open("a") as file:
        file.write(
            "environment_variables:\n"
            "  OPENAI_API_KEY: ${{azureml://connections/openai/credentials/key}}\n"
            "  TOKEN: ${{keyvault:https://v.vault.azure.net/secrets/token/1a2b}}\n"
        )
    assert project.found() == []


def test_more_requests_at_once_than_there_are_processes_for(project: Checked) -> None:
    for file in (ONLINE, ONLINE.replace(".yml", "-plain.yml")):
        with (project.root / file).open("a") as opened:
            opened.write("request_settings: {max_concurrent_requests_per_instance: 8}\n")
    assert project.found() == [
        "workers models/m/online-deployment-plain.yml:6",
        f"workers {ONLINE}:12",
    ]
    first = project.findings()[0]
    assert first.severity == "warning"
    assert "8 requests at once are let into an instance, and its WORKER_COUNT is 1" in first.text
    assert 'set it to "8" in environment_variables' in first.text


def test_a_process_for_each_request_that_is_let_in(project: Checked) -> None:
    with (project.root / ONLINE).open("a") as file:
        file.write("request_settings: {max_concurrent_requests_per_instance: 8}\n")
        file.write("environment_variables: {WORKER_COUNT: 8}\n")
    assert project.found() == []


@pytest.mark.parametrize("count", ["abc", "0", "-1", "2.5", '""'])
def test_a_count_of_processes_that_is_none(project: Checked, count: str) -> None:
    with (project.root / ONLINE).open("a") as file:
        file.write(f"environment_variables: {{WORKER_COUNT: {count}}}\n")
    (found,) = project.findings()
    assert (found.severity, found.code, found.place.line) == ("error", "workers", 12)
    assert found.text.endswith("allowed: a whole number above zero")
