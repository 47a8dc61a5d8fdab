"""A signature for blobs that is renewed while it is in use."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from azure.core.credentials import AzureSasCredential

_SECONDS = 1800.0  # after which another is asked for; Azure's last an hour


class RenewedSignature(AzureSasCredential):
    """Signs requests to a datastore's blobs, in any number of threads.

    To wait for a job, or to upload much data, can take longer than a signature lasts.
    """

    def __init__(self, signature: str, renew: Callable[[], str]) -> None:
        super().__init__(signature)
        self._renew = renew
        self._lock = Lock()
        self._taken = time.time()  # a signature also expires while the machine sleeps
        self._former = ""

    @property
    def signature(self) -> str:
        with self._lock:
            if time.time() - self._taken > _SECONDS:
                self._former = super().signature
                self.update(self._renew())
                self._taken = time.time()
            return super().signature

    def unsign(self, request: Any) -> None:
        """Remove a former signature from a storage request that is tried again.

        The storage client would add the new one beside it, which is refused.
        """
        if self.signature and self._former:
            url: str = request.http_request.url
            url = url.replace(f"&{self._former}", "").replace(f"?{self._former}", "?")
            request.http_request.url = url
