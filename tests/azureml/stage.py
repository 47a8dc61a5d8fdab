"""A workspace of the stand-in with endpoints to look at, put there without a client."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runner.azureml import assets
from runner.azureml.outputs import Outputs, outputs_of
from runner.azureml.workspace import AzureWorkspace
from runner.project import Project
from runner.stacks.output import check_output
from tests.emulator import Emulator, addresses
from tests.emulator.blobs import account_key
from tests.emulator.ml.jobs import put_job

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

LOCATION = "koreacentral"
_ML = "providers/Microsoft.MachineLearningServices"


def put(emulator: Emulator, path: str, body: Mapping[str, Any]) -> Any:
    """Put a resource and return it; the test fails where that is refused."""
    status, answer = emulator.arm("PUT", path, body)
    assert status in (200, 201), answer
    # Operations end when they were asked about.
    emulator.arm("GET", path)
    return emulator.arm("GET", path)[1]


def change_before_sending(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Have a file changed once it was hashed and before it is sent."""
    send = assets.send

    def late(*given: Any, **named: Any) -> Any:
        file.write_bytes(bytes(file.stat().st_size))
        return send(*given, **named)

    monkeypatch.setattr(assets, "send", late)


def remove(emulator: Emulator, path: str) -> None:
    """Delete a resource and wait until it is gone."""
    emulator.arm("DELETE", path)
    deadline = time.monotonic() + 60
    while emulator.arm("GET", path)[0] != 404:
        assert time.monotonic() < deadline, f"{path} is still there after a minute"


def make_workspace(emulator: Emulator, *, by_identity: bool = False) -> str:
    """Make a group with a workspace `scoring`, a cluster and a model; return the group.

    `by_identity`: its datastores have no credentials, so that clients use their own token.
    """
    unique = uuid.uuid4().hex[:10]
    group = f"/resourceGroups/rg-{unique}"
    put(emulator, group, {"location": LOCATION})
    storage = put(
        emulator,
        f"{group}/providers/Microsoft.Storage/storageAccounts/st{unique}",
        {"location": LOCATION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
    )
    vault = put(
        emulator,
        f"{group}/providers/Microsoft.KeyVault/vaults/kv{unique}",
        {
            "location": LOCATION,
            "properties": {
                "tenantId": emulator.cloud.application.tenant,
                "sku": {"family": "A", "name": "standard"},
            },
        },
    )
    workspace = f"{group}/{_ML}/workspaces/scoring"
    put(
        emulator,
        workspace,
        {
            "location": LOCATION,
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "storageAccount": storage["id"],
                "keyVault": vault["id"],
                "systemDatastoresAuthMode": "identity" if by_identity else "accessKey",
            },
        },
    )
    put(
        emulator,
        f"{workspace}/computes/cpu-cluster",
        {
            "location": LOCATION,
            "properties": {
                "computeType": "AmlCompute",
                "properties": {
                    "vmSize": "Standard_DS3_v2",
                    "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 2},
                },
            },
        },
    )
    put(
        emulator,
        f"{workspace}/models/diabetes/versions/1",
        {
            "properties": {
                "modelType": "mlflow_model",
                "modelUri": "azureml://datastores/workspaceblobstore/paths/models/diabetes",
            }
        },
    )
    return group


@dataclass
class Stage:
    """The endpoints of a test in the workspace of a group, and the output of a stack with them."""

    emulator: Emulator
    group: str
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def workspace_id(self) -> str:
        subscription = self.emulator.cloud.subscription
        return f"/subscriptions/{subscription}{self.group}/{_ML}/workspaces/scoring"

    def batch(
        self, logical: str, deployments: Sequence[str] = ("mlflow",), default: str | None = "mlflow"
    ) -> str:
        """Make a batch endpoint; return its actual name."""
        actual = self._actual(logical)
        path = f"{self.workspace_id}/batchEndpoints/{actual}"
        body: dict[str, Any] = {
            "location": LOCATION,
            "tags": {},
            "properties": {"authMode": "AADToken", "description": f"the {logical} endpoint"},
        }
        put(self.emulator, path, body)
        for name in deployments:
            put(
                self.emulator,
                f"{path}/deployments/{name}",
                {
                    "location": LOCATION,
                    "properties": {
                        "model": {"referenceType": "Id", "assetId": self._model},
                        "compute": f"{self.workspace_id}/computes/cpu-cluster",
                    },
                },
            )
        if default:
            body["properties"]["defaults"] = {"deploymentName": default}
            put(self.emulator, path, body)
        self.endpoints[logical] = {
            "kind": "batch",
            "name": actual,
            "scoring_uri": f"{addresses.inference(actual, LOCATION)}/jobs",
            "deployments": list(deployments),
            "default": default,
        }
        return actual

    def online(
        self,
        logical: str,
        traffic: Mapping[str, int] = {"blue": 100},
        auth_mode: str = "Key",
        **deployment: Any,
    ) -> str:
        """Make a managed online endpoint; return its actual name.

        `deployment` is what its deployments have in place of the workspace's model.
        """
        actual = self._actual(logical)
        path = f"{self.workspace_id}/onlineEndpoints/{actual}"
        body: dict[str, Any] = {"location": LOCATION, "properties": {"authMode": auth_mode}}
        put(self.emulator, path, body)
        for name in traffic:
            put(
                self.emulator,
                f"{path}/deployments/{name}",
                {
                    "location": LOCATION,
                    "properties": {
                        "endpointComputeType": "Managed",
                        "instanceType": "Standard_DS3_v2",
                        **(deployment or {"model": self._model}),
                    },
                },
            )
        body["properties"]["traffic"] = dict(traffic)
        put(self.emulator, path, body)
        self.endpoints[logical] = {
            "kind": "online",
            "name": actual,
            "scoring_uri": f"{addresses.inference(actual, LOCATION)}/score",
            "deployments": list(traffic),
            "traffic": dict(traffic),
        }
        return actual

    def job(self, endpoint: str, status: str, name: str | None = None, **properties: Any) -> str:
        """Make a job of a batch endpoint (by its actual name); return the job's name."""
        name = name or f"job-{uuid.uuid4().hex[:8]}"
        put_job(
            self.emulator.cloud,
            self.workspace_id,
            name,
            {
                "jobType": "Pipeline",
                "status": status,
                "experimentName": endpoint,
                "inputs": {},
                "outputs": {},
                "tags": {"azureml.batchrun": "true", "azureml.deploymentname": "mlflow"},
                **properties,
            },
        )
        return name

    def output(self) -> dict[str, Any]:
        """Return the value of the stack output `runner`."""
        return {
            "schema_version": 1,
            "subscription_id": self.emulator.cloud.subscription,
            "resource_group": self.group.rpartition("/")[2],
            "workspace": "scoring",
            "location": LOCATION,
            "cloud": addresses.CLOUD,
            "tracking_uri": (
                f"azureml://{LOCATION}.api.ml.azure.test/mlflow/v1.0{self.workspace_id}"
            ),
            "clusters": {"cpu-cluster": {"size": "Standard_DS3_v2", "max_instances": 2}},
            "endpoints": self.endpoints,
        }

    def outputs(self) -> Outputs:
        return outputs_of(check_output(self.output(), "the test"))

    def write(self, folder: Path) -> Path:
        """Write the outputs into a file of the folder and return it."""
        file = folder / "outputs.json"
        file.write_text(json.dumps({"runner": self.output()}))
        return file

    def workspace(self, folder: Path, environment: str = "dev") -> AzureWorkspace:
        """Return the adapter over this workspace, for a project in the folder."""
        return AzureWorkspace(self.project(folder), environment, self.outputs())

    def sdk(self) -> MLClient:
        """Return the unmodified SDK's client of this workspace."""
        from azure.ai.ml import MLClient
        from azure.identity import EnvironmentCredential

        outputs = self.outputs()
        return MLClient(
            EnvironmentCredential(),
            outputs.subscription_id,
            outputs.resource_group,
            outputs.workspace,
            cloud=addresses.CLOUD,
        )

    def narrow_signatures(
        self, monkeypatch: pytest.MonkeyPatch, rights: Mapping[str, bool]
    ) -> None:
        """Have the cloud sign for these rights to blobs only."""
        from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

        def narrow(account: str) -> str:
            return generate_account_sas(
                account,
                account_key(account),
                ResourceTypes(service=True, container=True, object=True),
                AccountSasPermissions(**rights),
                expiry=datetime.now(UTC) + timedelta(hours=1),
            )

        monkeypatch.setattr(self.emulator.cloud, "sas", narrow)

    @staticmethod
    def project(folder: Path) -> Project:
        return Project(folder, folder / "models", folder / ".runner")

    @property
    def _model(self) -> str:
        return f"{self.workspace_id}/models/diabetes/versions/1"

    @staticmethod
    def _actual(logical: str) -> str:
        return f"{logical}-{uuid.uuid4().hex[:6]}"
