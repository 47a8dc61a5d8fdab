from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from runner.assets.content import hash_path
from runner.assets.fetching import write
from runner.azureml import downloads
from runner.azureml.connection import Connection
from runner.azureml.downloads import fetch, find_content
from runner.azureml.storage import storage_of
from runner.errors import EnvironmentRefused, NotFound
from tests.azureml.stage import Stage

Put = Callable[..., str]


@pytest.fixture
def container(stored: Stage) -> ContainerClient:
    return storage_of(Connection(stored.outputs())).container("workspaceblobstore")


@pytest.fixture
def put(container: ContainerClient) -> Put:
    """Store blobs by name below a path of the test's own, and return that path."""
    root = f"downloads/{uuid.uuid4().hex}"

    def put(**blobs: bytes) -> str:
        for name, content in blobs.items():
            container.upload_blob(f"{root}/{name.replace('__', '/')}", content, overwrite=True)
        return root

    return put


def test_a_folder_is_fetched_with_all_below_it(
    container: ContainerClient, put: Put, tmp_path: Path
) -> None:
    root = put(a=b"one", deep__down__b=b"two", empty=b"")
    told: list[tuple[int, int]] = []
    files = fetch(container, root, tmp_path, lambda done, of: told.append((done, of)))
    assert {str(file.relative_to(tmp_path)): file.read_bytes() for file in files} == {
        "a": b"one",
        "deep/down/b": b"two",
        "empty": b"",
    }
    assert told[-1] == (6, 6)


def test_a_single_blob_keeps_its_name_and_its_neighbours_stay(
    container: ContainerClient, put: Put, tmp_path: Path
) -> None:
    root = put(a=b"one", ab=b"two", a__c=b"three")
    assert [file.name for file in find_content(container, f"{root}/a").files] == ["a"]
    assert [file.name for file in find_content(container, root).files] == ["a", "a/c", "ab"]
    assert fetch(container, f"{root}/ab", tmp_path, lambda *_: None) == [tmp_path / "ab"]


def test_folders_that_storage_keeps_as_blobs_are_no_files(
    container: ContainerClient, put: Put
) -> None:
    root = put(file=b"one")
    container.upload_blob(f"{root}/folder", b"", metadata={"hdi_isfolder": "true"})
    assert [file.name for file in find_content(container, root).files] == ["file"]


def test_large_blobs_come_in_pieces(
    container: ContainerClient, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "PIECE", 10)
    content = bytes(range(95))
    (file,) = fetch(container, f"{put(large=content)}/large", tmp_path, lambda *_: None)
    assert file.read_bytes() == content
    content_found = find_content(container, put())
    assert write(content_found, tmp_path / "again", lambda _: None) == hash_path(tmp_path / "again")


def test_a_blob_that_changes_while_it_is_read_is_refused(
    container: ContainerClient, put: Put
) -> None:
    content = find_content(container, put(a=b"one"))
    put(a=b"two")
    with pytest.raises(EnvironmentRefused, match="ConditionNotMet"):
        list(content.files[0].read())


def test_where_there_is_nothing_the_place_is_named(container: ContainerClient, put: Put) -> None:
    root = put(a=b"one")
    with pytest.raises(NotFound, match=rf"nothing at '{root}/b'"):
        find_content(container, f"{root}/b/")
