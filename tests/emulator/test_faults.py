"""What goes wrong on request."""

from __future__ import annotations

import time
import uuid

import pytest
import requests

from tests.emulator import Emulator, addresses
from tests.emulator.faults import (
    Drop,
    ExpireTokens,
    Stall,
    forbidden,
    server_error,
    throttled,
    unavailable,
)


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
    azure.faults.inject(forbidden("'resourceGroups/write'"), path=f"*/{name}", times=None)
    for _ in range(2):
        got = _put_group(azure, name)
        assert (got.status_code, got.json()["error"]["code"]) == (403, "AuthorizationFailed")


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
