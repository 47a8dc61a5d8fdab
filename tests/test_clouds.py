"""The cloud that the settings choose, which is the same for everything that asks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.azure.clouds import chosen_cloud, get_cloud
from runner.clouds import CLOUDS, choose_cloud, described_clouds
from tests.infra.mocks import copy_project, run_program

HOST = "management.azure.test"


def from_environment(key: str, *variables: str) -> str | None:
    return next((os.environ[name] for name in variables if os.environ.get(name)), None)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("clouds") / "project")


def set_only(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for variable in ("ARM_ENVIRONMENT", "AZURE_ENVIRONMENT", "ARM_METADATA_HOSTNAME"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"AZURE_ENVIRONMENT": "usgovernment"}, "AzureUSGovernment"),
        ({"ARM_ENVIRONMENT": "AzureUSGovernmentCloud"}, "AzureUSGovernment"),
        ({"ARM_ENVIRONMENT": "USGov"}, "AzureUSGovernment"),
        ({}, "AzureCloud"),
    ],
)
def test_a_cloud_is_chosen_by_any_of_its_names(
    environment: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_only(monkeypatch, environment)
    assert chosen_cloud(from_environment) == CLOUDS[name]


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"ARM_ENVIRONMENT": "china", "AZURE_ENVIRONMENT": "usgovernment"}, "AzureChinaCloud"),
        ({"AZUREML_CURRENT_CLOUD": "AzureChinaCloud"}, "AzureCloud"),
    ],
)
def test_the_stack_s_output_the_runner_and_the_routing_work_on_the_same_cloud(
    project: Path, environment: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = run_program(
        project,
        "test",
        "config:\n  azure-native:location: koreacentral\n",
        environment=environment,
        preview=True,
    )
    assert ran.error is None
    set_only(monkeypatch, environment)
    output = ran.outputs["runner"]["cloud"]
    assert output == name
    assert get_cloud(output) == chosen_cloud(from_environment) == CLOUDS[name]


def test_a_private_cloud_is_named_beside_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ARM_ENVIRONMENT", "AZURE_ENVIRONMENT", "AZUREML_CURRENT_CLOUD"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ARM_METADATA_HOSTNAME", HOST)
    assert choose_cloud(from_environment) == ("", HOST)
    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "AzureTest")
    assert choose_cloud(from_environment) == ("AzureTest", HOST)
    monkeypatch.setenv("AZURE_ENVIRONMENT", "AzureOther")
    assert choose_cloud(from_environment) == ("AzureOther", HOST)


@pytest.mark.parametrize(
    ("audiences", "scope"),
    [
        (["https://other.test/", f"https://{HOST}/"], f"https://{HOST}/.default"),
        (["https://other.test/"], "https://other.test/.default"),
        ([], f"https://{HOST}/.default"),
    ],
)
def test_tokens_of_a_private_cloud_are_for_the_audience_that_it_describes(
    audiences: list[str], scope: str
) -> None:
    described = {
        "name": "AzureTest",
        "portal": "https://portal.azure.test/",
        "resourceManager": f"https://{HOST}/",
        "authentication": {"loginEndpoint": "https://login.azure.test/", "audiences": audiences},
        "suffixes": {"storage": "core.azure.test"},
    }
    clouds = described_clouds([described, {"name": "AzureLess"}])
    assert list(clouds) == ["AzureTest"]
    assert clouds["AzureTest"].resource_manager_scope == scope
