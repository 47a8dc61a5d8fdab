from __future__ import annotations

import pytest
from azure.core import AzureClouds
from azure.identity import AzureAuthorityHosts
from azure.mgmt.core.tools import get_arm_endpoints

from runner.azure.clouds import chosen_cloud, get_cloud
from runner.clouds import CLOUDS, Cloud
from runner.errors import EnvironmentRefused
from tests.azure.settings import settings
from tests.emulator import Emulator
from tests.emulator.faults import forbidden

PUBLIC = CLOUDS["AzureCloud"]

# What importing the SDK warns of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    ("name", "cloud", "authority"),
    [
        (
            "AzureCloud",
            AzureClouds.AZURE_PUBLIC_CLOUD,
            AzureAuthorityHosts.AZURE_PUBLIC_CLOUD,
        ),
        (
            "AzureUSGovernment",
            AzureClouds.AZURE_US_GOVERNMENT,
            AzureAuthorityHosts.AZURE_GOVERNMENT,
        ),
        ("AzureChinaCloud", AzureClouds.AZURE_CHINA_CLOUD, AzureAuthorityHosts.AZURE_CHINA),
    ],
)
def test_the_clouds_are_those_of_azures_packages(
    name: str, cloud: AzureClouds, authority: str
) -> None:
    from azure.ai.ml._azure_environments import _environments

    theirs = {key: str(value).rstrip("/") for key, value in _environments[name].items()}
    ours = CLOUDS[name]
    assert get_arm_endpoints(cloud)["resource_manager"] == f"{ours.resource_manager}/"
    assert ours.authority == f"https://{authority}"
    assert ours.resource_manager == theirs["resource_manager"]
    assert ours.authority == theirs["active_directory"]
    assert ours.machine_learning == theirs["aml_resource_id"]
    assert ours.storage_suffix == theirs["storage_endpoint"]


def test_a_private_cloud_is_what_its_description_says(azure: Emulator) -> None:
    from azure.ai.ml._azure_environments import _get_clouds_by_metadata_url

    address = azure.environment["ARM_CLOUD_METADATA_URL"]
    theirs = _get_clouds_by_metadata_url(address)["AzureTest"]
    ours = get_cloud("AzureTest")
    assert ours.private
    assert ours.resource_manager == theirs["resource_manager"].rstrip("/")
    assert ours.authority == theirs["active_directory"].rstrip("/")
    assert ours.machine_learning == theirs["aml_resource_id"].rstrip("/")
    assert ours.blob_url("account") == "https://account.blob.core.azure.test"


def test_a_cloud_that_is_not_described_names_those_that_are(azure: Emulator) -> None:
    with pytest.raises(EnvironmentRefused, match=r"no cloud 'AzureTets'; did you mean 'AzureTest'"):
        get_cloud("AzureTets")


def test_without_a_description_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARM_CLOUD_METADATA_URL", raising=False)
    with pytest.raises(EnvironmentRefused, match=r"'AzureMoon'.*set ARM_CLOUD_METADATA_URL"):
        get_cloud("AzureMoon")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("public", PUBLIC),
        ("AzureCloud", PUBLIC),
        ("usgovernment", CLOUDS["AzureUSGovernment"]),
        ("AzureUSGovernment", CLOUDS["AzureUSGovernment"]),
        ("china", CLOUDS["AzureChinaCloud"]),
        ("AzureChinaCloud", CLOUDS["AzureChinaCloud"]),
    ],
)
def test_a_cloud_is_known_by_pulumis_name_and_by_azures(name: str, expected: Cloud) -> None:
    assert chosen_cloud(settings(environment=name)) == expected
    assert chosen_cloud(settings(ARM_ENVIRONMENT=name)) == expected


def test_without_a_name_it_is_the_public_cloud() -> None:
    assert chosen_cloud(settings()) == PUBLIC


def test_an_unknown_cloud_is_refused() -> None:
    with pytest.raises(EnvironmentRefused, match="'mars', allowed: public, usgovernment, china"):
        chosen_cloud(settings(environment="mars"))


def test_a_private_cloud_is_as_its_metadata_host_says(azure: Emulator) -> None:
    cloud = chosen_cloud(settings(ARM_METADATA_HOSTNAME="management.azure.test"))
    assert cloud.private
    assert cloud.resource_manager == "https://management.azure.test"
    assert cloud.authority == "https://login.azure.test"
    assert cloud.resource_manager_scope == "https://management.azure.test/.default"


def test_a_metadata_host_that_says_nothing_is_named(azure: Emulator) -> None:
    azure.faults.inject(forbidden(), method="GET", path="/metadata/endpoints")
    with pytest.raises(EnvironmentRefused, match=r"https://management\.azure\.test/metadata"):
        chosen_cloud(settings(metadataHost="management.azure.test"))


def test_the_metadata_host_of_pulumi_describes_a_private_cloud_to_the_runner_too(
    azure: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARM_CLOUD_METADATA_URL")
    assert get_cloud("AzureTest").private
