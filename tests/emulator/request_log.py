"""The requests that were made, without bodies and secrets."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_SECRET_QUERIES = ("sig", "token", "secret", "key", "code", "password")
_KEPT = 100_000


@dataclass(frozen=True)
class LoggedRequest:
    """One request. `status` is 0 when the connection ended without an answer."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    status: int

    def __str__(self) -> str:
        return f"{self.method} https://{self.host}{self.path} {self.status or 'dropped'}"


class RequestLog:
    """The last requests, oldest first. Iterate over a copy: more may arrive meanwhile."""

    def __init__(self) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def add(self, method: str, host: str, path: str, query: Mapping[str, str], status: int) -> None:
        """Note a request."""
        masked = {
            name: "***" if any(word in name.lower() for word in _SECRET_QUERIES) else value
            for name, value in query.items()
        }
        with self._lock:
            self._requests.append(LoggedRequest(method, host, path, masked, status))

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._requests.clear()

    def __iter__(self) -> Iterator[LoggedRequest]:
        with self._lock:
            return iter(list(self._requests))

    def __len__(self) -> int:
        with self._lock:
            return len(self._requests)
