from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.assets.content import Content, ContentFile, hash_path, scan
from runner.azureml.storage import Place, storage_of
from runner.azureml.workspace import AzureWorkspace
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.local.workspace import LocalWorkspace
from runner.project import Project
from runner.workspace import Asset, Origin, Registration, Transfer
from tests.azureml.stage import Stage, change_before_sending, put


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write files in two levels, one of them empty, one with a name that must be escaped."""
    path = tmp_path / "input"
    (path / "deep").mkdir(parents=True)
    (path / "a b%20ü#?.csv").write_bytes(b"1,2\n")
    (path / "deep" / "empty").write_bytes(b"")
    (path / "deep" / "b.bin").write_bytes(os.urandom(5000))
    return path


def data(name: str, path: Path, **more: Any) -> Registration:
    return Registration(name, path, "uri_folder" if path.is_dir() else "uri_file", **more)


def files(path: Path) -> dict[str, bytes]:
    found = (file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in found}


def writes(stored: Stage) -> list[str]:
    """Return the requests so far that could have changed something."""
    return [
        str(request)
        for request in stored.emulator.requests
        if request.method in ("PUT", "POST", "PATCH") and "listsecrets" not in request.path.lower()
    ]


def archive(stored: Stage, version: str) -> None:
    path = f"{stored.workspace_id}/{version}"
    properties = stored.emulator.arm("GET", path)[1]["properties"]
    del properties["provisioningState"]
    put(stored.emulator, path, {"properties": {**properties, "isArchived": True}})


def container(workspace: AzureWorkspace) -> Any:
    return storage_of(workspace._connection).container("workspaceblobstore")


def test_a_folder_is_sent_and_registered_with_the_hash_of_its_content(
    workspace: AzureWorkspace, name: str, folder: Path
) -> None:
    asset = workspace.register("data", data(name, folder, description="few", tags={"a": "b"}))
    assert (asset.reference, asset.type) == (f"azureml:{name}:1", "uri_folder")
    assert (asset.description, asset.tags) == ("few", {"a": "b"})
    assert asset.content_hash == hash_path(folder)
    assert asset.base_name == "input"
    assert asset.path.endswith(
        f"/workspaces/scoring/datastores/workspaceblobstore/paths/LocalUpload/{asset.content_hash}/input"
    )
    assert workspace.asset("data", asset.reference) == asset


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_was_registered_is_what_is_fetched(
    workspace: AzureWorkspace, name: str, folder: Path, tmp_path: Path, kind: str
) -> None:
    source = folder if kind == "folder" else folder / "deep" / "b.bin"
    asset = workspace.register("data", data(name, source))
    target = tmp_path / "new" / "copy"
    assert workspace.download_asset("data", asset.reference, target) == target
    if kind == "folder":
        assert files(target) == files(folder)
    else:
        assert target.read_bytes() == source.read_bytes()
    assert list(target.parent.iterdir()) == [target]


def test_a_big_file_goes_in_blocks_and_comes_back_whole(
    workspace: AzureWorkspace, name: str, tmp_path: Path
) -> None:
    source = tmp_path / "big.bin"
    source.write_bytes(os.urandom(9 << 20) + b"rest")
    asset = workspace.register("data", data(name, source))
    workspace.download_asset("data", asset.reference, tmp_path / "copy.bin")
    assert (tmp_path / "copy.bin").read_bytes() == source.read_bytes()
    assert asset.content_hash == hash_path(source)


def test_the_same_content_keeps_its_version_and_sends_no_byte(
    stored: Stage, workspace: AzureWorkspace, name: str, folder: Path
) -> None:
    first = workspace.register("data", data(name, folder))
    stored.emulator.requests.clear()
    assert workspace.register("data", data(name, folder)) == first
    assert writes(stored) == []


def test_new_content_gets_the_next_version_and_old_content_its_own(
    workspace: AzureWorkspace, name: str, tmp_path: Path
) -> None:
    versions = []
    for content in "abcab":
        (tmp_path / "a.csv").write_text(content)
        versions.append(workspace.register("data", data(name, tmp_path / "a.csv")).version)
    assert versions == ["1", "2", "3", "1", "2"]
    assert [asset.version for asset in workspace.assets("data", name)] == ["3", "2", "1"]
    assert workspace.asset("data", name).version == "3"


def test_a_later_registration_gives_the_same_version_its_description_and_tags(
    workspace: AzureWorkspace, name: str, folder: Path
) -> None:
    first = workspace.register("data", data(name, folder, tags={"a": "b"}))
    again = workspace.register("data", data(name, folder, description="new", tags={"c": "d"}))
    assert again == replace(first, description="new", tags={"c": "d"})
    assert workspace.asset("data", first.reference) == again
    assert workspace.register("data", data(name, folder)) == again  # nothing is taken away


def test_a_version_that_exists_with_other_content_is_refused(
    workspace: AzureWorkspace, name: str, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("a")
    workspace.register("data", data(name, tmp_path / "a.csv", version="7"))
    (tmp_path / "a.csv").write_text("b")
    with pytest.raises(EnvironmentRefused, match="version 7 exists with other content"):
        workspace.register("data", data(name, tmp_path / "a.csv", version="7"))
    assert workspace.register("data", data(name, tmp_path / "a.csv")).version == "8"


def test_blobs_that_are_there_are_not_sent_again_and_wrong_ones_are(
    workspace: AzureWorkspace, name: str, folder: Path
) -> None:
    root = f"LocalUpload/{hash_path(folder)}/input"

    def left(file: str, content: bytes) -> Any:
        """Return a blob that a run left which was cut off, or had another content to send."""
        digest = hashlib.sha256(content).hexdigest()
        container(workspace).upload_blob(
            f"{root}/{file}", content, overwrite=True, metadata={"sha256": digest}
        )
        return container(workspace).get_blob_client(f"{root}/{file}")

    right = left("a b%20ü#?.csv", b"1,2\n")
    wrong = left("deep/b.bin", b"x" * 5000)
    before = right.get_blob_properties().etag
    workspace.register("data", data(name, folder))
    assert right.get_blob_properties().etag == before
    assert wrong.download_blob().readall() == (folder / "deep" / "b.bin").read_bytes()


def test_many_that_register_the_same_at_once_get_one_version(
    stored: Stage, name: str, folder: Path, tmp_path: Path
) -> None:
    def register(_: int) -> Asset:
        return stored.workspace(tmp_path).register("data", data(name, folder))

    with ThreadPoolExecutor(6) as pool:
        assert {asset.version for asset in pool.map(register, range(6))} == {"1"}
    assert len(stored.workspace(tmp_path).assets("data", name)) == 1


def test_many_that_register_something_else_at_once_get_a_version_each(
    stored: Stage, name: str, tmp_path: Path
) -> None:
    def register(number: int) -> str:
        source = tmp_path / f"{number}.csv"
        source.write_text(str(number))
        return stored.workspace(tmp_path).register("data", data(name, source)).version

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(register, range(6))) == list("123456")


def test_who_commits_a_big_blob_second_finds_it_there(
    stored: Stage, name: str, tmp_path: Path
) -> None:
    source = tmp_path / "big.bin"
    source.write_bytes(os.urandom(9 << 20))

    def register(_: int) -> Asset:
        return stored.workspace(tmp_path).register("data", data(name, source))

    with ThreadPoolExecutor(3) as pool:
        first, *others = pool.map(register, range(3))
    assert all(asset.reference == first.reference for asset in others)
    stored.workspace(tmp_path).download_asset("data", name, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()


def test_progress_ends_at_all_bytes(
    workspace: AzureWorkspace, name: str, folder: Path, tmp_path: Path
) -> None:
    seen: list[Transfer] = []
    workspace.on_transfer = seen.append
    workspace.register("data", data(name, folder))
    size = sum(map(len, files(folder).values()))
    ends = {Transfer(verb, "input", size, size) for verb in ("reading", "uploading")}
    assert {transfer for transfer in seen if transfer.bytes_done == size} == ends
    seen.clear()
    workspace.download_asset("data", name, tmp_path / "copy")
    last = max(seen, key=lambda transfer: transfer.bytes_done)
    assert last == Transfer("downloading", f"azureml:{name}:1", size, size)


@pytest.mark.parametrize("asked", ["{}", "{}:1", "azureml:{}@latest"])
def test_an_unknown_name_offers_the_nearest(
    workspace: AzureWorkspace, name: str, folder: Path, asked: str
) -> None:
    workspace.register("data", data(name, folder))
    with pytest.raises(NotFound, match=f"did you mean '{name}'"):
        workspace.asset("data", asked.format(f"{name}x"))


def test_an_unknown_version_names_those_there_are(
    workspace: AzureWorkspace, name: str, folder: Path
) -> None:
    workspace.register("data", data(name, folder))
    with pytest.raises(NotFound, match=f"'{name}' has no version '9'; it has 1"):
        workspace.asset("data", f"{name}:9")


def test_a_listing_without_a_name_has_the_latest_of_each(
    workspace: AzureWorkspace, name: str, tmp_path: Path
) -> None:
    for content in "ab":
        (tmp_path / "a.csv").write_text(content)
        workspace.register("data", data(name, tmp_path / "a.csv"))
    assert [asset.version for asset in workspace.assets("data") if asset.name == name] == ["2"]


def test_an_archived_version_is_neither_listed_nor_taken_for_the_same(
    stored: Stage, workspace: AzureWorkspace, name: str, folder: Path
) -> None:
    first = workspace.register("data", data(name, folder))
    archive(stored, f"data/{name}/versions/1")
    with pytest.raises(NotFound):
        workspace.assets("data", name)
    again = workspace.register("data", data(name, folder))
    assert (again.version, again.content_hash) == ("2", first.content_hash)
    assert workspace.assets("data", name) == [again]


def test_what_changes_while_it_is_being_sent_is_not_registered(
    workspace: AzureWorkspace, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_before_sending(monkeypatch, folder / "deep" / "b.bin")
    with pytest.raises(EnvironmentRefused, match="input changed while it was being sent"):
        workspace.register("data", data(name, folder))
    with pytest.raises(NotFound):
        workspace.assets("data", name)


def test_what_others_registered_is_shown_without_a_hash_and_fetched(
    stored: Stage, workspace: AzureWorkspace, name: str, tmp_path: Path
) -> None:
    container(workspace).upload_blob(f"{name}/deep/a.txt", b"a")
    container(workspace).upload_blob(f"{name}-other/b.txt", b"b")
    path = f"{stored.workspace_id}/data/{name}/versions/5"
    uri = f"azureml://datastores/workspaceblobstore/paths/{name}/"
    put(stored.emulator, path, {"properties": {"dataType": "uri_folder", "dataUri": uri}})
    asset = workspace.asset("data", name)
    assert (asset.version, asset.content_hash, asset.base_name) == ("5", "", name)
    workspace.download_asset("data", name, tmp_path / "copy")
    assert files(tmp_path / "copy") == {"deep/a.txt": b"a"}


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("https://example.test/a.csv", "is at https://example.test/a.csv, outside of"),
        (
            "azureml://subscriptions/s/resourcegroups/g/workspaces/other/datastores/d/paths/p",
            "in a datastore of another workspace",
        ),
        ("azureml://datastores/workspaceblobstore/paths/nowhere", "there is nothing at 'nowhere'"),
    ],
)
def test_what_lies_elsewhere_is_shown_but_not_fetched(
    stored: Stage, workspace: AzureWorkspace, name: str, tmp_path: Path, uri: str, words: str
) -> None:
    path = f"{stored.workspace_id}/data/{name}/versions/1"
    put(stored.emulator, path, {"properties": {"dataType": "uri_file", "dataUri": uri}})
    assert workspace.asset("data", name).path == uri
    with pytest.raises(EnvironmentRefused, match=words):
        workspace.download_asset("data", name, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("bad", ["../out", "a/../../out", "/etc/out", "a//b", "C:/out", "..\\out"])
def test_blob_names_that_climb_out_are_refused_and_nothing_is_written(
    stored: Stage, workspace: AzureWorkspace, name: str, tmp_path: Path, bad: str
) -> None:
    # A client would tidy the name in an address away, so the listing tells it.
    from runner.azureml.downloads import find_content

    listed = container(workspace)

    class Lying:
        primary_hostname = listed.primary_hostname
        container_name = listed.container_name

        def list_blobs(self, **_: Any) -> Iterator[Any]:
            listed.upload_blob(f"{name}/fine", b"x", overwrite=True)
            for blob in listed.list_blobs(name_starts_with=name):
                blob.name = f"{name}/{bad}"
                yield blob

    with pytest.raises(EnvironmentRefused, match="would be written outside of its folder"):
        find_content(Lying(), name)  # type: ignore[arg-type]


def test_a_target_that_exists_is_refused_before_anything_is_asked(
    stored: Stage, workspace: AzureWorkspace, tmp_path: Path
) -> None:
    (tmp_path / "copy").write_text("mine")
    stored.emulator.requests.clear()
    with pytest.raises(WrongUsage, match="copy exists already"):
        workspace.download_asset("data", "patients", tmp_path / "copy")
    assert not list(stored.emulator.requests)
    assert (tmp_path / "copy").read_text() == "mine"


def test_files_that_are_not_those_registered_are_refused(
    workspace: AzureWorkspace, name: str, folder: Path, tmp_path: Path
) -> None:
    asset = workspace.register("data", data(name, folder))
    root = asset.path.partition("/paths/")[2]
    container(workspace).upload_blob(f"{root}/deep/b.bin", b"other", overwrite=True)
    with pytest.raises(EnvironmentRefused, match="is not what was registered"):
        workspace.download_asset("data", name, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_copy_from_elsewhere_is_checked_and_registered_once(
    workspace: AzureWorkspace, name: str, folder: Path, tmp_path: Path
) -> None:
    asset = Asset(
        "data", name, "3", "uri_folder", hash_path(folder), "", "input", "", tags={"from": "dev"}
    )
    first = workspace.receive(asset, scan(folder))
    assert (first.version, first.tags) == ("1", {"from": "dev"})
    assert first.content_hash == asset.content_hash

    def never() -> Iterator[bytes]:
        raise AssertionError("read again")

    unread = Content("folder", [ContentFile("x", 1, never)])
    assert workspace.receive(asset, unread) == first
    workspace.download_asset("data", name, tmp_path / "copy")
    assert files(tmp_path / "copy") == files(folder)


def test_a_copy_keeps_where_it_came_from_and_what_is_declared_of_it(
    workspace: AzureWorkspace, name: str, folder: Path
) -> None:
    origin = Origin("run-1", "c0", {"train": "azureml:d:1"}, {"rmse": 0.5, "loss": float("nan")})
    asset = Asset(
        "model",
        name,
        "3",
        "custom_model",
        hash_path(folder),
        "",
        "input",
        "",
        origin=origin,
        properties={"mine": "1"},
        stage="Production",
    )
    copy = workspace.receive(asset, scan(folder))
    assert (copy.properties, copy.stage, copy.job) == ({"mine": "1"}, "Production", None)
    assert repr(copy.origin) == repr(origin)  # NaN is nothing's equal


def test_a_copy_whose_source_is_broken_is_not_registered_and_can_be_made_again(
    workspace: AzureWorkspace, name: str, folder: Path, tmp_path: Path
) -> None:
    asset = Asset("data", name, "3", "uri_folder", hash_path(folder), "", "input", "")
    content = scan(folder)
    broken = [
        replace(file, read=lambda: iter([b"x" * 5000])) if file.size == 5000 else file
        for file in content.files
    ]
    with pytest.raises(EnvironmentRefused, match="is not what was registered"):
        workspace.receive(asset, Content("folder", broken))
    with pytest.raises(NotFound):
        workspace.asset("data", name)
    workspace.receive(asset, content)
    workspace.download_asset("data", name, tmp_path / "copy")
    assert files(tmp_path / "copy") == files(folder)


def test_a_copy_of_what_has_no_hash_is_given_one(
    workspace: AzureWorkspace, name: str, folder: Path
) -> None:
    asset = Asset("data", name, "3", "uri_folder", "", "", "input", "")
    assert workspace.receive(asset, scan(folder)).content_hash == hash_path(folder)


@pytest.mark.filterwarnings("ignore")  # the SDK's own
def test_the_sdk_reads_what_the_runner_registered(
    stored: Stage, workspace: AzureWorkspace, name: str, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "MLmodel").write_text("flavors: {}\n")
    wanted = Registration(name, model, "mlflow_model", tags={"a": "b"}, description="few")
    asset = workspace.register("model", wanted)
    table = workspace.register("data", data(name, model))
    client = stored.sdk()
    found = client.models.get(name, "1")
    assert (found.type, found.path, found.description) == ("mlflow_model", asset.path, "few")
    assert found.tags == {"a": "b", "content_hash": asset.content_hash}
    assert [model.version for model in client.models.list(name)] == ["1"]
    client.models.download(name, "1", tmp_path / "sdk")
    assert files(tmp_path / "sdk" / name / "model") == files(model)
    assert client.data.get(name, label="latest").path == table.path


def test_a_copy_goes_to_this_machine_and_back(
    workspace: AzureWorkspace, name: str, folder: Path, tmp_path: Path
) -> None:
    here = LocalWorkspace(Project(tmp_path, tmp_path / "models", tmp_path / "home"))
    asset = workspace.register("data", data(name, folder))
    copy = here.receive(asset, workspace.contents("data", asset.reference))
    assert (copy.content_hash, copy.base_name) == (asset.content_hash, "input")
    assert files(Path(copy.path)) == files(folder)
    back = workspace.receive(
        replace(copy, name=f"{name}-back"), here.contents("data", copy.reference)
    )
    assert back.path == asset.path


def test_a_place_is_below_the_hash(workspace: AzureWorkspace, name: str, folder: Path) -> None:
    asset = workspace.register("data", data(name, folder / "deep" / "b.bin"))
    place = Place("workspaceblobstore", f"LocalUpload/{asset.content_hash}/b.bin")
    assert asset.path == storage_of(workspace._connection).long_uri(place)
