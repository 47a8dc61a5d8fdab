"""The settings choose one of the plugin's ways to sign in, and the account of the right tenant."""

from __future__ import annotations

import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from runner.azure.sign_in import find_tenant, plugin_credential
from runner.azureml.connection import Connection
from runner.clouds import CLOUDS, Cloud
from runner.errors import EnvironmentRefused
from tests.azure.settings import settings
from tests.azure_cli import signed_in
from tests.azureml.stage import Stage
from tests.emulator import Emulator

PRINCIPAL = {"ARM_TENANT_ID": "a-tenant", "ARM_CLIENT_ID": "a-client"}
PUBLIC = CLOUDS["AzureCloud"]
MANAGEMENT = "https://management.azure.test/.default"


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO())


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
    found = plugin_credential(settings(**PRINCIPAL, **given), PUBLIC)
    assert type(found).__name__ == expected


def test_whoever_turns_instance_discovery_off_has_nobody_asked_who_knows_the_sign_in(
    azure: Emulator,
) -> None:
    app = azure.cloud.application
    cloud = replace(PUBLIC, authority="https://login.azure.test")
    found = plugin_credential(
        settings(
            ARM_TENANT_ID=app.tenant,
            ARM_CLIENT_ID=app.client,
            ARM_CLIENT_SECRET=app.secret,
            ARM_DISABLE_INSTANCE_DISCOVERY="true",
        ),
        cloud,
    )
    azure.requests.clear()
    assert found.get_token(MANAGEMENT)
    assert {request.host for request in azure.requests} == {"login.azure.test"}


@pytest.mark.parametrize("missing", PRINCIPAL)
def test_a_principal_without_its_tenant_or_id_is_refused(missing: str) -> None:
    given = {key: value for key, value in PRINCIPAL.items() if key != missing}
    with pytest.raises(EnvironmentRefused, match=f"{missing} is not set"):
        plugin_credential(settings(ARM_USE_OIDC="true", **given), PUBLIC)


def test_openid_connect_without_any_token_says_what_to_set() -> None:
    with pytest.raises(EnvironmentRefused, match="id-token: write"):
        plugin_credential(settings(ARM_USE_OIDC="true", **PRINCIPAL), PUBLIC)


def test_a_token_file_that_is_missing_is_named(azure: Emulator, tmp_path: Path) -> None:
    gone = tmp_path / "token"
    found = _federated(azure, ARM_OIDC_TOKEN_FILE_PATH=str(gone))
    with pytest.raises(EnvironmentRefused, match="token can't be read"):
        found.get_token(MANAGEMENT)


def test_a_federated_token_is_asked_for_where_github_says(azure: Emulator) -> None:
    url = "https://management.azure.test/metadata/endpoints?api-version=2019-05-01"
    given = {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "a-bearer"}
    azure.requests.clear()
    with pytest.raises(EnvironmentRefused, match="holds no token") as raised:
        _federated(azure, **given).get_token(MANAGEMENT)
    assert "a-bearer" not in str(raised.value)
    (asked,) = [request for request in azure.requests if request.path == "/metadata/endpoints"]
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
    return plugin_credential(settings(ARM_USE_OIDC="true", **principal, **given), cloud)


def test_the_subscription_picks_the_account_among_those_of_several_tenants(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.batch("diabetes-batch")
    cli = signed_in(stage.emulator, tmp_path / "bin", monkeypatch)
    assert [endpoint.name for endpoint in stage.workspace(tmp_path).endpoints()]
    assert {asked["subscription"] for asked in cli.asked} == {stage.emulator.cloud.subscription}


def test_a_tenant_that_a_service_names_is_not_passed_on_beside_the_subscription(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = signed_in(stage.emulator, tmp_path / "bin", monkeypatch)
    tenant = stage.emulator.cloud.application.tenant
    assert Connection(stage.outputs()).credential.get_token(MANAGEMENT, tenant_id=tenant).token
    assert [asked["tenant"] for asked in cli.asked] == [None]


def test_a_subscription_that_az_login_does_not_know_is_told_with_its_tenant(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in(stage.emulator, tmp_path / "bin", monkeypatch, knows=False)
    cloud = stage.emulator.cloud
    with pytest.raises(EnvironmentRefused) as refused:
        stage.workspace(tmp_path).endpoints()
    assert f"Subscription '{cloud.subscription}' not found" in str(refused.value)
    assert f"Run `az login --tenant {cloud.application.tenant}`" in str(refused.value)


def test_a_token_of_another_tenant_is_refused_with_the_tenant_to_sign_in_to(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = signed_in(stage.emulator, tmp_path / "bin", monkeypatch)
    known = cli.folder / "known.json"
    own, other = stage.emulator.cloud.tokens.tenants
    known.write_text(known.read_text().replace(f': "{own}"', f': "{other}"'))
    with pytest.raises(EnvironmentRefused, match="InvalidAuthenticationTokenTenant") as refused:
        stage.workspace(tmp_path).endpoints()
    assert f"`az login --tenant {own}`" in str(refused.value)


def test_the_runner_signs_in_by_the_variables_of_pulumi_where_those_of_the_sdk_say_nothing(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(variable)
    stage.batch("diabetes-batch")
    assert [endpoint.name for endpoint in stage.workspace(tmp_path).endpoints()]
    monkeypatch.setenv("ARM_CLIENT_SECRET", "not-the-secret")
    with pytest.raises(EnvironmentRefused, match=r"AADSTS7000215.*as the ARM_ variables say") as no:
        stage.workspace(tmp_path).endpoints()
    assert "not-the-secret" not in str(no.value)


def test_the_tenant_of_a_subscription_is_known_before_anybody_signs_in(
    azure: Emulator, stage: Stage
) -> None:
    connection = Connection(stage.outputs())
    found = find_tenant(connection.cloud, azure.cloud.subscription)
    assert found == azure.cloud.application.tenant


def test_where_nothing_answers_the_tenant_stays_unknown(azure: Emulator) -> None:
    nowhere = Cloud("Nowhere", "https://management.nowhere.test", "", "", "")
    assert find_tenant(nowhere, azure.cloud.subscription) is None
