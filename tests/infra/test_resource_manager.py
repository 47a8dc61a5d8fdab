"""Where Resource Manager is, and which of the plugin's ways to sign in is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.resource_manager import ResourceManagerError, connect, credential, find_cloud
from runner.clouds import CLOUDS, Cloud, Setting
from tests.emulator import Emulator
from tests.emulator.faults import forbidden

PRINCIPAL = {"ARM_TENANT_ID": "a-tenant", "ARM_CLIENT_ID": "a-client"}
PUBLIC = CLOUDS["AzureCloud"]


def settings(**given: str) -> Setting:
    """Settings by key, or by variable where the name is in capitals."""

    def setting(key: str, *variables: str) -> str | None:
        return next((given[name] for name in (key, *variables) if name in given), None)

    return setting


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
    assert find_cloud(settings(environment=name)) == expected
    assert find_cloud(settings(ARM_ENVIRONMENT=name)) == expected


def test_without_a_name_it_is_the_public_cloud() -> None:
    assert find_cloud(settings()) == PUBLIC


def test_an_unknown_cloud_is_refused() -> None:
    with pytest.raises(ResourceManagerError, match="'mars', allowed: public, usgovernment, china"):
        find_cloud(settings(environment="mars"))


def test_a_private_cloud_is_as_its_metadata_host_says(azure: Emulator) -> None:
    cloud = find_cloud(settings(ARM_METADATA_HOSTNAME="management.azure.test"))
    assert cloud.private
    assert cloud.resource_manager == "https://management.azure.test"
    assert cloud.authority == "https://login.azure.test"
    assert cloud.resource_manager_scope == "https://management.azure.test/.default"


def test_a_metadata_host_that_says_nothing_is_named(azure: Emulator) -> None:
    azure.faults.inject(forbidden(), method="GET", path="/metadata/endpoints")
    with pytest.raises(ResourceManagerError, match=r"https://management\.azure\.test/metadata"):
        find_cloud(settings(metadataHost="management.azure.test"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"ARM_CLIENT_SECRET": "s", "ARM_USE_OIDC": "true"}, "ClientSecretCredential"),
        ({"clientSecret": "s"}, "ClientSecretCredential"),
        ({"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN": "t"}, "ClientAssertionCredential"),
        ({"ARM_USE_MSI": "true"}, "ManagedIdentityCredential"),
        ({"ARM_USE_DEFAULT_AZURE_CREDENTIAL": "true"}, "DefaultAzureCredential"),
        ({}, "AzureCliCredential"),
    ],
)
def test_one_way_to_sign_in_is_taken_in_the_plugins_order(
    given: dict[str, str], expected: str
) -> None:
    found = credential(settings(**PRINCIPAL, **given), PUBLIC)
    assert type(found).__name__ == expected


@pytest.mark.parametrize("missing", PRINCIPAL)
def test_a_principal_without_its_tenant_or_id_is_refused(missing: str) -> None:
    given = {key: value for key, value in PRINCIPAL.items() if key != missing}
    with pytest.raises(ResourceManagerError, match=f"{missing} is not set"):
        credential(settings(ARM_USE_OIDC="true", **given), PUBLIC)


def test_openid_connect_without_any_token_says_what_to_set() -> None:
    with pytest.raises(ResourceManagerError, match="id-token: write"):
        credential(settings(ARM_USE_OIDC="true", **PRINCIPAL), PUBLIC)


def test_a_token_file_that_is_missing_is_named(azure: Emulator, tmp_path: Path) -> None:
    gone = tmp_path / "token"
    found = _federated(azure, ARM_OIDC_TOKEN_FILE_PATH=str(gone))
    with pytest.raises(ResourceManagerError, match="token can't be read"):
        found.get_token("https://management.azure.test/.default")


def test_a_federated_token_is_asked_for_where_github_says(azure: Emulator) -> None:
    url = "https://management.azure.test/metadata/endpoints?api-version=2019-05-01"
    given = {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "a-bearer"}
    azure.requests.clear()
    with pytest.raises(ResourceManagerError, match="holds no token") as raised:
        _federated(azure, **given).get_token("https://management.azure.test/.default")
    assert "a-bearer" not in str(raised.value)
    (asked,) = [one for one in azure.requests if one.path == "/metadata/endpoints"]
    assert asked.query["audience"] == "api://AzureADTokenExchange"
    assert asked.query["api-version"] == "2019-05-01"


def _federated(azure: Emulator, **given: str) -> Any:
    cloud = Cloud(
        "AzureTest",
        "https://management.azure.test",
        "https://login.azure.test",
        "https://ml.azure.test",
        "core.azure.test",
        private=True,
    )
    app = azure.cloud.application
    principal = {"ARM_TENANT_ID": app.tenant, "ARM_CLIENT_ID": app.client}
    return credential(settings(ARM_USE_OIDC="true", **principal, **given), cloud)


def test_what_is_not_there_is_none(azure: Emulator) -> None:
    manager = connect(_signed_in(azure))
    group = f"/subscriptions/{azure.cloud.subscription}/resourceGroups/nowhere"
    workspaces = "/providers/Microsoft.MachineLearningServices/workspaces/none"
    assert manager.get(group + workspaces) is None


def test_a_missing_role_is_said_in_one_line(azure: Emulator) -> None:
    azure.faults.inject(forbidden("read"), method="GET", path="*/workspaces/*")
    workspace = (
        f"/subscriptions/{azure.cloud.subscription}/resourceGroups/g"
        "/providers/Microsoft.MachineLearningServices/workspaces/w"
    )
    with pytest.raises(ResourceManagerError) as raised:
        connect(_signed_in(azure)).get(workspace)
    text = str(raised.value)
    assert text.startswith("reading Microsoft.MachineLearningServices/workspaces/w: Authorization")
    assert "\n" not in text


def _signed_in(azure: Emulator) -> Setting:
    return settings(**azure.environment)
