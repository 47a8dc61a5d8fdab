"""A workspace to begin with, for tests that are about something else."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulator.emulator import Emulator

LOCATION = "koreacentral"
CLUSTER = "cpu-cluster"
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"


@dataclass(frozen=True)
class SeededWorkspace:
    """A workspace that is there; `id` is the prefix of what is in it."""

    emulator: Emulator
    subscription: str
    resource_group: str
    name: str
    storage_account: str

    @property
    def id(self) -> str:
        """Return the workspace's id."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}/providers"
            f"/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )

    def put(self, path: str, properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Create or change what lies at a path below the workspace, and wait until it is done."""
        return put(self.emulator, f"{self.id}/{path}", {**more, "properties": dict(properties)})

    def get(self, path: str = "") -> tuple[int, Any]:
        """Look at what lies at a path below the workspace: status and JSON."""
        return self.emulator.arm("GET", f"{self.id}/{path}".rstrip("/"))


def put(emulator: Emulator, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """PUT a resource and wait until it is done. Raises `AssertionError` when it is refused."""
    status, answered = emulator.arm("PUT", path, body)
    if status not in (200, 201):
        raise AssertionError(f"PUT {path}: {status} {answered}")
    deadline = time.monotonic() + 60
    while answered["properties"].get("provisioningState") in ("Creating", "Updating"):
        if time.monotonic() > deadline:
            raise AssertionError(f"{path} is not done after a minute: {answered}")
        answered = emulator.arm("GET", path)[1]
    final: dict[str, Any] = answered
    return final


def seed_workspace(
    emulator: Emulator,
    resource_group: str,
    name: str = "workspace",
    *,
    location: str = LOCATION,
    by_identity: bool = False,
) -> SeededWorkspace:
    """Create a resource group with a workspace, all it needs, and a cluster named `cpu-cluster`.

    `by_identity`: its datastores have no credentials, so that clients use their own token.
    """
    subscription = emulator.cloud.subscription
    group = f"/subscriptions/{subscription}/resourceGroups/{resource_group}"
    unique = hashlib.sha256(f"{subscription}{resource_group}{name}".encode()).hexdigest()[:10]
    storage = f"{group}/providers/Microsoft.Storage/storageAccounts/st{unique}"
    vault = f"{group}/providers/Microsoft.KeyVault/vaults/kv-{unique}"
    put(emulator, group, {"location": location})
    put(
        emulator,
        storage,
        {"location": location, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
    )
    put(emulator, vault, {"location": location, "properties": {"sku": {"name": "standard"}}})
    workspace = SeededWorkspace(emulator, subscription, resource_group, name, f"st{unique}")
    put(
        emulator,
        workspace.id,
        {
            "location": location,
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "storageAccount": storage,
                "keyVault": vault,
                "systemDatastoresAuthMode": "identity" if by_identity else "accessKey",
            },
        },
    )
    workspace.put(
        f"computes/{CLUSTER}",
        {
            "computeType": "AmlCompute",
            "properties": {
                "vmSize": "Standard_DS3_v2",
                "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4},
            },
        },
        location=location,
    )
    return workspace


def seed_model(
    workspace: SeededWorkspace, name: str, version: str = "1", kind: str = "mlflow_model"
) -> str:
    """Register a model whose content lies nowhere; gives its id."""
    datastore = "azureml://datastores/workspaceblobstore/paths"
    registered = workspace.put(
        f"models/{name}/versions/{version}",
        {"modelUri": f"{datastore}/{name}/{version}", "modelType": kind},
    )
    return str(registered["id"])
