"""Models in Unity Catalog: written through MLflow's own client, once by content."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.assets.content import hash_path
from runner.assets.fetching import write
from runner.databricks import model_writing
from runner.databricks.client import SCOPE
from runner.databricks.requests import TrainRequest, request_text
from runner.databricks.workspace import DatabricksWorkspace
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.jobs.addresses import artifact_of
from runner.workspace import Asset, Origin, Registration
from tests.emulator.databricks.fixtures import sign_in
from tests.emulator.databricks.securables import SCHEMA
from tests.emulator.databricks.seed import EXPERIMENTS, SeededLake
from tests.emulator.faults import Drop, ExpireTokens, Fault, forbidden, unavailable

MODEL = Path(__file__).parents[2] / "models" / "diabetes" / "model"
NAME = "diabetes-mlflow"
FULL_NAME = f"lake.scoring.{NAME}"


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")


def register(
    workspace: DatabricksWorkspace, path: Path | str = MODEL, name: str = NAME, **rest: object
) -> Asset:
    return workspace.register("model", Registration(name, path, "mlflow_model", **rest))  # type: ignore[arg-type]


def changed(folder: Path, note: str) -> Path:
    """Return a model of other content."""
    shutil.copytree(MODEL, folder)
    (folder / "note.txt").write_text(note)
    return folder


def without(folder: Path, *parts: str) -> Path:
    """Return a model that lacks parts of its signature."""
    shutil.copytree(MODEL, folder)
    described = yaml.safe_load((folder / "MLmodel").read_text())
    for part in parts:
        del described["signature"][part]
    (folder / "MLmodel").write_text(yaml.safe_dump(described))
    return folder


def writes(lake: SeededLake) -> list[str]:
    reading = ("/token", "/fs/create-download-url", "emit-lineage")
    return [
        str(request)
        for request in lake.emulator.requests
        if request.method != "GET" and not request.path.endswith(reading)
        if request.method != "HEAD"
    ]


def test_mlflow_loads_what_was_registered(
    lake: SeededLake,
    workspace: DatabricksWorkspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = dict(os.environ)
    asset = register(workspace, description="of eight measurements", tags={"a": "b", "x.y": "z"})
    assert dict(os.environ) == before
    assert (asset.reference, asset.path) == (f"azureml:{NAME}:1", f"models:/{FULL_NAME}/1")
    assert (asset.description, asset.tags) == ("of eight measurements", {"a": "b", "x.y": "z"})
    assert asset.content_hash == hash_path(MODEL)
    workspace.download_asset("model", asset.reference, tmp_path / "copy")
    assert hash_path(tmp_path / "copy") == asset.content_hash

    import mlflow

    monkeypatch.setenv("DATABRICKS_HOST", lake.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", lake.token())
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "pat")
    monkeypatch.setenv("MLFLOW_ENABLE_DB_SDK", "false")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "databricks-uc")
    loaded = mlflow.pyfunc.load_model(asset.path)
    assert loaded.metadata.signature.outputs.input_names() == ["Diabetic"]
    told = mlflow.MlflowClient().get_model_version(FULL_NAME, "1")
    assert (told.tags["content_hash"], told.tags["a"]) == (asset.content_hash, "b")
    found = sign_in(lake).model_versions.get(FULL_NAME, 1)
    assert (found.comment, found.source) == ("of eight measurements", "model")


def test_content_that_is_there_is_not_sent_again(
    lake: SeededLake, workspace: DatabricksWorkspace, tmp_path: Path
) -> None:
    first = register(workspace, tags={"a": "b"}, properties={"reviewed": "yes"})
    second = register(workspace, changed(tmp_path / "other", "other"))
    assert [asset.version for asset in workspace.assets("model", NAME)] == ["2", "1"]
    lake.emulator.requests.clear()
    assert register(workspace) == first
    assert writes(lake) == []
    amended = register(workspace, description="d", tags={"c": "d"}, properties={"by": "me"})
    assert (amended.version, amended.description, amended.tags) == ("1", "d", {"c": "d"})
    assert amended.properties == {"reviewed": "yes", "by": "me"}
    assert workspace.asset("model", f"{NAME}:1") == amended
    assert workspace.assets("model") == [second]


def test_a_model_that_changes_while_it_is_being_read_is_not_registered(
    workspace: DatabricksWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = changed(tmp_path / "model", "first")

    def late(*given: Any) -> str:
        (model / "note.txt").write_text("other")
        return write(*given)

    monkeypatch.setattr(model_writing, "write", late)
    with pytest.raises(EnvironmentRefused, match="model changed while it was being read"):
        register(workspace, model)
    with pytest.raises(NotFound):
        workspace.assets("model", NAME)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("*/model-versions/create", Drop("after")),
        ("*/model-versions/create", unavailable()),
        ("*/fs/files/Models/*/MLmodel", Drop("after")),
        ("*/model-versions/finalize", Drop("after")),
        ("*/unity-catalog/models", Drop("after")),
    ],
)
def test_answers_that_are_lost_leave_no_second_version(
    lake: SeededLake, workspace: DatabricksWorkspace, path: str, fault: Fault
) -> None:
    lake.emulator.faults.inject(fault, path=path)
    asset = register(workspace)
    assert lake.emulator.faults.injected
    assert workspace.assets("model", NAME) == [asset]
    versions = list(sign_in(lake).model_versions.list(FULL_NAME))
    assert [str(version.version) for version in versions] == [asset.version]
    workspace.contents("model", asset.reference)


@pytest.mark.parametrize("path", ["*/model-versions/create", "*/fs/files/Models/*/MLmodel"])
def test_a_token_that_expires_while_a_model_is_sent_is_renewed(
    lake: SeededLake, workspace: DatabricksWorkspace, path: str
) -> None:
    lake.emulator.faults.inject(ExpireTokens(), path=path)
    asset = register(workspace)
    assert len(lake.emulator.faults.injected) == 1
    versions = list(sign_in(lake).model_versions.list(FULL_NAME))
    assert [str(version.version) for version in versions] == [asset.version]
    lake.emulator.faults.inject(ExpireTokens(), path="*/emit-lineage")
    workspace.contents("model", asset.reference)
    assert len(lake.emulator.faults.injected) == 2


def test_a_version_that_is_not_finished_is_not_there(
    lake: SeededLake, workspace: DatabricksWorkspace
) -> None:
    lake.emulator.faults.inject(forbidden(), path="*/model-versions/finalize", times=99)
    with pytest.raises(EnvironmentRefused, match="Databricks refused to register model"):
        register(workspace)
    assert list(sign_in(lake).model_versions.list(FULL_NAME)) == []
    with pytest.raises(NotFound, match=f"no model '{NAME}'"):
        workspace.asset("model", NAME)
    assert workspace.assets("model") == []


@pytest.mark.parametrize(
    ("parts", "lacking"),
    [(("inputs",), "inputs"), (("outputs",), "outputs"), (("inputs", "outputs"), "inputs and")],
)
def test_a_model_without_a_signature_is_refused_before_anything_is_sent(
    lake: SeededLake,
    workspace: DatabricksWorkspace,
    tmp_path: Path,
    parts: tuple[str, ...],
    lacking: str,
) -> None:
    bare = without(tmp_path / "bare", *parts)
    lake.emulator.requests.clear()
    with pytest.raises(WrongUsage, match=rf"bare has no signature with {lacking}.*set_signature\("):
        register(workspace, bare)
    assert len(lake.emulator.requests) == 0


@pytest.mark.parametrize("name", ["Penguin Predictor", "Penguins", "a.b", "a/b"])
def test_a_name_that_unity_catalog_refuses_is_refused_before_anything_is_sent(
    lake: SeededLake, workspace: DatabricksWorkspace, name: str
) -> None:
    lake.emulator.requests.clear()
    with pytest.raises(WrongUsage, match=f"'{name}' can't name a model on Databricks"):
        register(workspace, name=name)
    assert len(lake.emulator.requests) == 0


def test_the_place_that_declares_such_a_name_is_told(
    workspace: DatabricksWorkspace, tmp_path: Path
) -> None:
    folder = tmp_path / "project" / "models" / "penguins"
    folder.mkdir(parents=True)
    text = f"type: mlflow_model\nname: Penguins\npath: {MODEL}\n"
    (folder / "model.yml").write_text(text)
    with pytest.raises(WrongUsage, match=r"penguins/model\.yml:2: 'Penguins' can't name"):
        register(workspace, name="Penguins")


def test_what_is_no_mlflow_model_is_refused(workspace: DatabricksWorkspace, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").touch()
    wanted = Registration(NAME, tmp_path / "model.pkl", "custom_model")
    with pytest.raises(WrongUsage, match="is a custom_model, and Unity Catalog takes MLflow"):
        workspace.register("model", wanted)
    with pytest.raises(WrongUsage, match="datastore of model"):
        register(workspace, more={"datastore": "x"})


def test_the_next_version_may_be_asked_for_and_no_other(
    workspace: DatabricksWorkspace, tmp_path: Path
) -> None:
    with pytest.raises(EnvironmentRefused, match=r"the next one of model .* is 1, not 7"):
        register(workspace, version="7")
    assert register(workspace, version="1").version == "1"
    with pytest.raises(EnvironmentRefused, match="version 1 exists with other content"):
        register(workspace, changed(tmp_path / "other", "other"), version="1")


def test_a_right_that_lacks_is_named_with_the_grant_that_gives_it(
    lake: SeededLake, workspace: DatabricksWorkspace
) -> None:
    lake.lose_rights()
    lake.grant("catalog", "lake", ["USE_CATALOG"])
    lake.grant(SCHEMA, "lake.scoring", ["USE_SCHEMA"])
    with pytest.raises(EnvironmentRefused, match=r"`GRANT CREATE MODEL ON SCHEMA lake\.scoring TO"):
        register(workspace)


def test_aliases_are_shown_as_they_are(lake: SeededLake, workspace: DatabricksWorkspace) -> None:
    register(workspace, more={"stage": "Staging"})
    assert workspace.asset("model", NAME).stage == "Staging"
    client = sign_in(lake)
    client.registered_models.set_alias(FULL_NAME, "champion", 1)
    assert workspace.asset("model", NAME).stage == "champion"


def test_versions_are_listed_page_by_page(
    lake: SeededLake, workspace: DatabricksWorkspace, tmp_path: Path
) -> None:
    lake.databricks.switches.page_size = 1
    register(workspace)
    register(workspace, changed(tmp_path / "other", "other"))
    register(workspace, name="another")
    assert [asset.name for asset in workspace.assets("model")] == ["another", NAME]
    assert [asset.version for asset in workspace.assets("model", NAME)] == ["2", "1"]


def test_a_copy_is_checked_and_registered_once(
    lake: SeededLake, workspace: DatabricksWorkspace, tmp_path: Path
) -> None:
    asset = register(workspace)
    copy = replace(asset, name="copies", tags={"promoted_from": "dev"}, job=None)
    content = workspace.contents("model", asset.reference)
    received = workspace.receive(copy, content)
    assert (received.reference, received.tags) == ("azureml:copies:1", {"promoted_from": "dev"})
    lake.emulator.requests.clear()
    assert workspace.receive(copy, content) == received
    assert writes(lake) == []
    wrong = replace(copy, content_hash="0" * 64)
    with pytest.raises(EnvironmentRefused, match="is not what was registered"):
        workspace.receive(wrong, content)
    with pytest.raises(WrongUsage, match="takes MLflow models only"):
        workspace.receive(replace(copy, type="custom_model"), content)
    assert len(workspace.assets("model", "copies")) == 1
    del content
    assert not [path for path in (tmp_path / "project" / ".runner").rglob("*") if path.is_file()]


def test_no_log_holds_the_token(
    workspace: DatabricksWorkspace, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        register(workspace)
    token = workspace._connection.credential.get_token(SCOPE).token
    assert token not in caplog.text
    assert "DATABRICKS_TOKEN" not in os.environ


def test_what_a_run_logged_becomes_a_version_with_its_origin(
    lake: SeededLake,
    workspace: DatabricksWorkspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One test, because the tracking server takes seconds to start."""
    import mlflow

    with monkeypatch.context() as patch:
        patch.setenv("DATABRICKS_HOST", lake.host)
        patch.setenv("DATABRICKS_TOKEN", lake.token())
        patch.setenv("DATABRICKS_AUTH_TYPE", "pat")
        patch.setenv("MLFLOW_ENABLE_DB_SDK", "false")
        patch.setenv("MLFLOW_TRACKING_URI", "databricks")
        experiment = mlflow.set_experiment(f"{EXPERIMENTS}/diabetes").experiment_id
        with mlflow.start_run() as run:
            mlflow.log_metric("accuracy", 0.75)
            mlflow.log_artifacts(str(MODEL), "as-files")
            logged = mlflow.pyfunc.log_model(
                name="model",
                loader_module="mlflow.sklearn",
                data_path=str(MODEL / "model.pkl"),
                signature=mlflow.models.Model.load(str(MODEL)).signature,
                pip_requirements=["scikit-learn"],
            )
    files = register(workspace, f"runs:/{run.info.run_id}/as-files")
    assert (files.version, files.content_hash) == ("1", hash_path(MODEL))
    assert files.origin == Origin(run.info.run_id)
    request = TrainRequest(
        job="fit-1",
        created_at="2026-11-29T12:00:00+00:00",
        model="diabetes",
        cluster=lake.cluster_id,
        bootstrap="bootstrap.py",
        run_id=run.info.run_id,
        experiment_id=experiment,
        experiment=f"{EXPERIMENTS}/diabetes",
        code="code",
        program=("train.py",),
        inputs={},
        files=(),
        outputs={},
        folders=(),
    )
    lake.put_file("jobs/fit-1/request.json", request_text(request).encode())
    asset = register(workspace, str(artifact_of("fit-1", "model")), job="fit-1")
    assert (asset.version, asset.job) == ("2", "fit-1")
    assert asset.origin is not None
    assert asset.origin.run == run.info.run_id
    assert asset.origin.metrics == {"accuracy": 0.75}
    told = sign_in(lake).model_versions.get(FULL_NAME, 2)
    assert (told.run_id, told.source) == (run.info.run_id, f"models:/{logged.model_id}")
    assert workspace.asset("model", f"{NAME}:2") == asset
    with pytest.raises(NotFound, match="no job 'fit-2'"):
        register(workspace, str(artifact_of("fit-2", "model")), job="fit-2")
