"""Writes small blobs with a plain request each, in a third of azure-storage-blob's time.

azure-storage-blob builds each request in many layers and reads the environment anew. Without this
module, the registration of 300 small files takes a third more processor time; that of 30 files
takes 3 % more. A request that does not succeed at once is left to azure-storage-blob, which retries
it and has the errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from runner.azure.client import timeout

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

_SCOPE = "https://storage.azure.com/.default"  # the same in every cloud


class SmallBlobWriter:
    """Writes blobs to one container, from any number of threads."""

    def __init__(self, container: ContainerClient, connections: int) -> None:
        from requests import PreparedRequest, Session
        from requests.adapters import HTTPAdapter
        from urllib3 import Timeout

        address = container.url
        self._path = "/" + address.split("/", 3)[3]
        self._credential: Any = container.credential
        self._version = container.api_version
        self._signed = hasattr(self._credential, "signature")
        # With an account's key each request would have to be signed.
        self.open = self._signed or hasattr(self._credential, "get_token")
        # The proxy and the certificates are found as for every other request.
        settings = Session().merge_environment_settings(address, {}, False, None, None)
        request = PreparedRequest()
        request.prepare_url(address, None)
        self._adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections, pool_block=True)
        self._pool = self._adapter.get_connection_with_tls_context(
            request, settings["verify"], settings["proxies"]
        )
        seconds = timeout()
        self._timeout = Timeout(connect=min(seconds, 20.0), read=seconds)

    def put(self, name: str, content: bytes, metadata: dict[str, str]) -> bool:
        """Write a blob; return False where azure-storage-blob must write it."""
        from urllib3.exceptions import HTTPError

        if not self.open:
            return False
        headers = {
            "x-ms-blob-type": "BlockBlob",
            "x-ms-version": self._version,
            "Content-Type": "application/octet-stream",
            **{f"x-ms-meta-{key}": value for key, value in metadata.items()},
        }
        query = ""
        if self._signed:
            query = f"?{self._credential.signature}"
        else:
            headers["Authorization"] = f"Bearer {self._credential.get_token(_SCOPE).token}"
        try:
            answer = self._pool.urlopen(
                "PUT",
                f"{self._path}/{quote(name)}{query}",
                body=content,
                headers=headers,
                retries=False,
                timeout=self._timeout,
            )
        except HTTPError:
            return False
        return answer.status == 201
