"""Reaching Resource Manager, by the plugin's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.dynamic.resource_manager import Conflict, ResourceManagerError, connect
from runner.clouds import Setting
from tests.azure.settings import settings
from tests.azure_cli import signed_in
from tests.emulator import Emulator
from tests.emulator.faults import Page, forbidden
from tests.emulator.seed import LOCATION, SeededWorkspace, put


def test_the_subscription_picks_the_account_that_changes_the_routing(
    azure: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in(azure, tmp_path / "bin", monkeypatch)
    subscription = azure.cloud.subscription
    manager = connect(
        settings(ARM_METADATA_HOSTNAME="management.azure.test", subscriptionId=subscription)
    )
    assert manager.get(f"/subscriptions/{subscription}/resourceGroups/nowhere") is None


def test_what_is_not_there_is_none(azure: Emulator) -> None:
    manager = connect(_signed_in(azure))
    group = f"/subscriptions/{azure.cloud.subscription}/resourceGroups/nowhere"
    workspaces = "/providers/Microsoft.MachineLearningServices/workspaces/none"
    assert manager.get(group + workspaces) is None


def test_a_missing_role_is_said_in_one_line(azure: Emulator) -> None:
    azure.faults.inject(forbidden(), method="GET", path="*/workspaces/*")
    workspace = (
        f"/subscriptions/{azure.cloud.subscription}/resourceGroups/g"
        "/providers/Microsoft.MachineLearningServices/workspaces/w"
    )
    with pytest.raises(ResourceManagerError) as raised:
        connect(_signed_in(azure)).get(workspace)
    text = str(raised.value)
    assert text.startswith("reading Microsoft.MachineLearningServices/workspaces/w: Authorization")
    assert "\n" not in text


def test_a_refusal_is_said_with_its_details(
    azure: Emulator, azure_workspace: SeededWorkspace
) -> None:
    azure.operations.plan("*/onlineendpoints/half", error=("InternalError", "Sorry."))
    endpoint = {"location": LOCATION, "tags": {}, "properties": {"authMode": "Key"}}
    put(azure, f"{azure_workspace.id}/onlineEndpoints/half", endpoint)
    deployment = {
        "location": LOCATION,
        "properties": {"endpointComputeType": "Managed", "environmentId": "azureml:e:1"},
    }
    with pytest.raises(ResourceManagerError, match=r"BadRequest: The request .*recreate"):
        connect(_signed_in(azure)).put(
            f"{azure_workspace.id}/onlineEndpoints/half/deployments/blue", deployment
        )


@pytest.mark.parametrize("status", [200, 403])
def test_a_page_of_a_proxys_is_told_in_one_line(azure: Emulator, status: int) -> None:
    azure.faults.inject(Page(status), method="GET", path="*/workspaces/*")
    workspace = (
        f"/subscriptions/{azure.cloud.subscription}/resourceGroups/g"
        "/providers/Microsoft.MachineLearningServices/workspaces/w"
    )
    with pytest.raises(ResourceManagerError) as raised:
        connect(_signed_in(azure)).get(workspace)
    text = str(raised.value)
    assert text.startswith("reading Microsoft.MachineLearningServices/workspaces/w: ")
    assert "<html>" not in text
    assert ("look at HTTPS_PROXY" if status == 200 else "Forbidden") in text


def test_what_is_another_by_now_is_a_conflict_and_stays(
    azure: Emulator, azure_workspace: SeededWorkspace
) -> None:
    manager = connect(_signed_in(azure))
    found = manager.get(azure_workspace.id)
    assert found is not None
    with pytest.raises(Conflict, match="PreconditionFailed"):
        manager.put(azure_workspace.id, {**found.body, "tags": {"a": "b"}}, "another")
    assert "tags" not in azure_workspace.get()[1]


def _signed_in(azure: Emulator) -> Setting:
    return settings(**azure.environment)
