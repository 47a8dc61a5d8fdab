"""Files that are in the cloud already are registered where they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.azureml.storage import Place, storage_of
from runner.azureml.workspace import AzureWorkspace
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.workspace import Asset, Metric, Origin, Registration, Run
from tests.azureml.stage import Stage

STORE = "azureml://datastores/workspaceblobstore/paths"


def lay(workspace: AzureWorkspace, path: str, datastore: str = "workspaceblobstore") -> str:
    """Put a blob into a datastore; returns the long address of its folder."""
    storage = storage_of(workspace._connection)
    storage.container(datastore).upload_blob(path, b"flavors: {}\n", overwrite=True)
    return storage.long_uri(Place(datastore, path.rpartition("/")[0]))


def trained(stored: Stage, status: str = "Completed", **properties: Any) -> str:
    """Make a training job that has ended; return its name."""
    return stored.job(
        "fit", status, jobType="Command", command="fit", tags={}, environmentId="e", **properties
    )


def register(workspace: AzureWorkspace, kind: Any, name: str, path: str, **more: Any) -> Asset:
    return workspace.register(kind, Registration(name, path, more.pop("type", None), **more))


def blobs_sent(stored: Stage) -> list[str]:
    return [
        str(request)
        for request in stored.emulator.requests
        if request.method == "PUT" and ".blob." in request.host
    ]


def test_a_model_in_a_datastore_is_registered_where_it_lies_as_what_it_is(
    stored: Stage, workspace: AzureWorkspace, name: str
) -> None:
    place = lay(workspace, f"{name}/model/MLmodel")
    stored.emulator.look_into_blobs = True
    stored.emulator.requests.clear()
    try:
        asset = register(workspace, "model", name, f"{STORE}/{name}/model/")
    finally:
        stored.emulator.look_into_blobs = False
    assert (asset.type, asset.path.rstrip("/"), asset.version) == ("mlflow_model", place, "1")
    assert asset.content_hash == ""
    assert blobs_sent(stored) == []
    assert register(workspace, "model", name, f"{STORE}/{name}/model") == asset
    again = register(workspace, "model", name, f"{STORE}/{name}/model", tags={"a": "b"})
    assert again == replace(asset, tags={"a": "b"})


def test_files_that_were_sent_keep_their_hash_when_their_place_is_registered(
    workspace: AzureWorkspace, name: str, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(name)
    sent = workspace.register("data", Registration(name, tmp_path / "a.csv", "uri_file"))
    again = register(workspace, "data", name, sent.path, tags={"a": "b"})
    assert again == replace(sent, tags={"a": "b"})


@pytest.mark.parametrize(
    ("kind", "path", "type_"),
    [
        ("model", "deep", "custom_model"),
        ("model", "deep/MLmodel.txt", "custom_model"),
        ("data", "deep", "uri_folder"),
        ("data", "deep/MLmodel.txt", "uri_file"),
    ],
)
def test_the_type_is_what_lies_there(
    workspace: AzureWorkspace, name: str, kind: Any, path: str, type_: str
) -> None:
    lay(workspace, f"{name}/deep/MLmodel.txt")
    assert register(workspace, kind, name, f"{STORE}/{name}/{path}").type == type_


def test_another_place_gets_the_next_version(workspace: AzureWorkspace, name: str) -> None:
    for folder in ("one", "other"):
        lay(workspace, f"{name}/{folder}/a.csv")
    folders = ("one", "other", "one")
    registered = [
        register(workspace, "data", name, f"{STORE}/{name}/{folder}") for folder in folders
    ]
    assert [asset.version for asset in registered] == ["1", "2", "1"]
    with pytest.raises(EnvironmentRefused, match="version 2 exists with other path"):
        register(workspace, "data", name, f"{STORE}/{name}/one", version="2")


def test_what_is_at_an_address_of_its_own_is_registered_unseen(
    workspace: AzureWorkspace, name: str
) -> None:
    address = "https://example.test/public/patients.csv"
    asset = register(workspace, "data", name, address)
    assert (asset.path, asset.type) == (address, "uri_file")
    assert register(workspace, "data", name, address) == asset


def test_what_a_job_logged_is_registered_with_the_job_and_what_it_tracked(
    stored: Stage, workspace: AzureWorkspace, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = trained(stored)
    place = lay(workspace, f"ExperimentRun/dcid.{job}/model/MLmodel", "workspaceartifactstore")
    metrics = {"rmse": Metric(0.5, 1), "bad": Metric(float("inf"), 1)}
    read = {"train": "azureml:d:1"}
    tracked = Run("run-1", "fine", "fit", "FINISHED", {}, metrics, inputs=read, commit="c0")
    monkeypatch.setattr(AzureWorkspace, "run", lambda _, asked: tracked if asked == job else None)
    address = f"azureml://jobs/{job}/outputs/artifacts/paths/model/"
    asset = register(workspace, "model", name, address, properties={"mine": "1"}, job=job)
    assert (asset.type, asset.job, asset.path.lower()) == ("mlflow_model", job, place.lower())
    assert asset.properties == {"mine": "1"}
    assert asset.origin == Origin("run-1", "c0", read, {"rmse": 0.5, "bad": float("inf")})
    assert workspace.asset("model", asset.reference) == asset
    for same in (address, f"runs:/{job}/model", place):
        assert register(workspace, "model", name, same).version == "1"
    assert [file.name for file in workspace.contents("model", name).files] == ["MLmodel"]
    other = register(workspace, "model", f"{name}-2", f"models:/{name}/1")
    assert other.path.lower() == asset.path.lower()
    assert (other.origin, other.job) == (asset.origin, job)


def test_a_model_whose_job_can_no_longer_be_read_is_registered_without_its_figures(
    stored: Stage, workspace: AzureWorkspace, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = trained(stored, "Failed")
    lay(workspace, f"ExperimentRun/dcid.{job}/model/MLmodel", "workspaceartifactstore")

    def gone(*_: Any) -> Run:
        raise NotFound("no run")

    monkeypatch.setattr(AzureWorkspace, "run", gone)
    asset = register(workspace, "model", name, f"runs:/{job}/model")
    assert (asset.job, asset.origin) == (job, None)


def test_data_that_a_job_wrote_is_registered_by_its_place(
    stored: Stage, workspace: AzureWorkspace, name: str
) -> None:
    job = trained(stored)
    place = lay(workspace, f"azureml/{job}/tables/deep/a.csv")
    asset = register(workspace, "data", name, f"azureml://jobs/{job}/outputs/tables/paths/deep")
    assert (asset.path, asset.type, asset.job) == (place, "uri_folder", job)


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ("azureml://jobs/{job}/outputs/artifacts/paths/modle", NotFound, "there is nothing at"),
        ("azureml://jobs/{job}/outputs/modle/paths/", NotFound, "has no output 'modle'"),
        ("azureml://jobs/{job}x/outputs/model/paths/", NotFound, "no job"),
        ("azureml://jobs/{job}/outputs/artifacts/paths/../x", WrongUsage, "leads out of the run"),
        ("runs:/{job}/nothing", NotFound, "there is nothing at"),
        ("models:/{name}@champion", WrongUsage, "alias 'champion', which Azure does not keep"),
        ("models:/m-0123abc", WrongUsage, "by its id, which Azure does not keep"),
        ("models:/{name}/1", NotFound, "no model"),
        ("azureml://datastores/workspaceblobstor/paths/x", NotFound, "'workspaceblobstore'"),
        ("azureml://datastores/workspaceblobstore/paths/{name}", NotFound, "there is nothing at"),
        ("azureml:{name}:1", WrongUsage, r"can't be registered, allowed: a path, .*models:/NAME"),
        ("azureml://datastores/d", WrongUsage, "is not a datastore URI"),
        (
            "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/p",
            WrongUsage,
            "is in another workspace than 'scoring'",
        ),
        ("azureml://registries/shared/models/m", WrongUsage, "names no version"),
        ("azureml://registries/shared/data/m/versions/1", WrongUsage, "allowed: models"),
        ("ftp://example.test/model", WrongUsage, "can't be registered, allowed: a path, azureml"),
    ],
)
def test_an_address_of_nothing_is_refused_and_nothing_is_registered(
    stored: Stage, workspace: AzureWorkspace, name: str, address: str, error: Any, words: str
) -> None:
    job = trained(stored)
    with pytest.raises(error, match=words):
        register(workspace, "model", name, address.format(job=job, name=name))
    with pytest.raises(NotFound):
        workspace.assets("model", name)


def test_what_is_no_mlflow_model_is_not_registered_as_one(
    stored: Stage, workspace: AzureWorkspace, name: str
) -> None:
    job = trained(stored)
    lay(workspace, f"ExperimentRun/dcid.{job}/plots/a.png", "workspaceartifactstore")
    with pytest.raises(WrongUsage, match="is not an MLflow model, it has no file MLmodel"):
        register(workspace, "model", name, f"runs:/{job}/plots", type="mlflow_model")


def test_what_a_job_still_writes_is_not_registered(
    stored: Stage, workspace: AzureWorkspace, name: str
) -> None:
    job = trained(stored, "Running")
    with pytest.raises(EnvironmentRefused, match=f"job '{job}' is Running"):
        register(workspace, "model", name, f"azureml://jobs/{job}/outputs/artifacts/paths/model")


def test_a_model_is_no_data(workspace: AzureWorkspace, name: str) -> None:
    with pytest.raises(WrongUsage, match="register it with `runner models register`"):
        register(workspace, "data", name, f"models:/{name}/1")
