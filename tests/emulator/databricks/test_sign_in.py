"""Who gets into a workspace, and how everybody else is refused."""

from __future__ import annotations

import pytest
import requests

from tests.emulator import addresses
from tests.emulator.databricks.fixtures import sign_in
from tests.emulator.databricks.seed import SeededLake
from tests.emulator.databricks.sign_in import AUDIENCE, USERS

ME = "/api/2.0/preview/scim/v2/Me"


def _ask(lake: SeededLake, token: str | None, **headers: str) -> requests.Response:
    signed = {} if token is None else {"Authorization": f"Bearer {token}"}
    return requests.get(lake.host + ME, headers={**signed, **headers}, timeout=10)


def test_the_sdk_learns_who_it_is(lake: SeededLake) -> None:
    client = sign_in(lake)
    assert client.current_user.me().user_name == lake.emulator.cloud.application.client
    assert client.config.cloud is not None
    assert client.config.cloud.value == "AZURE"


def test_the_sdk_signs_in_by_azure_itself_and_joins(lake: SeededLake) -> None:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.config import Config
    from databricks.sdk.environments import AzureEnvironment, Cloud, DatabricksEnvironment
    from databricks.sdk.errors import PermissionDenied

    store = lake.databricks.store(lake.workspace_id)
    for user in store.all(USERS):
        store.delete(USERS, user["object_id"])
    with pytest.raises(PermissionDenied, match="User not authorized"):
        sign_in(lake).current_user.me()
    app = lake.emulator.cloud.application
    private = AzureEnvironment(
        name="PRIVATE",
        service_management_endpoint=f"{addresses.MANAGEMENT}/",
        resource_manager_endpoint=f"{addresses.MANAGEMENT}/",
        active_directory_endpoint=f"{addresses.LOGIN}/",
    )
    zone = ".azuredatabricks.azure.test"
    config = Config(
        databricks_environment=DatabricksEnvironment(Cloud.AZURE, zone, AUDIENCE, private),
        host=lake.host,
        azure_tenant_id=app.tenant,
        azure_client_id=app.client,
        azure_client_secret=app.secret,
        azure_workspace_resource_id=lake.resource_id,
        auth_type="azure-client-secret",
    )
    client = WorkspaceClient(config=config)
    assert client.current_user.me().user_name == app.client


def test_entra_gives_the_token_for_a_clients_secret(lake: SeededLake) -> None:
    from azure.identity import EnvironmentCredential

    token = EnvironmentCredential().get_token(f"{AUDIENCE}/.default").token
    assert _ask(lake, token).status_code == 200


def test_no_token_is_401_and_a_wrong_or_old_one_403(lake: SeededLake) -> None:
    answered = _ask(lake, None)
    assert answered.status_code == 401
    assert answered.json()["error_code"] == "401"
    old = lake.emulator.cloud.tokens.issue(AUDIENCE, seconds=-1)
    for token in ("nonsense", old):
        answered = _ask(lake, token)
        assert answered.status_code == 403
        assert answered.json() == {"error_code": "403", "message": "Invalid access token."}


def test_a_token_of_another_audience_is_refused_by_a_page(lake: SeededLake) -> None:
    answered = _ask(lake, lake.emulator.cloud.tokens.issue(addresses.MANAGEMENT))
    assert answered.status_code == 400
    assert f"Expected aud claim to be: {AUDIENCE}, but was: {addresses.MANAGEMENT}" in answered.text


def test_a_stranger_joins_by_showing_its_rights_in_azure(lake: SeededLake) -> None:
    tokens = lake.emulator.cloud.tokens
    person = tokens.issue_to_person(AUDIENCE, "a client")
    answered = _ask(lake, person)
    assert answered.status_code == 403
    assert "User not authorized." in answered.text
    shown = {
        "X-Databricks-Azure-Workspace-Resource-Id": lake.resource_id,
        "X-Databricks-Azure-SP-Management-Token": tokens.issue_to_person(
            addresses.MANAGEMENT, "a client"
        ),
    }
    elsewhere = {"X-Databricks-Azure-Workspace-Resource-Id": lake.resource_id + "2"}
    assert _ask(lake, person, **{**shown, **elsewhere}).status_code == 403
    assert _ask(lake, person, **shown).json()["userName"] == tokens.person.name
    assert _ask(lake, person).status_code == 200


def test_a_workspace_needs_its_sku_and_its_managed_group(lake: SeededLake) -> None:
    place = lake.resource_id + "2"
    body = {"location": "koreacentral", "sku": {"name": "premium"}, "properties": {}}
    status, answered = lake.emulator.arm("PUT", place, body)
    assert (status, "managedResourceGroupId" in str(answered)) == (400, True)
    status, answered = lake.emulator.arm("PUT", place, {**body, "sku": None})
    assert (status, "sku" in str(answered)) == (400, True)


def test_nothing_is_left_of_a_deleted_workspace(lake: SeededLake) -> None:
    lake.emulator.arm("DELETE", lake.resource_id)
    assert _ask(lake, lake.token()).status_code == 404
    assert not lake.databricks.store(lake.workspace_id).all("catalogs")


@pytest.mark.parametrize("path", ["/api/2.1/unity-catalog/catalogs", "/api/2.0/nothing"])
def test_what_is_not_known_is_refused(lake: SeededLake, path: str) -> None:
    assert lake.ask("PUT", path)[0] in (404, 405)
