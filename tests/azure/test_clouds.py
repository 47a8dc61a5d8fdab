from __future__ import annotations

import pytest

from runner.azure.clouds import find_cloud
from runner.clouds import CLOUDS
from runner.errors import EnvironmentRefused
from tests.emulator import Emulator

# What importing the SDK warns of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", ["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"])
def test_the_clouds_are_those_of_the_sdk(name: str) -> None:
    from azure.ai.ml._azure_environments import _environments

    theirs = {key: str(value).rstrip("/") for key, value in _environments[name].items()}
    ours = CLOUDS[name]
    assert ours.resource_manager == theirs["resource_manager"]
    assert ours.authority == theirs["active_directory"]
    assert ours.machine_learning == theirs["aml_resource_id"]
    assert ours.storage_suffix == theirs["storage_endpoint"]


def test_a_private_cloud_is_what_its_description_says(azure: Emulator) -> None:
    from azure.ai.ml._azure_environments import _get_clouds_by_metadata_url

    address = azure.environment["ARM_CLOUD_METADATA_URL"]
    theirs = _get_clouds_by_metadata_url(address)["AzureTest"]
    ours = find_cloud("AzureTest")
    assert ours.private
    assert ours.resource_manager == theirs["resource_manager"].rstrip("/")
    assert ours.authority == theirs["active_directory"].rstrip("/")
    assert ours.machine_learning == theirs["aml_resource_id"].rstrip("/")
    assert ours.blob_url("account") == "https://account.blob.core.azure.test"


def test_a_cloud_that_is_not_described_names_those_that_are(azure: Emulator) -> None:
    with pytest.raises(EnvironmentRefused, match=r"no cloud 'AzureTets'; did you mean 'AzureTest'"):
        find_cloud("AzureTets")


def test_without_a_description_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARM_CLOUD_METADATA_URL", raising=False)
    with pytest.raises(EnvironmentRefused, match=r"'AzureMoon'.*set ARM_CLOUD_METADATA_URL"):
        find_cloud("AzureMoon")
