"""The HTTP side of an endpoint: who may ask, who answers, what is said of it."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from runner.local.serving.answer import Answer, refuse
from runner.local.serving.bodies import MAX_BODY
from runner.local.serving.deployment import Deployment
from runner.local.serving.metrics import Metrics
from runner.local.serving.model_error import as_azure_shows
from runner.local.serving.request import Request
from runner.local.serving.request_ids import ID, LONGEST, with_id, with_ids
from runner.local.serving.traffic import HEADER, choose, nobody

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request as HttpRequest
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

_BODY_SECONDS = 60.0  # for a request's body to arrive
_MOST_DRAINED = 10 * MAX_BODY  # bytes of a body that is too large, which are read and dropped
# The key is the endpoint's, and the body is handed on as it is, without its way of coming.
_NOT_HANDED_ON = frozenset(
    {"authorization", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"}
)


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that is served. Traffic and mirror traffic are in percent, by deployment."""

    name: str
    deployments: Mapping[str, Deployment]
    key: str = field(repr=False)
    traffic: Mapping[str, int] = field(default_factory=dict)
    mirror_traffic: Mapping[str, int] = field(default_factory=dict)


class Front:
    """Answers HTTP requests with an endpoint's deployments, which have been started."""

    def __init__(
        self,
        endpoint: Endpoint,
        say: Callable[[str], object],
        verbose: bool = False,
        container_status: bool = False,
        chance: Callable[[], float] | None = None,
    ) -> None:
        """`say` takes a line for each request that failed, or with `verbose` for every request.

        With `container_status` a client gets the status that a model or script gives, where Azure
        makes it 424. `chance` draws evenly from 0 to 1 and decides where traffic goes.
        """
        self._endpoint = endpoint
        self._say = say
        self._verbose = verbose
        self._container_status = container_status
        self._chance = chance or secrets.SystemRandom().random
        self._metrics = Metrics(endpoint.deployments.values())
        # A thread for everybody who is let in, so that nobody waits for a thread.
        most = sum(deployment.plan.most_inside for deployment in endpoint.deployments.values())
        self._threads = ThreadPoolExecutor(max(1, most), thread_name_prefix="score")

    def app(self) -> Starlette:
        """The ASGI application."""
        from starlette.applications import Starlette
        from starlette.exceptions import HTTPException
        from starlette.routing import Route

        app = Starlette(
            routes=[
                # With every method, as the container answers them.
                Route("/score", _Endpoint(self._hand_on)),
                Route("/swagger.json", _Endpoint(self._hand_on)),
                Route("/", _live, methods=["GET"]),  # where Azure's probes ask
                Route("/health/live", _live, methods=["GET"]),
                Route("/health", self._health, methods=["GET"]),
                Route("/health/ready", self._health, methods=["GET"]),
                Route("/metrics", self._show_metrics, methods=["GET"]),
            ],
            exception_handlers={HTTPException: _explain},
        )
        app.router.redirect_slashes = False
        return app

    def close(self) -> None:
        """Finish what is being scored, then end the deployments."""
        self._threads.shutdown(wait=True)
        for deployment in self._endpoint.deployments.values():
            deployment.close()

    def kill(self) -> None:
        for deployment in self._endpoint.deployments.values():
            deployment.kill()

    async def _hand_on(self, request: HttpRequest) -> Response:
        """Have a deployment answer a request, which goes to it as it came."""
        began = time.perf_counter()
        asked = with_id(_asked(request))
        name, answer = await self._answer(request, asked)
        # A deployment gives ids back by itself.
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
            self._say(
                f"{moment} {asked.method} {request.url.path} {status} {name or '-'} {took:.1f} ms"
                f" {number}"
            )
        headers = {HEADER: name} if name else {}
        if answer.status == 401:
            headers["www-authenticate"] = "Bearer"
        if answer.status in (408, 413) and not answer.by_model:
            headers["connection"] = "close"  # there may be more to come that nobody will read
        return _response(shown, headers)

    def _shown(self, answer: Answer) -> Answer:
        # What is no final status of HTTP, no client could take.
        own = self._container_status and 200 <= answer.status < 600
        return answer if own else as_azure_shows(answer)

    async def _answer(self, request: HttpRequest, asked: Request) -> tuple[str | None, Answer]:
        """The answer, and the deployment that was to give it."""
        endpoint = self._endpoint
        if not self._may_ask(request):
            reason = "the key is missing or wrong; send it as Authorization: Bearer <key>"
            return None, refuse(401, reason)
        name = asked.header(HEADER) or choose(endpoint.traffic, self._chance())
        if name is None:
            return None, nobody(endpoint.name)
        deployment = endpoint.deployments.get(name)
        if deployment is None:
            known = ", ".join(endpoint.deployments)
            return None, refuse(404, f"no such deployment; endpoint {endpoint.name!r} has {known}")
        body = await _read_body(request)
        if isinstance(body, Answer):
            return name, body
        asked = replace(asked, body=body)
        self._mirror(name, asked)
        return name, await self._run(deployment, asked)

    def _may_ask(self, request: HttpRequest) -> bool:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        known = self._endpoint.key.encode()
        same = hmac.compare_digest(key.strip().encode("latin-1", "replace"), known)
        return scheme.lower() == "bearer" and same

    async def _run(self, deployment: Deployment, request: Request) -> Answer:
        if not deployment.enter():
            return deployment.busy()
        name, began = deployment.plan.name, time.perf_counter()
        with self._metrics.scoring(name):
            loop = asyncio.get_running_loop()
            # Shielded: who was let in must be counted out, though the client has left.
            scoring = loop.run_in_executor(self._threads, deployment.run, request)
            answer = await asyncio.shield(scoring)
        self._metrics.took(name, time.perf_counter() - began)
        return answer

    def _mirror(self, chosen: str, request: Request) -> None:
        """Send a copy to the deployment that mirrors, as often as declared; nobody waits for it."""
        for name, percent in self._endpoint.mirror_traffic.items():
            mirror = self._endpoint.deployments.get(name)
            if mirror is None or name == chosen or self._chance() * 100 >= percent:
                continue
            if mirror.enter():
                self._threads.submit(self._run_mirrored, mirror, request)
            else:
                self._metrics.answered(name, 429, mirrored=True)

    def _run_mirrored(self, mirror: Deployment, request: Request) -> None:
        answer = mirror.run(request)
        self._metrics.answered(mirror.plan.name, self._shown(answer).status, mirrored=True)

    async def _health(self, _request: HttpRequest) -> Response:
        """Ready while every deployment with traffic has a process that can score."""
        from starlette.responses import JSONResponse

        ready = {name: deployment.ready for name, deployment in self._endpoint.deployments.items()}
        needed = [name for name, share in self._endpoint.traffic.items() if share]
        fine = all(ready[name] for name in needed)
        state = {"status": "ready" if fine else "not ready", "processes": ready}
        return JSONResponse(state, 200 if fine else 503)

    async def _show_metrics(self, _request: HttpRequest) -> Response:
        from starlette.responses import Response

        text, content_type = self._metrics.text()
        return Response(text, headers={"content-type": content_type})


async def _live(_request: HttpRequest) -> Response:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse("Healthy")


async def _explain(_request: HttpRequest, error: Exception) -> Response:
    """Answer what the routes refuse in the shape of every other error."""
    status = getattr(error, "status_code", 500)
    headers = getattr(error, "headers", None) or {}
    return _response(refuse(status, getattr(error, "detail", "")), dict(headers))


class _Endpoint:
    """An endpoint of Starlette's that takes every method."""

    def __init__(self, answer: Callable[[HttpRequest], Awaitable[Response]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.requests import Request

        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)


def _asked(request: HttpRequest) -> Request:
    """The request as a deployment gets it, without its body, its key and the connection's own."""
    target = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    headers = tuple(
        (name, value) for name, value in request.headers.items() if name not in _NOT_HANDED_ON
    )
    return Request(request.method, f"{target}?{query}" if query else target, headers)


async def _read_body(request: HttpRequest) -> bytes | Answer:
    """The body; or what to answer where it is too large, too slow or breaks off."""
    from starlette.requests import ClientDisconnect

    declared = request.headers.get("content-length", "0")
    size = int(declared) if declared.isdecimal() else 0
    too_large = refuse(413, f"the body is larger than {MAX_BODY:,} bytes")
    if size > _MOST_DRAINED:
        return too_large
    body, arrived = bytearray(), 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                arrived += len(chunk)
                if arrived > _MOST_DRAINED:
                    return too_large
                # Most clients read no answer before they have sent everything.
                if max(size, arrived) <= MAX_BODY:
                    body += chunk
    except TimeoutError:
        return refuse(408, f"the body did not arrive in {_BODY_SECONDS:g} s")
    except ClientDisconnect:
        return refuse(400, "the body broke off")
    return too_large if max(size, arrived) > MAX_BODY else bytes(body)


def _response(answer: Answer, headers: Mapping[str, str]) -> Response:
    from starlette.responses import Response

    response = Response(answer.body, answer.status)
    if any(name.lower() == "content-length" for name, _ in answer.headers):
        del response.headers["content-length"]  # it is that of what HEAD leaves out
    for name, value in answer.headers:
        response.headers.append(name, value)
    response.headers.update(headers)
    return response
