"""Requests to the blob storage, one by one: what a tunnel carries without looking."""

from __future__ import annotations

import ssl
from http.client import HTTPSConnection
from pathlib import Path

from tests.emulator.messages import Request, Response

_OF_THE_CONNECTION = ("connection", "keep-alive", "transfer-encoding", "content-length")


class BlobRelay:
    """Takes requests to the blob storage on a port of 127.0.0.1 and brings its answers."""

    def __init__(self, port: int, authority: Path) -> None:
        self._port = port
        self._trusted = ssl.create_default_context(cafile=authority)

    def carry(self, target: str, asked: Request) -> Response:
        """Carry a request out; `target` is its path and query as they came, which are signed."""
        headers = {
            name: value for name, value in asked.headers.items() if name not in _OF_THE_CONNECTION
        }
        if asked.body or asked.method in ("PUT", "POST"):
            headers["content-length"] = str(len(asked.body))
        far = HTTPSConnection("127.0.0.1", self._port, context=self._trusted)
        try:
            far.request(asked.method, target, asked.body or None, headers)
            answer = far.getresponse()
            kept = {
                name: value
                for name, value in answer.getheaders()
                if name.lower() not in _OF_THE_CONNECTION
            }
            # The length of what a GET would bring is all that a HEAD says of it.
            if asked.method == "HEAD" and (length := answer.getheader("Content-Length")):
                kept["Content-Length"] = length
            return Response(answer.status, answer.read(), kept)
        finally:
            far.close()
