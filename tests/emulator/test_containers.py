"""A deployment whose container would not start fails as Azure lets it fail."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.emulator.ml.containers import NO_MONITORING, NO_SERVER
from tests.emulator.seed import IMAGE, SeededWorkspace, seed_model

LIVE = "onlineEndpoints/live"
SERVER, MONITORING = "azureml-inference-server-http==1.5.1", "azureml-ai-monitoring==1.0.0"
INFERENCE = "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py311-cpu-inference:latest"
ROUTE = {"port": 80, "path": "/"}
OWN_SERVER = {f"{name}Route": ROUTE for name in ("liveness", "readiness", "scoring")}


def conda(*packages: str) -> str:
    return json.dumps({"dependencies": ["python=3.11", {"pip": ["joblib", *packages]}]})


class OneModel:
    """A storage in which every model has the same conda.yaml."""

    def __init__(self, conda: str | None) -> None:
        self.conda = conda

    def read(self, account: str, container: str, path: str) -> bytes | None:
        assert path.endswith("/conda.yaml")
        return None if self.conda is None else self.conda.encode()


@pytest.fixture
def workspace(azure_workspace: SeededWorkspace) -> SeededWorkspace:
    seed_model(azure_workspace, "m")
    azure_workspace.put(LIVE, {"authMode": "Key"}, location="koreacentral", tags={})
    azure_workspace.put("codes/c/versions/1", {"codeUri": "azureml://datastores/x/paths/c"})
    return azure_workspace


def deployed(workspace: SeededWorkspace, script: bool = False, **environment: Any) -> str:
    """Return how putting a deployment ends: its provisioning state, and what its log says."""
    properties: dict[str, Any] = {
        "endpointComputeType": "Managed",
        "instanceType": "Standard_DS3_v2",
        "model": f"{workspace.id}/models/m/versions/1",
    }
    if environment:
        path = f"environments/e/versions/{uuid.uuid4().hex[:8]}"
        workspace.put(path, environment)
        properties["environmentId"] = f"{workspace.id}/{path}"
    if script:
        code = {"codeId": f"{workspace.id}/codes/c/versions/1", "scoringScript": "score.py"}
        properties["codeConfiguration"] = code
    # One that failed at first is made anew under another name, or after it is deleted.
    path = f"{LIVE}/deployments/d{uuid.uuid4().hex[:8]}"
    put = workspace.put(path, properties, location="koreacentral")
    log = workspace.emulator.arm("POST", f"{workspace.id}/{path}/getLogs", {})[1]["content"]
    return " ".join([put["properties"]["provisioningState"], log]).strip()


def test_a_script_needs_the_server(workspace: SeededWorkspace) -> None:
    assert deployed(workspace, True, image=IMAGE, condaFile=conda()) == f"Failed {NO_SERVER}"


@pytest.mark.parametrize(
    "environment",
    [
        {"image": IMAGE, "condaFile": conda(SERVER)},
        {"image": IMAGE, "condaFile": conda("azureml-defaults")},
        {"image": INFERENCE, "condaFile": conda()},
        {"image": IMAGE, "condaFile": conda(), "inferenceConfig": OWN_SERVER},
        {"image": IMAGE},
    ],
)
def test_a_script_that_has_it_or_may_starts(
    workspace: SeededWorkspace, environment: dict[str, Any]
) -> None:
    assert deployed(workspace, True, **environment) == "Succeeded"


@pytest.mark.parametrize(
    ("own", "ends"),
    [
        (conda(), f"Failed {NO_MONITORING}"),
        (conda(MONITORING), "Succeeded"),
        (None, "Succeeded"),
    ],
)
def test_a_model_without_a_script_needs_what_azures_imports(
    workspace: SeededWorkspace, monkeypatch: pytest.MonkeyPatch, own: str | None, ends: str
) -> None:
    monkeypatch.setattr(workspace.emulator.cloud, "storage", OneModel(own))
    assert deployed(workspace) == ends


def test_an_environment_of_its_own_needs_both(workspace: SeededWorkspace) -> None:
    assert deployed(workspace, image=IMAGE, condaFile=conda()) == f"Failed {NO_SERVER}"
    served = deployed(workspace, image=IMAGE, condaFile=conda(SERVER))
    assert served == f"Failed {NO_MONITORING}"
    assert deployed(workspace, image=IMAGE, condaFile=conda(SERVER, MONITORING)) == "Succeeded"
