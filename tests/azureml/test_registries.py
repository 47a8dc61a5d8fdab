"""Models that several workspaces share by a registry, which the unmodified SDK reads."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.azureml.workspace import AzureWorkspace
from runner.errors import EnvironmentRefused, NotFound
from runner.workspace import Asset, Registration
from tests.azureml.scored import Run
from tests.azureml.stage import LOCATION, Stage, put
from tests.emulator.faults import Drop, ExpireTokens, Fault

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


@pytest.fixture
def registry(stored: Stage) -> str:
    """Make a registry with containers of its own in the workspace's storage account."""
    name = f"team-{stored.group.rpartition('rg-')[2]}"
    account = f"Microsoft.Storage/storageAccounts/st{stored.group.rpartition('rg-')[2]}"
    subscription = f"/subscriptions/{stored.emulator.cloud.subscription}"
    storage = {"armResourceId": {"resourceId": f"{subscription}{stored.group}/providers/{account}"}}
    details = [{"systemCreatedStorageAccount": storage}]
    put(
        stored.emulator,
        f"{stored.group}/providers/Microsoft.MachineLearningServices/registries/{name}",
        {
            "location": LOCATION,
            "properties": {
                "regionDetails": [{"location": LOCATION, "storageAccountDetails": details}]
            },
        },
    )
    return name


@pytest.fixture
def model(workspace: AzureWorkspace, name: str, tmp_path: Path) -> Asset:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text(f"flavors: {{}}\nuuid: {uuid.uuid4()}\n")
    wanted = Registration(name, folder, "mlflow_model", tags={"a": "b"}, properties={"c": "d"})
    return workspace.register("model", wanted)


def sdk(registry: str) -> MLClient:
    from azure.ai.ml import MLClient
    from azure.identity import EnvironmentCredential

    return MLClient(EnvironmentCredential(), registry_name=registry, cloud="AzureTest")


def imports(stored: Stage) -> int:
    return sum(request.path.endswith("/import") for request in stored.emulator.requests)


@pytest.mark.filterwarnings("ignore")  # the SDK's own
def test_a_model_is_copied_to_a_registry_once_and_registered_from_there(
    stored: Stage,
    workspace: AzureWorkspace,
    registry: str,
    model: Asset,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "Pulumi.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNNER_OUTPUTS", str(stored.write(tmp_path)))
    address = f"azureml://registries/{registry}"
    words = ("models", "promote", f"{model.name}:1", "--from", "dev", "--to", address, "-o", "json")
    done = run(*words)
    shared = done.json()
    assert (shared["version"], shared["content_hash"]) == ("1", model.content_hash)
    assert shared["path"] == f"{address}/models/{model.name}/versions/1"
    assert "xperimental" not in done.err
    before = imports(stored)
    assert run(*words).json() == shared
    assert imports(stored) == before
    client = sdk(registry)
    assert client.models.get(model.name, "1").tags["content_hash"] == model.content_hash
    client.models.download(model.name, "1", tmp_path / "sdk")
    copy = tmp_path / "sdk" / model.name / "model" / "MLmodel"
    assert copy.read_bytes() == (tmp_path / "model" / "MLmodel").read_bytes()

    there = ("models", "register", "--path", shared["path"], "--name", f"{model.name}-back")
    registered = run(*there, "-o", "json").json()
    assert (registered["path"], registered["type"]) == (shared["path"], "mlflow_model")
    assert run(*there, "-o", "json").json() == registered
    with pytest.raises(EnvironmentRefused, match="outside of the workspace's datastores"):
        workspace.download_asset("model", f"{model.name}-back", tmp_path / "copy")


@pytest.mark.parametrize("fault", [Drop("before"), Drop("after"), ExpireTokens()])
def test_a_request_that_meets_trouble_makes_one_copy(
    stored: Stage, workspace: AzureWorkspace, registry: str, model: Asset, fault: Fault
) -> None:
    stored.emulator.faults.inject(fault, method="POST", path="*/import")
    assert workspace.share(model.reference, registry).content_hash == model.content_hash


def test_another_model_of_the_same_version_is_left_alone(
    workspace: AzureWorkspace, registry: str, model: Asset, tmp_path: Path
) -> None:
    from azure.ai.ml.entities import Model

    sdk(registry).models.create_or_update(
        Model(name=model.name, version="1", path=tmp_path / "model", type="mlflow_model")
    )
    with pytest.raises(EnvironmentRefused, match=r"has a model .*:1 already, which is not known"):
        workspace.share(model.reference, registry)


def test_a_registry_that_is_not_there_is_one_line_and_status_3(
    stored: Stage, run: Run, model: Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNNER_OUTPUTS", str(stored.write(tmp_path)))
    address = "azureml://registries/nowhere"
    source = f"{address}/models/m/versions/1"
    for words in (
        ("models", "promote", f"{model.name}:1", "--from", "dev", "--to", address),
        ("models", "register", "--name", "m", "--path", source),
    ):
        done = run(*words)
        assert (done.status, done.out, done.err.count("\n")) == (3, "", 1), done.err
        assert "registry 'nowhere'" in done.err


def test_a_registry_that_cannot_be_reached_is_one_line(
    stored: Stage,
    workspace: AzureWorkspace,
    registry: str,
    model: Asset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runner.azureml.sdk.RETRIES", {"retry_total": 0})
    stored.emulator.faults.inject(Drop("before"), path="/registrymanagement/*", times=None)
    with pytest.raises(EnvironmentRefused, match=f"can't open registry '{registry}'") as refused:
        workspace.share(model.reference, registry)
    assert "\n" not in str(refused.value)


def test_what_a_registry_lacks_is_not_found(
    workspace: AzureWorkspace, registry: str, name: str
) -> None:
    address = f"azureml://registries/{registry}/models/{name}/versions/1"
    with pytest.raises(NotFound, match=f"registry '{registry}' has no model"):
        workspace.register("model", Registration(name, address, None))


def test_a_model_of_this_machine_goes_to_a_workspace_first(
    run: Run, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").touch()
    monkeypatch.chdir(tmp_path)
    address = f"azureml://registries/{registry}"
    done = run("models", "promote", "m:1", "--from", "local", "--to", address)
    assert (done.status, done.out) == (3, "")
    assert "promote the model to one first, with --to ENV, and from there" in done.err
    pinned = run("models", "promote", "m:1", "--from", "local", "--to", address, "--pin")
    assert pinned.status == 2
