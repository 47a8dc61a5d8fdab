"""Blob storage of the stand-in: Azurite, behind the address of every storage account."""

import base64
import os
import shutil
import signal
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ResourceTypes,
    generate_account_sas,
)

AZURITE = Path(__file__).parents[2] / "scripts" / "azurite"
SECONDS_TO_START = 120  # the first time it is installed


class Blobs:
    """One Azurite process for all storage accounts; its data lies in a folder and survives it.

    Azurite learns its accounts when it starts, so a new account restarts it on the same port.
    """

    def __init__(self, folder: Path, certificate: Path, key: Path, authority: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._certificate = certificate
        self._key = key
        self._authority = authority
        self._accounts: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def available() -> bool:
        """Return whether this machine can run it."""
        return any(shutil.which(command) for command in ("azurite-blob", "npm"))

    def open_account(self, account: str) -> None:
        """Make an account reachable. Does nothing for one that is."""
        if account in self._accounts:
            return
        self._accounts = (*self._accounts, account)
        self.stop()
        self._start()

    def create_container(self, account: str, container: str) -> None:
        """Create a container unless it is there."""
        found = self.client(account).get_container_client(container)
        if not found.exists():
            found.create_container()

    def sas(self, account: str, hours: float = 1) -> str:
        """Return a shared access signature that reads, writes and lists all of the account."""
        return generate_account_sas(
            account,
            account_key(account),
            ResourceTypes(service=True, container=True, object=True),
            AccountSasPermissions(read=True, write=True, list=True, add=True, create=True),
            expiry=datetime.now(UTC) + timedelta(hours=hours),
            protocol="https",
        )

    def read(self, account: str, container: str, path: str) -> bytes | None:
        """Give the content of a blob, None where there is none."""
        found = self.client(account).get_blob_client(container, path)
        return found.download_blob().readall() if found.exists() else None

    def copy(
        self, account: str, container: str, path: str, to: str, to_container: str, to_path: str
    ) -> None:
        """Copy a blob, or all below a path, to a container that is there."""
        source = self.client(account).get_container_client(container)
        target = self.client(to).get_container_client(to_container)
        path = path.rstrip("/")
        for name in source.list_blob_names(name_starts_with=path):
            if name == path or name.startswith(f"{path}/"):
                content = source.download_blob(name).readall()
                target.upload_blob(to_path + name.removeprefix(path), content)

    def client(self, account: str) -> BlobServiceClient:
        """Return a client with the account's key, past the proxy, for the stand-in and tests."""
        return BlobServiceClient(
            f"https://127.0.0.1:{self.port}/{account}",
            credential={"account_name": account, "account_key": account_key(account)},
            connection_verify=str(self._authority),
        )

    def stop(self) -> None:
        """End the process; the data stays."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        accounts = ";".join(f"{name}:{account_key(name)}" for name in self._accounts)
        log = self.folder / "azurite.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    AZURITE,
                    "--silent",
                    "--disableTelemetry",
                    "--skipApiVersionCheck",
                    *("--blobHost", "127.0.0.1", "--blobPort", str(self.port)),
                    *("--location", self.folder, "--oauth", "basic"),
                    *("--cert", self._certificate, "--key", self._key),
                ],
                env={**os.environ, "AZURITE_ACCOUNTS": accounts},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + SECONDS_TO_START
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Azurite did not start: {log.read_text()[-1000:]}")
            time.sleep(0.02)


def account_key(account: str) -> str:
    """Return an account's key: nothing is kept in it but the data of a test on this machine."""
    return base64.b64encode(sha256(account.encode()).digest() * 2).decode()


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        tried.settimeout(1)
        return tried.connect_ex(("127.0.0.1", port)) == 0
