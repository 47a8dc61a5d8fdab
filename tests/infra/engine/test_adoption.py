"""A workspace that somebody made by hand, and a stack that takes over what runs in it."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.emulator.seed import CLUSTER, LOCATION, SeededWorkspace, put, seed_model, seed_workspace
from tests.infra.engine.stack import Pulumi, Step, make_project, make_stack

ML = "azure-native:machinelearningservices:"
# What Azure shows of a resource where nobody said anything, and nobody is going to.
FILLED_IN = {
    *("properties.computeLocation", "properties.environmentVariables", "properties.properties"),
    *("properties.livenessProbe", "properties.readinessProbe"),
}
ONLINE, BATCH = "onlineEndpoints/patients", "batchEndpoints/nightly"


@pytest.fixture
def running(emulator: Emulator) -> SeededWorkspace:
    """Provide a workspace in which an online and a batch endpoint have a deployment each."""
    workspace = seed_workspace(emulator, f"theirs-{uuid.uuid4().hex[:6]}")
    group = workspace.id.partition("/providers/")[0]
    registry = f"{group}/providers/Microsoft.ContainerRegistry/registries/{uuid.uuid4().hex[:12]}"
    put(emulator, registry, {"location": LOCATION, "sku": {"name": "Basic"}, "properties": {}})
    body = {name: value for name, value in workspace.get()[1].items() if name != "etag"}
    properties = {**body["properties"], "containerRegistry": registry}
    put(emulator, workspace.id, {**body, "properties": properties})
    model = seed_model(workspace, "diabetes-mlflow")
    cluster = {
        "vmSize": "Standard_DS3_v2",
        "vmPriority": "Dedicated",
        "osType": "Linux",
        "enableNodePublicIp": True,
        "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4},
    }
    put_there(workspace, f"computes/{CLUSTER}", computeType="AmlCompute", properties=cluster)
    identity = {"type": "SystemAssigned"}
    put_there(workspace, ONLINE, identity, authMode="Key")
    put_there(
        workspace,
        f"{ONLINE}/deployments/blue",
        endpointComputeType="Managed",
        instanceType="Standard_DS2_v2",
        model=model,
        scaleSettings={"scaleType": "Default"},
    )
    put_there(workspace, ONLINE, identity, authMode="Key", traffic={"blue": 100})
    put_there(workspace, BATCH, authMode="AADToken")
    put_there(
        workspace,
        f"{BATCH}/deployments/mlflow",
        compute=f"{workspace.id}/computes/{CLUSTER}",
        model={"referenceType": "Id", "assetId": model},
    )
    put_there(workspace, BATCH, authMode="AADToken", defaults={"deploymentName": "mlflow"})
    return workspace


def put_there(
    workspace: SeededWorkspace,
    path: str,
    identity: Mapping[str, str] | None = None,
    **properties: Any,
) -> None:
    """Put what a person would have put there, with a tag of that person's."""
    more: dict[str, Any] = {"location": LOCATION, "tags": {"owner": "somebody"}}
    if identity:
        more["identity"] = identity
    if path.endswith("/blue"):
        more["sku"] = {"name": "Default", "capacity": 1}
    workspace.put(path, properties, **more)


def test_what_runs_is_taken_over_and_nothing_of_it_is_made_anew(
    pulumi: Pulumi, emulator: Emulator, running: SeededWorkspace, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "project")
    pin = {"model": "azureml:diabetes-mlflow:1"}
    blue = {**pin, "instance_type": "Standard_DS2_v2"}
    config = {
        "azure-native:location": LOCATION,
        "scoring:existing": {
            "workspace": running.id,
            "endpoints": {"diabetes-online": "patients", "diabetes-batch": "nightly"},
        },
        "scoring:models": ["diabetes"],
        "scoring:clusters": {CLUSTER: {"size": "Standard_DS3_v2"}},
        "scoring:endpoints": {
            "diabetes-batch": {"deployments": {"mlflow": pin}},
            "diabetes-online": {"deployments": {"blue": blue}, "traffic": {"blue": 100}},
        },
    }
    stack = make_stack(pulumi, emulator, project, "team", config)

    done = subprocess.run(
        [sys.executable, "-m", "runner", "env", "adopt", "team", "-o", "json"],
        cwd=project,
        env={**stack.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    adopted = {resource["id"].partition("/workspaces/")[2] for resource in json.loads(done.stdout)}
    assert {path.partition("/")[2] for path in adopted} == {
        *(f"computes/{CLUSTER}", ONLINE, BATCH),
        *(f"{ONLINE}/deployments/blue", f"{BATCH}/deployments/mlflow"),
    }
    assert "onlineEndpoints/patients keeps its identity (SystemAssigned)" in done.stderr
    assert "pulumi import --file import.json --stack team" in done.stderr
    stack.run(
        *("import", "--file", "import.json", "--yes"), "--protect=false", "--generate-code=false"
    )

    steps = stack.preview().steps
    assert {step.op for step in steps} == {"same", "read", "create", "update"}
    taken = [step for step in steps if step.type.startswith(ML) and step.op != "read"]
    assert {step.op for step in taken} == {"update"}
    assert {path for step in taken for path in lost(step)} == {"tags.owner", *FILLED_IN}

    # It goes on answering, as the same endpoint, and is the stack's from now on.
    scoring = running.get(ONLINE)[1]["properties"]["scoringUri"]
    emulator.requests.clear()
    stack.up()
    assert [request for request in emulator.requests if request.method == "DELETE"] == []
    _, online = running.get(ONLINE)
    assert online["properties"]["scoringUri"] == scoring
    assert online["properties"]["traffic"] == {"blue": 100}
    assert (online["identity"]["type"], online["tags"]["environment"]) == ("SystemAssigned", "team")
    assert running.get(BATCH)[1]["properties"]["defaults"] == {"deploymentName": "mlflow"}
    assert stack.preview().changed == []


def lost(step: Step) -> list[str]:
    """Return what an update would take away of a resource."""
    return [path for path, kind in step.changes.items() if kind == "delete"]
