"""Answers HTTP for an endpoint: checks the key, chooses a deployment, logs and counts."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

from runner.local.serving.answer import Answer, refuse
from runner.local.serving.deployment import Deployment
from runner.local.serving.metrics import Metrics
from runner.local.serving.model_error import as_azure_shows
from runner.local.serving.request import Request
from runner.local.serving.request_ids import ID, LONGEST, with_id, with_ids
from runner.local.serving.tables import MAX_BODY
from runner.local.serving.traffic import HEADER, choose, nobody

# The arguments of an ASGI application.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_BODY_SECONDS = 60.0  # for a request's body to arrive
_MOST_DRAINED = 10 * MAX_BODY  # bytes of a body that is too large, which are read and dropped
# The key is for the endpoint alone, and the others are about this connection.
_NOT_HANDED_ON = frozenset(
    {"authorization", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"}
)
_TEXT = (("content-type", "text/plain; charset=utf-8"),)


@dataclass(frozen=True)
class Endpoint:
    """A served endpoint. Traffic and mirror traffic are in percent, by deployment."""

    name: str
    deployments: Mapping[str, Deployment]
    key: str = field(repr=False)
    traffic: Mapping[str, int] = field(default_factory=dict)
    mirror_traffic: Mapping[str, int] = field(default_factory=dict)


class Gateway:
    """An ASGI application that answers with an endpoint's deployments, which have been started."""

    def __init__(
        self,
        endpoint: Endpoint,
        log: Callable[[str], object],
        verbose: bool = False,
        container_status: bool = False,
        chance: Callable[[], float] | None = None,
    ) -> None:
        """Take `log` for a line for each request that failed, or with `verbose` for every request.

        With `container_status` a client gets the status that a model or script gives, where Azure
        makes it 424. `chance` draws evenly from 0 to 1 and decides where traffic goes.
        """
        self._endpoint = endpoint
        self.log = log
        self._verbose = verbose
        self._container_status = container_status
        self._chance = chance or secrets.SystemRandom().random
        self._metrics = Metrics(endpoint.deployments.values())
        self._mirrored: set[asyncio.Task[None]] = set()  # copies that are being scored
        self._pages: Mapping[str, Callable[[], Answer]] = {
            "/": _live,  # where Azure's probes ask
            "/health/live": _live,
            "/health": self._health,
            "/health/ready": self._health,
            "/metrics": self._show_metrics,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request of HTTP."""
        path = scope["path"]
        if path in ("/score", "/swagger.json"):
            # With any method: the container answers for them.
            await self._hand_on(scope, receive, send)
        elif path not in self._pages:
            await _respond(send, refuse(404, "Not Found"), _unread(scope))
        elif scope["method"] not in ("GET", "HEAD"):
            more = {"allow": "GET, HEAD", **_unread(scope)}
            await _respond(send, refuse(405, "Method Not Allowed"), more)
        else:
            await _respond(send, self._pages[path](), _unread(scope))

    async def finish(self) -> None:
        """Wait for the copies that are being scored for mirrors."""
        await asyncio.gather(*self._mirrored)

    def close(self) -> None:
        """End the deployments."""
        for deployment in self._endpoint.deployments.values():
            deployment.close()

    def kill(self) -> None:
        for deployment in self._endpoint.deployments.values():
            deployment.kill()

    async def _hand_on(self, scope: Message, receive: Receive, send: Send) -> None:
        """Have a deployment answer a request, which goes to it as it came."""
        began = time.perf_counter()
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        asked = with_id(_without_body(scope, headers))
        name, answer = await self._answer(dict(reversed(headers)), asked, receive)
        # A deployment's own answers have the ids already.
        shown = self._shown(answer if answer.by_model else with_ids(answer, asked))
        self._metrics.answered(name, shown.status)
        if self._verbose or shown.status >= 400:
            moment, took = time.strftime("%H:%M:%S"), (time.perf_counter() - began) * 1000
            status = str(shown.status)
            if shown.status != answer.status:
                status += f" (of {answer.status})"
            number = asked.header(ID) or ""
            if not number.isprintable() or not 0 < len(number) <= LONGEST:
                number = "-"
            self.log(
                f"{moment} {asked.method} {scope['path']} {status} {name or '-'} {took:.1f} ms"
                f" {number}"
            )
        more = {HEADER: name} if name else dict(_unread(scope))
        if answer.status == 401:
            more["www-authenticate"] = "Bearer"
        if answer.status in (408, 413) and not answer.by_model:
            more["connection"] = "close"  # the rest of the body is not read
        await _respond(send, shown, more)

    def _shown(self, answer: Answer) -> Answer:
        # No client could take a number that is no final status of HTTP.
        own = self._container_status and 200 <= answer.status < 600
        return answer if own else as_azure_shows(answer)

    async def _answer(
        self, headers: Mapping[str, str], asked: Request, receive: Receive
    ) -> tuple[str | None, Answer]:
        """Return the answer, and the deployment that was to give it."""
        endpoint = self._endpoint
        if not self._may_ask(headers):
            reason = "the key is missing or wrong; send it as Authorization: Bearer <key>"
            return None, refuse(401, reason)
        name = asked.header(HEADER) or choose(endpoint.traffic, self._chance())
        if name is None:
            return None, nobody(endpoint.name)
        deployment = endpoint.deployments.get(name)
        if deployment is None:
            known = ", ".join(endpoint.deployments)
            return None, refuse(404, f"no such deployment; endpoint {endpoint.name!r} has {known}")
        body = await _read_body(headers, receive)
        if isinstance(body, Answer):
            return name, body
        asked = replace(asked, body=body)
        self._mirror(name, asked)
        return name, await self._run(deployment, asked)

    def _may_ask(self, headers: Mapping[str, str]) -> bool:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        known = self._endpoint.key.encode()
        same = hmac.compare_digest(key.strip().encode("latin-1", "replace"), known)
        return scheme.lower() == "bearer" and same

    async def _run(self, deployment: Deployment, request: Request) -> Answer:
        if not deployment.enter():
            return deployment.busy()
        name, began = deployment.plan.name, time.perf_counter()
        self._metrics.began(name)
        try:
            return await deployment.run(request)
        finally:
            self._metrics.ended(name, time.perf_counter() - began)

    def _mirror(self, chosen: str, request: Request) -> None:
        """Send a copy to the deployment that mirrors, as often as declared; nobody waits for it."""
        for name, percent in self._endpoint.mirror_traffic.items():
            mirror = self._endpoint.deployments.get(name)
            if mirror is None or name == chosen or self._chance() * 100 >= percent:
                continue
            if mirror.enter():
                copy = asyncio.create_task(self._run_mirrored(mirror, request))
                self._mirrored.add(copy)
                copy.add_done_callback(self._mirrored.discard)
            else:
                self._metrics.answered(name, 429, mirrored=True)

    async def _run_mirrored(self, mirror: Deployment, request: Request) -> None:
        answer = await mirror.run(request)
        self._metrics.answered(mirror.plan.name, self._shown(answer).status, mirrored=True)

    def _health(self) -> Answer:
        """Answer whether each deployment with traffic has a process that can score."""
        ready = {name: deployment.ready for name, deployment in self._endpoint.deployments.items()}
        needed = [name for name, share in self._endpoint.traffic.items() if share]
        fine = all(ready[name] for name in needed)
        state = {"status": "ready" if fine else "not ready", "processes": ready}
        return Answer(200 if fine else 503, json.dumps(state).encode())

    def _show_metrics(self) -> Answer:
        text, content_type = self._metrics.text()
        return Answer(200, text, (("content-type", content_type),))


def _live() -> Answer:
    return Answer(200, b"Healthy", _TEXT)


def _unread(scope: Message) -> Mapping[str, str]:
    """Return the header that ends the connection where an answer is given before the body."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            return {"connection": "close"}
    return {}


def _without_body(scope: Message, headers: Iterable[tuple[str, str]]) -> Request:
    """Return the request for a deployment: no body, key or headers of the connection."""
    target, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return Request(
        scope["method"],
        f"{target}?{query}" if query else target,
        tuple(header for header in headers if header[0] not in _NOT_HANDED_ON),
    )


async def _read_body(headers: Mapping[str, str], receive: Receive) -> bytes | Answer:
    """Return the body, or the answer where it is too large, too slow or breaks off."""
    declared = headers.get("content-length", "0")
    size = int(declared) if declared.isdecimal() else 0
    if size > _MOST_DRAINED:
        return _too_large()
    parts, arrived, more = [], 0, True
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return refuse(400, "the body broke off")
                part, more = message.get("body", b""), message.get("more_body", False)
                arrived += len(part)
                if arrived > _MOST_DRAINED:
                    return _too_large()
                # The rest is read as well: most clients read no answer before they have sent all.
                if max(size, arrived) <= MAX_BODY:
                    parts.append(part)
    except TimeoutError:
        return refuse(408, f"the body did not arrive in {_BODY_SECONDS:g} s")
    return _too_large() if max(size, arrived) > MAX_BODY else b"".join(parts)


def _too_large() -> Answer:
    return refuse(413, f"the body is larger than {MAX_BODY:,} bytes")


async def _respond(send: Send, answer: Answer, more: Mapping[str, str] | None = None) -> None:
    """Send an answer, with more headers that take the place of its own of the same names."""
    more = more or {}
    headers = [(name.lower(), value) for name, value in answer.headers]
    headers = [header for header in headers if header[0] not in more]
    headers += more.items()
    bodiless = answer.status < 200 or answer.status in (204, 304)
    body = b"" if bodiless else answer.body
    # Where the answer has a length, it is that of the body that HEAD leaves out.
    if not bodiless and not any(name == "content-length" for name, _ in headers):
        headers.append(("content-length", str(len(body))))
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
