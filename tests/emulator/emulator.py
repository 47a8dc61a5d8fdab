"""A cloud that runs: its state, its services and its network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from tests.emulator import addresses, services
from tests.emulator.app import App
from tests.emulator.certificates import Certificates
from tests.emulator.cloud import Jobs, Storage, open_cloud
from tests.emulator.faults import Faults
from tests.emulator.messages import Request, Response, request
from tests.emulator.operations import Operations
from tests.emulator.request_log import RequestLog
from tests.emulator.routes import Route
from tests.emulator.server import Server
from tests.emulator.state import State

API_VERSION = "2024-10-01"


class Emulator:
    """The stand-in for Azure. `with Emulator.start(folder) as emulator: ...`

    Started again in the same folder it is the same cloud: same names, same resources, same secret,
    same certificate authority. Only the port differs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = State.open(folder)
        self.cloud = open_cloud(self._state)
        self.certificates = Certificates(folder / "certificates")
        self.faults = Faults()
        self.requests = RequestLog()
        self._app = App(self.cloud, services.routes())
        self._server = Server(self._app, self.certificates, self.faults, self.requests)

    @classmethod
    @contextmanager
    def start(cls, folder: Path) -> Iterator[Self]:
        """Run a cloud in a folder until the block ends."""
        emulator = cls(folder)
        try:
            yield emulator
        finally:
            emulator.stop()

    def stop(self) -> None:
        """End all connections and close the state. Does nothing when it is stopped already."""
        self._server.stop()
        self._state.close()

    @property
    def port(self) -> int:
        """Return the port of the proxy, on 127.0.0.1."""
        return self._server.port

    @property
    def look_into_blobs(self) -> bool:
        """Return whether requests to the blob storage are logged and met by faults, one by one.

        Otherwise, and at first, only tunnels to it are, which is what carries bytes fastest.
        """
        return self._server.look_into_blobs

    @look_into_blobs.setter
    def look_into_blobs(self, on: bool) -> None:
        self._server.look_into_blobs = on

    def settle(self) -> None:
        """Wait until every request that arrived is carried out, whoever still waits for it."""
        self._server.settle()

    @property
    def operations(self) -> Operations:
        """Return how long-running operations go."""
        return self.cloud.operations

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables by which clients find this cloud and sign in to it."""
        app = self.cloud.application
        proxy = f"http://127.0.0.1:{self.port}"
        local = "127.0.0.1,localhost"
        authority = str(self.certificates.authority)
        return {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "NO_PROXY": local,
            "no_proxy": local,
            "REQUESTS_CA_BUNDLE": authority,
            "SSL_CERT_FILE": authority,
            "ARM_CLOUD_METADATA_URL": (
                f"{addresses.MANAGEMENT}/metadata/endpoints?api-version=2019-05-01"
            ),
            "ARM_METADATA_HOSTNAME": addresses.MANAGEMENT_HOST,
            "AZUREML_CURRENT_CLOUD": addresses.CLOUD,
            "AZURE_AUTHORITY_HOST": addresses.LOGIN,
            "AZURE_TENANT_ID": app.tenant,
            "AZURE_CLIENT_ID": app.client,
            "AZURE_CLIENT_SECRET": app.secret,
            "ARM_TENANT_ID": app.tenant,
            "ARM_CLIENT_ID": app.client,
            "ARM_CLIENT_SECRET": app.secret,
            "ARM_SUBSCRIPTION_ID": self.cloud.subscription,
        }

    def arm(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """Ask Resource Manager for `path` without network, token, faults or a place in the log.

        A path that begins with `/resourceGroups` lies in the cloud's subscription; an api-version
        is added unless there is one. Gives the status and the JSON of the answer.
        """
        if path.lower().startswith("/resourcegroups"):
            path = f"/subscriptions/{self.cloud.subscription}{path}"
        if "api-version=" not in path:
            path += ("&" if "?" in path else "?") + urlencode({"api-version": API_VERSION})
        content = b"" if body is None else json.dumps(body).encode()
        asked = request(method, addresses.MANAGEMENT + path, body=content)
        response = self._app.answer(asked, trusted=True)
        return response.status, response.json()

    def answer(self, asked: Request) -> Response:
        """Answer a request without network, faults or a place in the log; it needs its token."""
        return self._app.answer(asked)

    def use_storage(self, storage: Storage) -> None:
        """Let the blobs of all storage accounts, those there are and those to come, lie there."""
        self.cloud.storage = storage
        services.open_storage(self.cloud)

    def use_jobs(self, jobs: Jobs) -> None:
        """Let somebody run the jobs."""
        self.cloud.jobs = jobs

    def add_routes(self, routes: Sequence[Route]) -> None:
        """Answer more requests. What was there before goes first."""
        self._app.routes.extend(routes)
