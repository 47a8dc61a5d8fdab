"""Routes: the function that answers each request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.emulator.cloud import Cloud
from tests.emulator.messages import Request, Response
from tests.emulator.tokens import Principal


@dataclass(frozen=True)
class Call:
    """A request on its way to its handler: who sent it and what stood in host and path."""

    request: Request
    arguments: Mapping[str, str]
    principal: Principal


Handler = Callable[[Cloud, Call], Response]


@dataclass(frozen=True)
class Route:
    """A handler and what it answers.

    `host` is a name or a pattern, whose groups become arguments like those of the path. `audiences`
    are the audiences of the tokens it asks for; with none it asks for no token. A `serial` handler
    runs inside a transaction of the state: all it does is done, or nothing when it refuses.
    """

    method: str
    host: str | re.Pattern[str]
    path: re.Pattern[str]
    handler: Handler
    audiences: Sequence[str]
    serial: bool

    def arguments(self, request: Request) -> dict[str, str] | None:
        """Match a request, and give what stood in it."""
        if self.method not in ("*", request.method):
            return None
        found: dict[str, str] = {}
        if isinstance(self.host, str):
            if request.host != self.host:
                return None
        else:
            host = self.host.fullmatch(request.host)
            if host is None:
                return None
            found.update(host.groupdict())
        path = self.path.fullmatch(request.path)
        return None if path is None else {**found, **path.groupdict()}


def route(
    method: str,
    host: str | re.Pattern[str],
    path: str,
    handler: Handler,
    audiences: Sequence[str] = (),
    *,
    serial: bool = True,
) -> Route:
    """Make a route. In the path, `{name}` stands for one segment and `{name*}` for any number."""
    pattern = re.escape(path)
    pattern = re.sub(r"\\{(\w+)\\\*\\}", r"(?P<\1>.*)", pattern)
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", pattern)
    compiled = re.compile(pattern, re.IGNORECASE)
    return Route(method, host, compiled, handler, tuple(audiences), serial)
