"""The messages on the wire: a request, a response, and the refusal of a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """One request. Header names are lower case; the path is decoded and has no query."""

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """Read the body as JSON; an empty one is `None`. Raises `Refusal`."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refusal(
                400,
                "InvalidRequestContent",
                f"The request content was invalid and could not be deserialized: {error}.",
            ) from None

    @property
    def url(self) -> str:
        """Return the address without its query."""
        return f"https://{self.host}{self.path}"


def request(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Request:
    """Make a request from an address with or without scheme and host."""
    parts = urlsplit(url)
    return Request(
        method=method,
        host=parts.netloc.lower(),
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in (headers or {}).items()},
        body=body,
    )


@dataclass(frozen=True)
class Response:
    """One response, whole."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Read the body as JSON; an empty one is `None`."""
        return json.loads(self.body) if self.body else None


def answer(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
    """Make a JSON response; without a body for `None`."""
    if body is None:
        return Response(status, b"", dict(headers or {}))
    return Response(
        status,
        json.dumps(body).encode(),
        {"Content-Type": "application/json; charset=utf-8", **(headers or {})},
    )


class Refusal(Exception):
    """The service says no, in Resource Manager's shape: `{"error": {"code", "message"}}`."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.error = {"code": code, "message": message, **more}
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Give it as the response that goes out."""
        return answer(
            self.status,
            {"error": self.error},
            {"x-ms-error-code": str(self.error["code"]), **self.headers},
        )
