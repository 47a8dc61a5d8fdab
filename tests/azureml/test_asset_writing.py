"""Every key of a declaration reaches Azure, whoever writes the version."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.azureml.asset_writing import Write, write_version, write_version_by_sdk
from runner.azureml.storage import storage_of
from runner.azureml.workspace import AzureWorkspace
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.workspace import Registration
from tests.azureml.scored import Run
from tests.azureml.stage import Stage, put
from tests.emulator.faults import Answer, Drop, ExpireTokens, Fault, forbidden, throttled

PLACE = "azureml://datastores/workspaceblobstore/paths/a"
TEXT = "a: b, 1e3 'é'"
KEYS: dict[str, dict[str, Any]] = {
    "model": {
        "type": "mlflow_model",
        "stage": "Production",
        "flavors": {"python_function": {"loader_module": "mlflow.sklearn"}},
    },
    "data": {
        "type": "uri_folder",
        "auto_delete_setting": {"condition": "last_accessed_greater_than", "value": "30d"},
    },
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(uuid.uuid4().hex)
    return path


@pytest.fixture
def team_store(stored: Stage) -> str:
    """Make a datastore besides the workspace's own."""
    account = stored.group.rpartition("rg-")[2]
    container = "team"
    storage = f"{stored.group}/providers/Microsoft.Storage/storageAccounts/st{account}"
    put(
        stored.emulator,
        f"{storage}/blobServices/default/containers/{container}",
        {"properties": {}},
    )
    properties = {
        "datastoreType": "AzureBlob",
        "accountName": f"st{account}",
        "containerName": container,
        "credentials": {"credentialsType": "Sas", "secrets": {"secretsType": "Sas"}},
    }
    put(stored.emulator, f"{stored.workspace_id}/datastores/teamstore", {"properties": properties})
    return "teamstore"


@pytest.mark.parametrize("kind", ["model", "data"])
def test_azure_ai_ml_writes_what_the_runner_writes(
    workspace: AzureWorkspace, name: str, kind: Any
) -> None:
    keys = {
        **KEYS[kind],
        "path": PLACE,
        "description": TEXT,
        "tags": {"a": TEXT, "b": "1"},
        "properties": {"c": TEXT, "d": "1"},
    }

    def written(put: Write, version: str) -> Any:
        return put(workspace._connection, kind, name, version, keys)["properties"]

    plain, by_sdk = written(write_version, "1"), written(write_version_by_sdk, "2")
    uri = "modelUri" if kind == "model" else "dataUri"
    assert by_sdk.pop(uri).endswith(plain.pop(uri).removeprefix("azureml:/"))
    assert by_sdk == plain
    assert plain["properties"] == keys["properties"]
    kept = {"stage": "Production"} if kind == "model" else {}
    assert kept.items() <= plain.items()


@pytest.mark.filterwarnings("ignore")  # the SDK's own
def test_what_is_declared_is_read_back_by_the_sdk(
    stored: Stage, workspace: AzureWorkspace, name: str, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "MLmodel").write_text("flavors: {}\n")
    for kind in ("model", "data"):
        more = dict(KEYS[kind])
        wanted = Registration(name, model, more.pop("type"), properties={"p": "1"}, more=more)
        registered = workspace.register(kind, wanted)
        assert registered.properties == {"p": "1"}
    client = stored.sdk()
    found = client.models.get(name, "1")
    assert (found.stage, found.flavors) == ("Production", KEYS["model"]["flavors"])
    assert found.properties == {"p": "1"}
    setting = client.data.get(name, "1").auto_delete_setting
    assert (setting.condition, setting.value) == ("lastAccessedGreaterThan", "30d")


@pytest.mark.parametrize("prefix", ["", "azureml:", "azureml://datastores/"])
def test_files_go_to_the_declared_datastore(
    workspace: AzureWorkspace, name: str, file: Path, team_store: str, prefix: str
) -> None:
    wanted = Registration(name, file, "uri_file", more={"datastore": f"{prefix}{team_store}"})
    asset = workspace.register("data", wanted)
    assert f"/datastores/{team_store}/paths/LocalUpload/{asset.content_hash}/" in asset.path
    container = storage_of(workspace._connection).container(team_store)
    blob = container.download_blob(asset.path.partition("/paths/")[2])
    assert blob.readall() == file.read_bytes()
    assert workspace.register("data", wanted) == asset
    # The same content elsewhere is not what is declared.
    other = workspace.register("data", Registration(name, file, "uri_file"))
    assert other.version == "1"
    fresh = Registration(f"{name}-2", file, "uri_file")
    assert workspace.register("data", fresh).path != asset.path
    again = replace(wanted, name=f"{name}-2")
    assert workspace.register("data", again).version == "2"


def test_an_unknown_datastore_is_refused_before_anything_is_sent(
    stored: Stage, workspace: AzureWorkspace, name: str, file: Path, team_store: str
) -> None:
    stored.emulator.requests.clear()
    wanted = Registration(name, file, "uri_file", more={"datastore": "azureml:teamstor"})
    with pytest.raises(NotFound, match=r"no datastore 'teamstor'; did you mean 'teamstore'"):
        workspace.register("data", wanted)
    assert "PUT" not in {request.method for request in stored.emulator.requests}


@pytest.mark.parametrize(
    ("path", "more", "words"),
    [
        (None, {"system_metadata": {"a": 1}}, "system_metadata of model"),
        (None, {"default_deployment_template": {"a": 1}}, "default_deployment_template of model"),
        (None, {"allowed_deployment_templates": ({"a": 1},)}, "allowed_deployment_templates of"),
        (PLACE, {"datastore": "teamstore"}, "lies in the cloud already: take datastore out"),
    ],
)
def test_a_key_that_a_workspace_drops_is_refused_by_name(
    stored: Stage,
    workspace: AzureWorkspace,
    name: str,
    file: Path,
    path: str | None,
    more: dict[str, Any],
    words: str,
) -> None:
    stored.emulator.requests.clear()
    with pytest.raises(WrongUsage, match=words):
        workspace.register("model", Registration(name, path or file, "custom_model", more=more))
    assert not list(stored.emulator.requests)


def test_a_value_that_azure_ai_ml_refuses_is_told_by_its_key(
    workspace: AzureWorkspace, name: str, file: Path
) -> None:
    more = {"auto_delete_setting": {"condition": "sometime", "value": "30d"}}
    with pytest.raises(WrongUsage, match=r"can't register data asset .*auto_delete_setting"):
        workspace.register("data", Registration(name, file, "uri_file", more=more))


def test_what_is_declared_later_is_added_and_a_property_never_changes(
    stored: Stage, workspace: AzureWorkspace, name: str, file: Path
) -> None:
    def register(properties: dict[str, str], **more: Any) -> Any:
        wanted = Registration(name, file, "custom_model", properties=properties, more=more)
        return workspace.register("model", wanted)

    register({"a": "1"})
    asset = register({"b": "2"}, stage="Staging")
    assert (asset.version, asset.stage) == ("1", "Staging")
    assert asset.properties == {"a": "1", "b": "2"}
    stored.emulator.requests.clear()
    assert register({"b": "2"}, stage="Staging") == asset
    assert {request.method for request in stored.emulator.requests} == {"GET"}
    with pytest.raises(EnvironmentRefused, match=r"property 'a' of .* is '1', and properties of"):
        register({"a": "3"})


@pytest.mark.parametrize(
    "fault",
    [Drop("after"), Drop("before"), throttled(), Answer(503, "Busy", "later"), ExpireTokens()],
)
@pytest.mark.parametrize("kind", ["model", "data"])
def test_a_request_that_meets_trouble_makes_one_version(
    stored: Stage, workspace: AzureWorkspace, name: str, file: Path, fault: Fault, kind: Any
) -> None:
    stored.emulator.faults.inject(fault, method="PUT", path="*/versions/*")
    type_ = "custom_model" if kind == "model" else "uri_file"
    assert workspace.register(kind, Registration(name, file, type_)).version == "1"
    assert len(workspace.assets(kind, name)) == 1


@pytest.mark.parametrize("position", range(4))
def test_a_token_may_be_withdrawn_at_any_request(
    stored: Stage, workspace: AzureWorkspace, name: str, file: Path, position: int
) -> None:
    workspace.register("model", Registration(f"{name}-0", file, "custom_model"))
    stored.emulator.faults.inject(ExpireTokens(), path="*/models/*", skip=position)
    asset = workspace.register("model", Registration(name, file, "custom_model"))
    assert asset.version == "1"


def test_an_upload_that_is_refused_ends_and_registers_nothing(
    stored: Stage, workspace: AzureWorkspace, name: str, file: Path
) -> None:
    stored.emulator.look_into_blobs = True
    stored.emulator.faults.inject(forbidden(), method="PUT", path="*/LocalUpload/*", times=None)
    try:
        with pytest.raises(EnvironmentRefused, match=r"can't|refused"):
            workspace.register("model", Registration(name, file, "custom_model"))
    finally:
        stored.emulator.look_into_blobs = False
        stored.emulator.faults.clear()
    with pytest.raises(NotFound):
        workspace.assets("model", name)


def test_a_command_registers_with_a_clean_standard_output(
    stored: Stage, run: Run, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "m.bin").write_text("m")
    (tmp_path / "model.yml").write_text(
        f"name: {name}\npath: m.bin\ntype: custom_model\nstage: Staging\nproperties: {{a: b}}\n"
    )
    monkeypatch.setenv("RUNNER_OUTPUTS", str(stored.write(tmp_path)))
    monkeypatch.chdir(tmp_path)
    done = run("models", "register", "model.yml", "-o", "json")
    assert (done.json()["stage"], done.json()["properties"]) == ("Staging", {"a": "b"})
    assert "xperimental" not in done.err


@pytest.mark.parametrize("text", ["", "paths: 3\n", "paths: [", "- a\n", None])
def test_a_folder_that_describes_no_table_is_refused(
    workspace: AzureWorkspace, name: str, tmp_path: Path, text: str | None
) -> None:
    (tmp_path / "a.csv").write_text("1\n")
    if text is not None:
        (tmp_path / "MLTable").write_text(text)
    with pytest.raises(WrongUsage, match="MLTable") as refused:
        workspace.register("data", Registration(name, tmp_path, "mltable"))
    assert "\n" not in str(refused.value)


def test_a_table_is_registered_as_one(
    stored: Stage, workspace: AzureWorkspace, name: str, tmp_path: Path
) -> None:
    (tmp_path / "MLTable").write_text("paths:\n  - file: ./a.csv\n")
    (tmp_path / "a.csv").write_text("1\n")
    asset = workspace.register("data", Registration(name, tmp_path, "mltable"))
    assert asset.type == "mltable"
    path = f"{stored.workspace_id}/data/{name}/versions/{asset.version}"
    written = stored.emulator.arm("GET", path)[1]["properties"]
    assert written["referencedUris"] == ["./a.csv"]
    assert workspace.register("data", Registration(name, tmp_path, "mltable")) == asset
