"""Faults that a test injects."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import ContainerClient

from tests.emulator import Emulator, addresses
from tests.emulator.faults import (
    Answer,
    Drop,
    ExpireTokens,
    Repeat,
    Stall,
    forbidden,
    server_error,
    signature_expired,
    storage_busy,
    storage_forbidden,
    storage_trouble,
    throttled,
    unavailable,
)
from tests.emulator.seed import seed_workspace


def _put_group(azure: Emulator, name: str, timeout: float = 10) -> requests.Response:
    token = azure.cloud.tokens.issue(addresses.MANAGEMENT)
    return requests.put(
        f"{addresses.MANAGEMENT}/subscriptions/{azure.cloud.subscription}/resourceGroups/{name}"
        "?api-version=2024-03-01",
        json={"location": "koreacentral"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=timeout,
    )


@pytest.fixture
def name() -> str:
    return f"rg-{uuid.uuid4().hex[:8]}"


def _exists(azure: Emulator, name: str) -> bool:
    return azure.arm("GET", f"/resourceGroups/{name}")[0] == 200


def test_a_refused_request_is_not_carried_out(azure: Emulator, name: str) -> None:
    for fault, status in ((throttled(2), 429), (server_error(), 500), (unavailable(), 503)):
        azure.faults.inject(fault, method="PUT", path=f"*/{name}")
        got = _put_group(azure, name)
        assert got.status_code == status
        assert "code" in got.json()["error"]
        assert not _exists(azure, name)
    assert _put_group(azure, name).status_code == 201


def test_throttling_says_how_long_to_wait(azure: Emulator, name: str) -> None:
    azure.faults.inject(throttled(2), path=f"*/{name}")
    assert _put_group(azure, name).headers["Retry-After"] == "2"


def test_who_has_no_right_is_told_so(azure: Emulator, name: str) -> None:
    azure.faults.inject(forbidden(), path=f"*/{name}", times=None)
    app = azure.cloud.application
    group = f"/subscriptions/{azure.cloud.subscription}/resourceGroups/{name}"
    for _ in range(2):
        got = _put_group(azure, name)
        assert (got.status_code, got.json()["error"]["code"]) == (403, "AuthorizationFailed")
        assert got.json()["error"]["message"] == (
            f"The client '{app.client}' with object id '{app.object_id}' does not have"
            " authorization to perform action 'Microsoft.Resources/resourceGroups/write' over scope"
            f" '{group}' or the scope is invalid. If access was recently granted, please refresh"
            " your credentials."
        )


@pytest.mark.parametrize(
    ("when", "carried_out"), [("before", False), ("after", True), ("middle", True)]
)
def test_a_dropped_connection_leaves_the_client_without_an_answer(
    azure: Emulator, name: str, when: str, carried_out: bool
) -> None:
    azure.faults.inject(Drop(when), path=f"*/{name}")  # type: ignore[arg-type]  # parametrized
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        _put_group(azure, name)
    assert _exists(azure, name) is carried_out


def test_a_stalled_answer_comes_late(azure: Emulator, name: str) -> None:
    azure.faults.inject(Stall(0.5), path=f"*/{name}")
    with pytest.raises(requests.Timeout):
        _put_group(azure, name, timeout=0.1)
    deadline = time.monotonic() + 10
    while not _exists(azure, name):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_tokens_can_expire_on_the_way(azure: Emulator, name: str) -> None:
    azure.faults.inject(ExpireTokens(), path=f"*/{name}")
    assert _put_group(azure, name).status_code == 401
    assert _put_group(azure, name).status_code == 201


def test_a_probability_is_the_same_for_the_same_seed(azure: Emulator, name: str) -> None:
    def outcomes() -> list[int]:
        azure.faults.inject(server_error(), path=f"*/{name}", times=None, probability=0.5, seed=3)
        statuses = [_put_group(azure, name).status_code for _ in range(10)]
        azure.faults.clear()
        return [status == 500 for status in statuses]

    first = outcomes()
    assert first == outcomes()
    assert 0 < sum(first) < 10


def test_what_was_injected_can_be_asked_for(azure: Emulator, name: str) -> None:
    azure.faults.inject(server_error(), path=f"*/{name}")
    _put_group(azure, name)
    assert [(method, path.rpartition("/")[2]) for _, method, path in azure.faults.injected] == [
        ("PUT", name)
    ]


def test_some_requests_go_right_before(azure: Emulator, name: str) -> None:
    azure.faults.inject(server_error(), path=f"*/{name}", skip=2)
    statuses = [_put_group(azure, name).status_code for _ in range(4)]
    assert [status == 500 for status in statuses] == [False, False, True, False]


def test_what_signs_a_request_can_be_repeated(azure: Emulator, name: str) -> None:
    azure.faults.inject(Repeat(), path=f"*/{name}")
    got = _put_group(azure, name)
    sent = got.request.headers["Authorization"]
    assert got.status_code == 400
    assert str(sent) in got.json()["error"]["message"]


def test_a_late_request_is_waited_for(azure: Emulator, name: str) -> None:
    azure.faults.inject(Stall(0.3), path=f"*/{name}")
    with pytest.raises(requests.Timeout):
        _put_group(azure, name, timeout=0.1)
    azure.settle()
    assert _exists(azure, name)


@pytest.fixture(scope="session")
def account(scoring_emulator: Emulator) -> str:
    """Provide a storage account of these tests: the blob storage begins anew for each one."""
    return seed_workspace(scoring_emulator, f"rg-{uuid.uuid4().hex[:8]}").storage_account


@pytest.fixture
def container(scoring_azure: Emulator, account: str) -> Iterator[ContainerClient]:
    """Provide a container that is asked over the network, once for each request."""
    name, storage = uuid.uuid4().hex, scoring_azure.cloud.storage
    assert storage is not None
    storage.create_container(account, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring_azure, "look_into_blobs", True)
        yield ContainerClient(
            f"https://{account}.blob.{addresses.STORAGE_SUFFIX}",
            name,
            credential=scoring_azure.cloud.sas(account),
            retry_total=0,
            read_timeout=0.5,
        )


def _content(container: ContainerClient) -> bytes | None:
    blob = container.get_blob_client("a.txt")
    return blob.download_blob().readall() if blob.exists() else None


def test_blobs_are_the_same_when_they_are_looked_into(
    scoring_azure: Emulator, container: ContainerClient
) -> None:
    scoring_azure.requests.clear()
    container.upload_blob("a b/\xfc#?.txt", b"content", metadata={"of": "us"})
    blob = container.get_blob_client("a b/\xfc#?.txt")
    properties = blob.get_blob_properties()
    assert (properties.size, properties.metadata) == (7, {"of": "us"})
    assert blob.download_blob(offset=1, length=3).readall() == b"ont"
    assert list(container.list_blob_names()) == ["a b/\xfc#?.txt"]
    asked = [request for request in scoring_azure.requests if request.method != "CONNECT"]
    assert [request.method for request in asked] == ["PUT", "HEAD", "GET", "GET"]
    assert {request.query.get("sig") for request in asked} == {"***"}


@pytest.mark.parametrize(
    "fault", [storage_trouble(), storage_busy(), storage_forbidden(), signature_expired()]
)
def test_the_blob_storage_refuses_in_its_own_words(
    scoring_azure: Emulator, container: ContainerClient, fault: Answer
) -> None:
    scoring_azure.faults.inject(fault, method="PUT", path="*/a.txt")
    with pytest.raises(HttpResponseError) as refused:
        container.upload_blob("a.txt", b"content")
    assert refused.value.status_code == fault.status
    assert f"ErrorCode:{fault.code}" in str(refused.value)
    assert _content(container) is None


@pytest.mark.parametrize(
    "rules", [{"publicNetworkAccess": "Disabled"}, {"networkAcls": {"defaultAction": "Deny"}}]
)
def test_a_storage_account_lets_nobody_in_from_elsewhere(
    scoring_azure: Emulator,
    container: ContainerClient,
    account: str,
    rules: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By its network it refuses with another code than by a role that is missing.

    https://learn.microsoft.com/troubleshoot/azure/azure-storage/blobs/authentication/storage-troubleshoot-403-errors
    """
    monkeypatch.setattr(scoring_azure, "look_into_blobs", False)
    (kept,) = (
        found
        for found in scoring_azure.cloud.state.of_type("Microsoft.Storage/storageAccounts")
        if found.body["name"] == account
    )
    scoring_azure.arm("PATCH", kept.key, {"properties": rules})
    try:
        with pytest.raises(HttpResponseError) as refused:
            container.upload_blob("a.txt", b"content")
    finally:
        scoring_azure.cloud.state.update(kept, {})
    assert refused.value.status_code == 403
    assert refused.value.reason == "Forbidden"
    assert "This request is not authorized to perform this operation." in str(refused.value)
    assert "ErrorCode:AuthorizationFailure" in str(refused.value)


@pytest.mark.parametrize(
    ("fault", "stored"),
    [
        (Drop("before"), None),
        (Drop("middle"), b"content"),
        (Drop("after"), b"content"),
        (Stall(1), b"content"),
    ],
)
def test_a_request_to_the_blob_storage_gets_lost(
    scoring_azure: Emulator, container: ContainerClient, fault: Drop | Stall, stored: bytes | None
) -> None:
    scoring_azure.faults.inject(fault, method="PUT", path="*/a.txt")
    with pytest.raises(AzureError):
        container.upload_blob("a.txt", b"content")
    scoring_azure.settle()
    assert _content(container) == stored


@pytest.mark.parametrize("looked_into", [True, False])
@pytest.mark.parametrize("fault", [Drop("before"), server_error()])
def test_a_tunnel_to_the_blob_storage_is_not_had(
    scoring_azure: Emulator,
    container: ContainerClient,
    fault: Drop | Answer,
    looked_into: bool,
) -> None:
    scoring_azure.look_into_blobs = looked_into
    scoring_azure.faults.inject(fault, method="CONNECT")
    with pytest.raises(AzureError):
        container.upload_blob("a.txt", b"content")
    assert _content(container) is None
