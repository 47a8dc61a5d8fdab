"""A cloud that starts, stops and starts again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.emulator import Emulator, addresses


def _get(emulator: Emulator, url: str, token: str | None = None) -> requests.Response:
    environment = emulator.environment
    return requests.get(
        url,
        proxies={"https": environment["HTTPS_PROXY"]},
        verify=environment["REQUESTS_CA_BUNDLE"],
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=10,
    )


def test_it_starts_in_well_under_a_second(tmp_path: Path) -> None:
    began = time.perf_counter()
    with Emulator.start(tmp_path):
        assert time.perf_counter() - began < 0.8


def test_its_state_survives_a_restart(tmp_path: Path) -> None:
    with Emulator.start(tmp_path) as first:
        first.arm("PUT", "/resourceGroups/kept", {"location": "koreacentral"})
        before = first.environment
        token = first.cloud.tokens.issue(addresses.MANAGEMENT)
    with Emulator.start(tmp_path) as second:
        after = second.environment
        changed = {name for name in before if before[name] != after[name]}
        assert changed <= {"HTTPS_PROXY", "https_proxy"}
        url = f"{addresses.MANAGEMENT}/subscriptions/{second.cloud.subscription}"
        kept = _get(second, f"{url}/resourceGroups/kept?api-version=2024-03-01", token)
        assert kept.status_code == 200


def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.emulator", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    clock = threading.Timer(60, process.kill)
    clock.start()
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or not lines[-1].startswith("export ARM_SUBSCRIPTION_ID="):
            lines.append(process.stdout.readline())
            assert lines[-1], "it ended without its environment"
        script = "".join(lines)
        told = subprocess.run(
            ["bash", "-c", f'{script}\n{sys.executable} -c "{_ASKS}"'],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"]},
            timeout=60,
        )
        assert told.stdout.strip() == "AzureTest", told.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        clock.cancel()
        process.kill()
        process.wait(timeout=10)


_ASKS = (
    "import os, requests;"
    "print(requests.get(os.environ['ARM_CLOUD_METADATA_URL'], timeout=10).json()[0]['name'])"
)


def test_newer_clients_get_one_cloud_instead_of_a_list(emulator: Emulator) -> None:
    url = f"{addresses.MANAGEMENT}/metadata/endpoints?api-version=2022-09-01"
    described = _get(emulator, url).json()
    assert described["resourceManager"] == addresses.MANAGEMENT
    assert described["suffixes"]["storage"] == "core.azure.test"
    assert described["authentication"]["audiences"][0] == addresses.MANAGEMENT


def test_no_other_host_can_be_reached_through_it(emulator: Emulator) -> None:
    with pytest.raises(requests.exceptions.ProxyError):
        _get(emulator, "https://example.com/")


def test_a_host_without_a_service_says_so(emulator: Emulator) -> None:
    got = _get(emulator, "https://portal.azure.test/")
    assert got.status_code == 404


def test_the_discovery_of_a_workspace_needs_no_token(emulator: Emulator) -> None:
    found = _get(emulator, "https://koreacentral.api.ml.azure.test/discovery").json()
    assert found["history"] == "https://koreacentral.api.ml.azure.test"


def test_blob_hosts_lead_to_the_storage_that_is_plugged_in(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as far,
        Emulator.start(tmp_path) as emulator,
        socket.socket() as near,
    ):
        storage = _Storage(far.getsockname()[1])
        emulator.arm("PUT", "/resourceGroups/rg", {"location": "koreacentral"})
        accounts = "/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts"
        emulator.arm("PUT", f"{accounts}/before", {"location": "koreacentral"})
        emulator.use_storage(storage)
        emulator.arm("PUT", f"{accounts}/later", {"location": "koreacentral"})
        assert storage.accounts == ["before", "later"]

        near.settimeout(10)
        near.connect(("127.0.0.1", emulator.port))
        near.sendall(b"CONNECT before.blob.core.azure.test:443 HTTP/1.1\r\n\r\n")
        assert near.recv(1000).startswith(b"HTTP/1.1 200")
        far.settimeout(10)
        tunnelled, _ = far.accept()
        with tunnelled:
            near.sendall(b"to the storage")
            assert tunnelled.recv(1000) == b"to the storage"
            tunnelled.sendall(b"and back")
            assert near.recv(1000) == b"and back"
        assert [str(asked) for asked in emulator.requests] == [
            "CONNECT https://before.blob.core.azure.test/ 200"
        ]


class _Storage:
    """A storage that notes what it is told."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.accounts: list[str] = []

    def open_account(self, account: str) -> None:
        self.accounts.append(account)

    def create_container(self, account: str, container: str) -> None:
        raise AssertionError("no container was asked for")

    def sas(self, account: str) -> str:
        return "sig=none"

    def read(self, *_: str) -> None:
        raise AssertionError("no blob was to be read")

    def copy(self, *_: str) -> None:
        raise AssertionError("no blob was to be copied")


def test_the_log_keeps_no_secret(emulator: Emulator) -> None:
    token = emulator.cloud.tokens.issue(addresses.MANAGEMENT)
    marker = "in-the-query-only"
    url = (
        f"{addresses.MANAGEMENT}/subscriptions/x?api-version=2024-03-01&sig={marker}&token={marker}"
    )
    _get(emulator, url, token)
    logged = [asked for asked in emulator.requests if "sig" in asked.query]
    assert logged[-1].query == {"api-version": "2024-03-01", "sig": "***", "token": "***"}
    assert logged[-1].status == 404
    for asked in emulator.requests:
        assert marker not in repr(asked)
        assert token not in repr(asked)


def test_stopping_ends_connections_that_wait(tmp_path: Path) -> None:
    with Emulator.start(tmp_path) as emulator, requests.Session() as session:
        session.proxies = {"https": emulator.environment["HTTPS_PROXY"]}
        trusted = emulator.environment["REQUESTS_CA_BUNDLE"]
        url = emulator.environment["ARM_CLOUD_METADATA_URL"]
        session.get(url, timeout=10, verify=trusted)
        emulator.stop()
        with pytest.raises(requests.exceptions.ConnectionError):
            session.get(url, timeout=10, verify=trusted)


def test_a_proxy_that_is_asked_for_a_page_refuses(emulator: Emulator) -> None:
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=10) as plain:
        plain.sendall(b"GET http://management.azure.test/ HTTP/1.1\r\n\r\n")
        assert plain.recv(1000).startswith(b"HTTP/1.1 403 ")
