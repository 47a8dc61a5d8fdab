from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.storage.blob import BlobClient

from runner.azure.errors import translated_errors
from runner.azure.ways_out import BLOB_READER
from runner.azureml import signature
from runner.azureml.connection import Connection
from runner.azureml.health import examine
from runner.azureml.storage import Place, parse_place, storage_of
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from tests.azureml.stage import Stage
from tests.emulator.blobs import Blobs
from tests.emulator.faults import forbidden, storage_out_of_reach

_PATH = "subscriptions/s/resourcegroups/rg/workspaces/ws/datastores/store/paths/a/b.csv"
_ID = _PATH.replace("/workspaces/", "/providers/Microsoft.MachineLearningServices/workspaces/")


@pytest.mark.parametrize(
    "uri",
    [
        f"azureml://{_PATH}",
        f"azureml:/{_PATH}",
        f"azureml:/{_ID}",
        f"/{_ID}",
        "azureml://datastores/store/paths/a/b.csv",
    ],
)
def test_a_uri_names_a_place(uri: str) -> None:
    place = parse_place(uri)
    assert place == Place("store", "a/b.csv")
    assert place.short_uri == "azureml://datastores/store/paths/a/b.csv"


@pytest.mark.parametrize("text", ["azureml:data:1", "https://a/b", "azureml://datastores/x"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match="is not a datastore URI"):
        parse_place(text)


def test_a_place_of_another_workspace_is_not_taken_for_one_of_this(stored: Stage) -> None:
    storage = storage_of(Connection(stored.outputs()))
    place = Place("store", "a/b.csv")
    assert storage.own_place(place.short_uri) == place
    assert storage.own_place(storage.long_uri(place)) == place
    with pytest.raises(WrongUsage, match="in another workspace than 'scoring'"):
        storage.own_place(f"azureml://{_PATH}")


def test_what_is_written_is_read_with_the_sdk(stored: Stage) -> None:
    connection = Connection(stored.outputs())
    storage = storage_of(connection)
    assert storage.default_name == "workspaceblobstore"
    storage.container("workspaceblobstore").upload_blob("folder/file.txt", b"content")
    place = Place("workspaceblobstore", "folder/file.txt")
    address = storage.blob_url(place)
    assert "sig=" not in address
    assert parse_place(storage.long_uri(place)) == place
    secrets = connection.arm.post("datastores", place.datastore, "listSecrets", body={})
    blob = BlobClient.from_blob_url(address, credential=secrets["sasToken"])
    assert blob.download_blob().readall() == b"content"


def test_a_signature_is_renewed_before_it_ends(
    stored: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = storage_of(Connection(stored.outputs())).container("workspaceblobstore")
    begun = len(_asked_secrets(stored))
    container.upload_blob("renewed.txt", b"one", overwrite=True)
    assert len(_asked_secrets(stored)) == begun
    monkeypatch.setattr(signature, "_SECONDS", 0.0)
    monkeypatch.setattr(container.credential, "_signature", "sv=2024-01-01&sp=r&sig=ZW5kZWQ=")
    assert container.download_blob("renewed.txt").readall() == b"one"
    assert len(_asked_secrets(stored)) > begun


def test_a_request_that_is_tried_again_bears_one_signature(
    stored: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = storage_of(Connection(stored.outputs())).container("workspaceblobstore")
    container.upload_blob("again.txt", b"one", overwrite=True)
    transport = container._pipeline._transport
    send, sent = transport.send, list[str]()
    blobs = stored.emulator.cloud.storage
    assert isinstance(blobs, Blobs)

    def drop_the_first(request: Any, **options: Any) -> Any:
        sent.append(request.url)
        if len(sent) == 1:
            monkeypatch.setattr(signature, "_SECONDS", 0.0)
            monkeypatch.setattr(stored.emulator.cloud, "sas", partial(blobs.sas, hours=2))
            raise ServiceRequestError("dropped")
        return send(request, **options)

    monkeypatch.setattr(transport, "send", drop_the_first)
    monkeypatch.setattr(transport, "sleep", lambda _: None)
    assert container.download_blob("again.txt").readall() == b"one"
    assert [url.count("sig=") for url in sent] == [1, 1]
    assert sent[0] != sent[1]


def test_who_may_not_see_secrets_uses_a_role_of_their_own(stored: Stage) -> None:
    stored.emulator.faults.inject(forbidden(), method="POST", path="*/listSecrets", times=None)
    container = storage_of(Connection(stored.outputs())).container("workspaceblobstore")
    container.upload_blob("by-role.txt", b"content", overwrite=True)
    assert container.download_blob("by-role.txt").readall() == b"content"


def test_an_unknown_datastore_names_the_nearest(stored: Stage) -> None:
    with pytest.raises(NotFound, match=r"no datastore 'workspaceblobstor'; did you mean"):
        storage_of(Connection(stored.outputs())).container("workspaceblobstor")


def test_a_blob_that_is_not_there_is_told_in_one_line_without_a_signature(stored: Stage) -> None:
    container = storage_of(Connection(stored.outputs())).container("workspaceblobstore")
    with (
        pytest.raises(EnvironmentRefused) as refused,
        translated_errors("read it", role=BLOB_READER),
    ):
        container.download_blob("none").readall()
    text = str(refused.value)
    assert "BlobNotFound" in text
    assert "\n" not in text
    assert "sig=" not in text


def test_the_doctor_reads_and_writes_and_leaves_nothing_behind(
    stored: Stage, tmp_path: Path
) -> None:
    found = {link.name: link for link in examine("outputs", tmp_path / "o.json", stored.outputs)}
    assert found["storage"].state == "ok", found["storage"].text
    container = storage_of(Connection(stored.outputs())).container("workspaceblobstore")
    assert "runner-doctor" not in list(container.list_blob_names())


def test_the_doctor_tells_a_network_that_keeps_it_out_from_a_missing_role(
    stored: Stage, tmp_path: Path
) -> None:
    stored.emulator.look_into_blobs = True
    stored.emulator.faults.inject(storage_out_of_reach(), path="/azureml-*", times=None)
    found = {link.name: link for link in examine("outputs", tmp_path / "o.json", stored.outputs)}
    stored.emulator.look_into_blobs = False
    link = found["storage"]
    assert link.state == "failed"
    assert "az storage account network-rule add --account-name st" in link.text
    assert "Storage Blob Data" not in link.text


@pytest.mark.parametrize(
    ("rights", "role"),
    [
        ({"write": True}, "Storage Blob Data Reader"),
        ({"read": True, "list": True}, "Storage Blob Data Contributor"),
    ],
)
def test_without_a_right_to_the_storage_the_role_is_named(
    stored: Stage,
    tmp_path: Path,
    rights: dict[str, bool],
    role: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored.narrow_signatures(monkeypatch, rights)
    found = {link.name: link for link in examine("outputs", tmp_path / "o.json", stored.outputs)}
    assert found["storage"].state == "failed"
    assert role in found["storage"].text
    assert "sig=" not in found["storage"].text


def _asked_secrets(stored: Stage) -> list[str]:
    return [
        request.path
        for request in stored.emulator.requests
        if request.path.endswith("/listSecrets")
    ]
