"""Requests to the blob storage, one by one: what a tunnel carries without looking."""

from __future__ import annotations

import ssl
from dataclasses import replace
from http.client import HTTPSConnection
from pathlib import Path

from tests.emulator import addresses, people
from tests.emulator.cloud import Cloud
from tests.emulator.faults import Answer, storage_forbidden, storage_out_of_reach
from tests.emulator.messages import Refusal, Request, Response

STORAGE_AUDIENCES = ("https://storage.azure.com",)
_OF_THE_CONNECTION = ("connection", "keep-alive", "transfer-encoding", "content-length")


class BlobRelay:
    """Takes requests to the blob storage on a port of 127.0.0.1 and brings its answers."""

    def __init__(self, port: int, authority: Path, cloud: Cloud, *, closed: bool) -> None:
        self._port = port
        self._closed = closed  # to the network that requests come from
        self._cloud = cloud
        self._trusted = ssl.create_default_context(cafile=authority)

    def carry(self, target: str, asked: Request) -> Response:
        """Carry a request out; `target` is its path and query as they came, which are signed."""
        if refused := self._refuse(asked):
            return refused
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

    def _refuse(self, asked: Request) -> Response | None:
        """Return the answer where nobody is let in, or the token isn't good; None otherwise."""
        if self._closed:
            return storage_out_of_reach().storage_response()
        if not asked.headers.get("authorization", "").lower().startswith("bearer "):
            return None
        try:
            principal = self._cloud.tokens.check(asked, STORAGE_AUDIENCES)
        except Refusal:
            refused = Answer(
                401,
                "InvalidAuthenticationInfo",
                "Server failed to authenticate the request. Please refer to the information in the"
                " www-authenticate header.",
            ).storage_response()
            tenant = self._cloud.application.tenant
            challenge = (
                f"Bearer authorization_uri={addresses.LOGIN}/{tenant}/oauth2/authorize"
                f" resource_id={STORAGE_AUDIENCES[0]}"
            )
            return replace(refused, headers={**refused.headers, "WWW-Authenticate": challenge})
        account = asked.host.partition(".")[0]
        if people.lacks_blobs(self._cloud, asked, principal, account):
            return storage_forbidden().storage_response()
        return None
