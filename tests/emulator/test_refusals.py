"""Azure's own refusals: status, code and words, each with the place where they were seen.

Where nobody has published the words, the place says that it is refused, and they are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.emulator.seed import LOCATION, SeededWorkspace

ENDPOINT: dict[str, Any] = {"location": LOCATION, "tags": {}}
AAD = {"authMode": "AADToken"}
KEY = {"authMode": "Key"}
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/i/i"


def refused(
    workspace: SeededWorkspace, method: str, path: str, body: Mapping[str, Any] | None = None
) -> tuple[int, str, str]:
    """Give status, code and message of the refusal of a request; a path may lie below the
    workspace."""
    whole = path if path.startswith("/") else f"{workspace.id}/{path}"
    status, answered = workspace.emulator.arm(method, whole, body)
    assert status >= 400, answered
    return status, answered["error"]["code"], answered["error"]["message"]


@pytest.mark.parametrize("kinds", ["UserAssigned", "SystemAssigned, UserAssigned"])
def test_a_batch_endpoint_has_a_system_assigned_identity_only(
    azure_workspace: SeededWorkspace, kinds: str
) -> None:
    """https://github.com/Azure/azure-rest-api-specs/issues/40149"""
    identity = {"type": kinds.replace(" ", ""), "userAssignedIdentities": {IDENTITY: {}}}
    body = {**ENDPOINT, "properties": AAD, "identity": identity}
    assert refused(azure_workspace, "PUT", "batchEndpoints/scoring", body) == (
        400,
        "CannotSetResourceIdentity",
        "Resource type 'Microsoft.MachineLearningServices/workspaces/batchEndpoints' does not"
        f" support creation of '{kinds}' resource identity. The supported types are"
        " 'SystemAssigned'.",
    )
    azure_workspace.put("batchEndpoints/scoring", AAD, **ENDPOINT, identity={"type": "None"})
    azure_workspace.put("onlineEndpoints/live", KEY, **ENDPOINT, identity=identity)
