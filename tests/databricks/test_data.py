"""Data assets in the volume, once by content, however often they are asked for."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from runner.assets.content import hash_path
from runner.databricks import data
from runner.databricks.workspace import DatabricksWorkspace
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.workspace import Asset, Registration
from tests.emulator.databricks.fixtures import sign_in
from tests.emulator.databricks.seed import SeededLake
from tests.emulator.faults import Answer, Drop


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "patients"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text("1\n")
    (folder / "deep" / "b.csv").write_text("2\n")
    return folder


def register(
    workspace: DatabricksWorkspace,
    path: Path | str,
    type_: str | None = None,
    description: str = "",
) -> Asset:
    wanted = Registration("patients", path, type_, description=description)
    return workspace.register("data", wanted)


def sent_files(lake: SeededLake) -> list[str]:
    return [
        request.path.partition("/files/data/")[2]
        for request in lake.emulator.requests
        if request.method == "PUT" and "/fs/files/" in request.path
    ]


def test_a_folder_lies_in_the_volume_with_a_manifest_beside_it(
    lake: SeededLake, workspace: DatabricksWorkspace, source: Path
) -> None:
    asset = register(workspace, source, description="some")
    assert (asset.version, asset.type, asset.base_name) == ("1", "uri_folder", "patients")
    assert asset.path == f"{lake.volume}/data/patients/1"
    assert asset.content_hash == hash_path(source) == hash_path(lake.local(asset.path))
    told = json.loads(lake.local(f"{asset.path}.json").read_text())
    assert (told["content_hash"], told["description"]) == (asset.content_hash, "some")
    names = [entry.name for entry in sign_in(lake).files.list_directory_contents(asset.path)]
    assert names == ["a.csv", "deep"]


def test_content_that_is_there_is_not_sent_again(
    lake: SeededLake, workspace: DatabricksWorkspace, source: Path
) -> None:
    first = register(workspace, source)
    lake.emulator.requests.clear()
    assert register(workspace, source) == first
    assert sent_files(lake) == []
    assert register(workspace, source, description="other").description == "other"
    assert sent_files(lake) == ["patients/1.json"]


def test_what_changes_while_it_is_being_sent_is_not_registered(
    workspace: DatabricksWorkspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = data._send

    def late(*given: Any) -> None:
        (source / "a.csv").write_text("9\n")
        send(*given)

    with monkeypatch.context() as patched:
        patched.setattr(data, "_send", late)
        with pytest.raises(EnvironmentRefused, match="patients changed while it was being sent"):
            register(workspace, source)
    with pytest.raises(NotFound):
        workspace.assets("data", "patients")
    assert register(workspace, source).content_hash == hash_path(source)


def test_ignored_files_stay_here(
    lake: SeededLake, workspace: DatabricksWorkspace, source: Path
) -> None:
    (source / ".amlignore").write_text("deep\n")
    asset = register(workspace, source)
    assert not lake.local(f"{asset.path}/deep").exists()


def test_files_come_whole_or_the_version_does_not(
    lake: SeededLake, workspace: DatabricksWorkspace, source: Path
) -> None:
    lake.emulator.faults.inject(Answer(400, "BAD_REQUEST", "no"), path="*/1/deep/b.csv", times=9)
    with pytest.raises(EnvironmentRefused, match="BAD_REQUEST"):
        register(workspace, source)
    with pytest.raises(NotFound, match="no data asset 'patients'"):
        workspace.assets("data", "patients")
    assert workspace.assets("data") == []
    lake.emulator.faults.clear()
    register(workspace, source)
    assert len(workspace.assets("data", "patients")) == 1


def test_what_was_killed_amid_an_upload_is_gone_on_with(
    lake: SeededLake, workspace: DatabricksWorkspace, source: Path
) -> None:
    asset = register(workspace, source)
    manifest = lake.local(f"{asset.path}.json")
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "registered": False}))
    lake.local(f"{asset.path}/deep/b.csv").unlink()
    with pytest.raises(NotFound):
        workspace.asset("data", "patients")
    lake.emulator.requests.clear()
    assert register(workspace, source).version == "1"
    assert sent_files(lake) == ["patients/1/deep/b.csv", "patients/1.json"]
    assert hash_path(lake.local(asset.path)) == asset.content_hash


@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_answers_that_are_dropped_make_no_second_version(
    lake: SeededLake, workspace: DatabricksWorkspace, source: Path, when: str
) -> None:
    for path in ("*/1.json", "*/1/a.csv", "*/1.json"):
        lake.emulator.faults.inject(Drop(when), path=path)  # type: ignore[arg-type]
    asset = register(workspace, source)
    assert asset.version == "1"
    assert workspace.assets("data", "patients") == [asset]
    assert hash_path(lake.local(asset.path)) == asset.content_hash


def test_others_who_register_at_once_get_versions_of_their_own(
    workspace: DatabricksWorkspace, tmp_path: Path
) -> None:
    sources = [tmp_path / f"{number}.csv" for number in range(4)]
    for path in sources:
        path.write_text(path.name)
    with ThreadPoolExecutor(4) as pool:
        assets = list(pool.map(lambda path: register(workspace, path), sources))
    assert sorted(asset.version for asset in assets) == ["1", "2", "3", "4"]
    for asset, path in zip(assets, sources, strict=True):
        content = workspace.contents("data", asset.reference)
        assert b"".join(content.files[0].read()) == path.read_bytes()


def test_what_lies_in_a_volume_is_registered_where_it_is(
    lake: SeededLake, workspace: DatabricksWorkspace
) -> None:
    lake.put_file("landing/2026/a.csv", b"1\n")
    address = f"dbfs:{lake.volume}/landing/2026"
    asset = register(workspace, address)
    assert (asset.type, asset.path) == ("uri_folder", f"{lake.volume}/landing/2026")
    assert register(workspace, Path(f"{lake.volume}/landing/2026/")) == asset
    single = register(workspace, f"{address}/a.csv")
    assert (single.version, single.type) == ("2", "uri_file")
    with pytest.raises(WrongUsage, match="is a uri_file, not a uri_folder"):
        register(workspace, f"{address}/a.csv", type_="uri_folder")
    with pytest.raises(NotFound, match="there is nothing at"):
        register(workspace, f"{address}/b.csv")


def test_storage_behind_the_catalog_is_registered_unseen(workspace: DatabricksWorkspace) -> None:
    asset = register(workspace, "abfss://raw@account.dfs.core.windows.net/patients/")
    assert asset.type == "uri_folder"
    with pytest.raises(EnvironmentRefused, match="outside of the volumes"):
        workspace.contents("data", asset.reference)


def test_what_databricks_does_not_read_is_refused(
    workspace: DatabricksWorkspace, source: Path
) -> None:
    with pytest.raises(WrongUsage, match=r"can't be registered, allowed: a path, dbfs:/Volumes"):
        register(workspace, "azureml://datastores/x/paths/y")
    with pytest.raises(WrongUsage, match="only Azure Machine Learning reads"):
        register(workspace, source, type_="mltable")
    with pytest.raises(WrongUsage, match="datastore of data asset 'patients' is for Azure"):
        workspace.register(
            "data", Registration("patients", source, None, more={"datastore": "raw"})
        )


def test_files_of_somebody_else_beside_the_versions_do_no_harm(
    lake: SeededLake, workspace: DatabricksWorkspace, source: Path
) -> None:
    lake.put_file("data/patients/notes.json", b"[1]")
    lake.put_file("data/patients/1/theirs.csv", b"")
    assert register(workspace, source).version == "2"
    assert [asset.version for asset in workspace.assets("data", "patients")] == ["2"]
