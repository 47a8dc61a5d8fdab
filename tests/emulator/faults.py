"""Faults that a test injects."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from tests.emulator.authorization import STORAGE_MISMATCH, action_of, not_authorized
from tests.emulator.messages import Refusal, Request, Response, answer
from tests.emulator.tokens import unchecked_claims

# https://github.com/Azure/azure-cli-extensions/issues/6294
OUTSIDE_OF_PRIVATE_LINK = (
    "User is not authorized to access provided resources due to none of the workspaces/registries"
    " are accessible from outside of the designated private link.."
)


@dataclass(frozen=True)
class Answer:
    """The request is not carried out; this is answered instead."""

    status: int
    code: str
    message: str
    retry_after: float | None = None  # seconds

    def response(self) -> Response:
        """Give the response."""
        headers = {} if self.retry_after is None else retry_headers(self.retry_after)
        return Refusal(self.status, self.code, self.message, headers).response()

    def databricks_response(self) -> Response:
        """Give it in the shape of Databricks."""
        headers = {} if self.retry_after is None else retry_headers(self.retry_after)
        body = {"error_code": self.code, "message": self.message}
        return answer(self.status, body, headers)

    def storage_response(self) -> Response:
        """Give it in the shape of the blob storage, which answers in XML."""
        error = f"<Error><Code>{self.code}</Code><Message>{escape(self.message)}</Message></Error>"
        return Response(
            self.status,
            f'<?xml version="1.0" encoding="utf-8"?>{error}'.encode(),
            {"Content-Type": "application/xml", "x-ms-error-code": self.code},
        )


@dataclass(frozen=True)
class Page(Answer):
    """A proxy in between answers with a page of its own."""

    code: str = "Proxy"
    message: str = "Sign in to the network"

    def response(self) -> Response:
        """Give the response."""
        page = f"<html><body>{escape(self.message)}</body></html>"
        return Response(self.status, page.encode(), {"Content-Type": "text/html"})


@dataclass(frozen=True)
class Forbidden(Answer):
    """403: who asks has no right to what is asked, which is said as Resource Manager does."""

    def answer(self, request: Request) -> Answer:
        """Give what is answered to a request."""
        who = unchecked_claims(request)
        action, scope = action_of(request)
        said = not_authorized(who.get("appid"), who.get("oid"), action, scope)
        return Answer(self.status, self.code, said)


@dataclass(frozen=True)
class Drop:
    """The connection ends: before the request is carried out, after it, or amid the answer.

    Of a tunnel to the blob storage (CONNECT), `before` ends it before it is there; `after` and
    `middle` let 64 KiB pass first, or nothing where the requests in it are looked at.
    """

    when: Literal["before", "after", "middle"] = "before"


@dataclass(frozen=True)
class Stall:
    """The answer is late by some seconds; the request is carried out."""

    seconds: float


@dataclass(frozen=True)
class ExpireTokens:
    """Every token given so far is expired when the request arrives."""


@dataclass(frozen=True)
class Repeat:
    """400, with a message that repeats what signs the request, as careless services do."""

    def answer(self, request: Request) -> Answer:
        """Give what is answered to a request."""
        signature = request.query.get("sig")
        address = f"{request.url}?{urlencode({'sig': signature})}" if signature else request.url
        signed = request.headers.get("authorization", "nothing")
        said = f"Authorization: {signed} for {address} with {request.body[:1000]!r} can't be read."
        return Answer(400, "BadRequest", said)


Fault = Answer | Drop | Stall | ExpireTokens | Repeat


def throttled(retry_after: float = 0.01) -> Answer:
    """429, with the seconds to wait."""
    return Answer(429, "TooManyRequests", "The request is being throttled.", retry_after)


def server_error() -> Answer:
    """500."""
    return Answer(500, "InternalServerError", "An internal server error occurred.")


def unavailable(retry_after: float = 0.01) -> Answer:
    """503, with the seconds to wait."""
    return Answer(503, "ServiceUnavailable", "The service is unavailable.", retry_after)


def forbidden() -> Forbidden:
    """403: who asks has no right to it."""
    return Forbidden(403, "AuthorizationFailed", "The client does not have authorization.")


def storage_trouble() -> Answer:
    """500 of the blob storage."""
    return Answer(500, "InternalError", "The server encountered an internal error.")


def storage_busy() -> Answer:
    """503 of the blob storage, which says in no header how long to wait."""
    return Answer(503, "ServerBusy", "The server is busy.")


def storage_forbidden() -> Answer:
    """403 of the blob storage: who asks lacks a role there."""
    return Answer(403, *STORAGE_MISMATCH)


def storage_out_of_reach() -> Answer:
    """403 of the blob storage: its network rules let nobody in from here, whatever their role."""
    return Answer(
        403, "AuthorizationFailure", "This request is not authorized to perform this operation."
    )


def private_link() -> Answer:
    """401 of a workspace's data plane: it is behind a private link, and who asks is outside."""
    return Answer(401, "UserError", OUTSIDE_OF_PRIVATE_LINK)


def signature_expired() -> Answer:
    """403 of the blob storage: the shared access signature has run out."""
    return Answer(
        403,
        "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the value of Authorization header is"
        " formed correctly including the signature.",
    )


def retry_headers(seconds: float) -> dict[str, str]:
    """Say when to ask again.

    Retry-After knows whole seconds only, and azure-core takes its 0 for "not said" and waits for
    half a minute; it reads the header with milliseconds when there is no other.
    """
    if seconds >= 1:
        return {"Retry-After": str(round(seconds))}
    return {"x-ms-retry-after-ms": str(max(1, round(seconds * 1000)))}


@dataclass
class _Rule:
    fault: Fault
    method: str
    host: str
    path: str
    times: int | None
    probability: float
    dice: random.Random
    skip: int

    def meets(self, request: Request) -> bool:
        meant = (
            fnmatchcase(request.method, self.method)
            and fnmatchcase(request.host, self.host)
            and fnmatchcase(request.path.lower(), self.path)
            and self.dice.random() < self.probability
        )
        if meant and self.skip:
            self.skip -= 1
            return False
        return meant


@dataclass
class Faults:
    """The faults that wait for their request. Safe to use while requests are served."""

    injected: list[tuple[Fault, str, str]] = field(default_factory=list)  # fault, method, path
    _rules: list[_Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def inject(
        self,
        fault: Fault,
        *,
        method: str = "*",
        host: str = "*",
        path: str = "*",
        times: int | None = 1,
        probability: float = 1.0,
        seed: int = 0,
        skip: int = 0,
    ) -> None:
        """Let a fault befall requests whose method, host and path (without query) match patterns.

        Patterns are those of `fnmatch`; letter case does not matter. `times=None`: for good;
        `skip` is how many go right before. A tunnel to the blob storage is a request with the
        method CONNECT and the path `/`; the requests in it are met by faults while
        `Emulator.look_into_blobs` is on.
        """
        rule = _Rule(
            fault,
            method.upper(),
            host.lower(),
            path.lower(),
            times,
            probability,
            random.Random(seed),  # noqa: S311 - to be repeated, not to be secret
            skip,
        )
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Let everything go right again, and forget what went wrong."""
        with self._lock:
            self._rules.clear()
            self.injected.clear()

    def take(self, request: Request) -> Fault | None:
        """Give the fault that befalls a request, and count it."""
        with self._lock:
            for rule in self._rules:
                if rule.meets(request):
                    if rule.times is not None:
                        rule.times -= 1
                        if rule.times == 0:
                            self._rules.remove(rule)
                    self.injected.append((rule.fault, request.method, request.path))
                    return rule.fault
        return None
