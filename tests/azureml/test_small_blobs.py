from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AzureSasCredential
from azure.storage.blob import ContainerClient

from runner.assets.content import scan
from runner.azureml.small_blobs import SmallBlobWriter
from runner.azureml.storage import storage_of
from runner.azureml.uploads import upload
from runner.errors import EnvironmentRefused
from tests.azureml.stage import Stage
from tests.emulator.blobs import account_key


@pytest.fixture
def container(stored: Stage, tmp_path: Path) -> ContainerClient:
    return storage_of(stored.workspace(tmp_path)._connection).container("workspaceblobstore")


@pytest.fixture
def name() -> str:
    return f"small {uuid.uuid4().hex}/ü#?%20.csv"


def with_credential(container: ContainerClient, credential: Any) -> ContainerClient:
    url = container.url.partition("?")[0].rpartition("/")[0]
    return ContainerClient(url, container.container_name, credential=credential)


def test_a_blob_is_written_by_a_signature(container: ContainerClient, name: str) -> None:
    assert SmallBlobWriter(container, 1).put(name, b"content", {"sha256": "abc"})
    found = container.download_blob(name)
    assert found.readall() == b"content"
    assert found.properties.metadata == {"sha256": "abc"}
    assert found.properties.content_settings.content_type == "application/octet-stream"


def test_a_blob_is_written_by_who_is_signed_in(
    stored: Stage, tmp_path: Path, container: ContainerClient, name: str
) -> None:
    credential = stored.workspace(tmp_path)._connection.credential
    assert SmallBlobWriter(with_credential(container, credential), 1).put(name, b"content", {})
    assert container.download_blob(name).readall() == b"content"


def test_with_an_accounts_key_azure_storage_blob_writes(
    container: ContainerClient, name: str, tmp_path: Path
) -> None:
    keyed = with_credential(container, account_key(container.account_name))
    assert not SmallBlobWriter(keyed, 1).put(name, b"content", {})
    (tmp_path / "a.csv").write_bytes(b"a")
    assert upload(keyed, name, scan(tmp_path / "a.csv"), {}, lambda _: None).bytes == 1
    assert container.download_blob(f"{name}/a.csv").readall() == b"a"


def test_what_is_refused_is_left_to_azure_storage_blob_which_says_why(
    container: ContainerClient, name: str, tmp_path: Path
) -> None:
    stale = with_credential(container, AzureSasCredential("sv=2024-01-01&sp=w&sig=c2VjcmV0"))
    assert not SmallBlobWriter(stale, 1).put(name, b"content", {})
    (tmp_path / "a.csv").write_bytes(b"a")
    with pytest.raises(EnvironmentRefused) as refused:
        upload(stale, name, scan(tmp_path / "a.csv"), {}, lambda _: None)
    # Azurite says AuthorizationFailure of a bad signature, where Azure means the network by that.
    assert str(refused.value).startswith("Azure refused to write to ")
    assert "c2VjcmV0" not in str(refused.value)
