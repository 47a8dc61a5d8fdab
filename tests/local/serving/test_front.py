"""The HTTP side of an endpoint, without a socket: its ASGI application is called as it is."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.local.serving.bodies import MAX_BODY
from runner.local.serving.deployment import Deployment
from runner.local.serving.front import Endpoint, Front
from runner.local.serving.traffic import HEADER

from .scripts import script_plan
from .test_deployment import wait_for

KEY = "a-key-that-nobody-guesses"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def message(self) -> str:
        text: str = json.loads(self.body)["message"]
        return text


class Client:
    """Calls a front's application."""

    def __init__(self, front: Front) -> None:
        self._app = front.app()
        self._loop = asyncio.new_event_loop()

    def ask(
        self,
        body: bytes = b"{}",
        method: str = "POST",
        path: str = "/score",
        key: str | None = KEY,
        chunks: int = 1,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        given = dict(headers or {})
        if key is not None:
            given.setdefault("authorization", f"Bearer {key}")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        size = -(-len(body) // chunks) or 1
        parts = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
        messages = [
            {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
            for number, part in enumerate(parts)
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        self._loop.run_until_complete(self._app(scope, receive, send))
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        content = b"".join(one.get("body", b"") for one in sent[1:])
        return Reply(sent[0]["status"], answered, content)

    def get(self, path: str) -> Reply:
        return self.ask(b"", "GET", path, key=None)

    def close(self) -> None:
        self._loop.close()


Serve = Callable[..., Client]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def serve(tmp_path: Path, said: list[str]) -> Iterator[Serve]:
    """Serve blue and green, whose scripts answer any JSON; the traffic's chances are seeded."""
    with ExitStack() as stack:

        def start(verbose: bool = False, **more: Any) -> Client:
            deployments = {}
            for name in ("blue", "green"):
                plan = script_plan(tmp_path / name, name=name, slots=20)
                log = stack.enter_context((tmp_path / f"{name}.txt").open("wb"))
                deployments[name] = stack.enter_context(Deployment(plan, log))
                deployments[name].begin()
            for one in deployments.values():
                one.wait_until_ready()
            split = {"traffic": {"blue": 100}} | more
            front = Front(
                Endpoint("here", deployments, KEY, **split),
                said.append,
                verbose,
                random.Random(7).random,  # noqa: S311 (nothing secret)
            )
            client = Client(front)
            stack.callback(client.close)
            stack.callback(front.close)
            return client

        yield start


def test_the_key_opens_and_the_answer_says_which_deployment_gave_it(serve: Serve) -> None:
    reply = serve().ask(b'{"say": "hello"}')
    assert reply.status == 200
    assert reply.headers[HEADER] == "blue"
    assert reply.headers["content-type"] == "application/json"
    assert json.loads(reply.body)["said"] == "hello"


def test_without_the_key_nothing_is_scored(serve: Serve, said: list[str]) -> None:
    client = serve(verbose=True)
    wrong = ["", "Bearer", "Bearer wrong", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", "Bearer é"]
    for given in (None, *wrong, f"Basic {KEY}", KEY):
        headers = {} if given is None else {"authorization": given}
        reply = client.ask(b'{"print": "scored"}', key=None, headers=headers)
        assert reply.status == 401, given
        assert reply.headers["www-authenticate"] == "Bearer"
        assert HEADER not in reply.headers
    assert len(said) == 9
    assert KEY not in "".join(said)


def test_the_header_chooses_a_deployment_without_traffic_too(serve: Serve) -> None:
    client = serve()
    assert client.ask(headers={HEADER: "green"}).headers[HEADER] == "green"
    unknown = client.ask(headers={HEADER: "grey"})
    assert unknown.status == 404
    assert "blue, green" in unknown.message
    assert HEADER not in unknown.headers


def test_traffic_goes_by_weight_the_same_way_under_the_same_seed(serve: Serve) -> None:
    client = serve(traffic={"blue": 75, "green": 25})
    chosen = [client.ask().headers[HEADER] for _ in range(80)]
    chances = random.Random(7)  # noqa: S311 (nothing secret)
    assert chosen == ["blue" if chances.random() < 0.75 else "green" for _ in range(80)]


def test_without_traffic_a_deployment_must_be_named(serve: Serve) -> None:
    client = serve(traffic={})
    assert client.ask().status == 404
    assert client.ask(headers={HEADER: "blue"}).status == 200


def test_a_mirror_gets_its_share_of_copies_and_answers_nobody(serve: Serve, tmp_path: Path) -> None:
    client = serve(mirror_traffic={"green": 50})
    for number in range(20):
        reply = client.ask(json.dumps({"print": f"request {number}"}).encode())
        assert reply.headers[HEADER] == "blue"
    chances = random.Random(7)  # noqa: S311 (nothing secret)
    copies = 0
    for _ in range(20):
        chances.random()  # whom traffic chooses
        copies += chances.random() < 0.5
    assert 0 < copies < 20
    log = tmp_path / "green.txt"
    wait_for(lambda: log.read_text().count("request ") == copies)
    line = f'runner_requests_total{{deployment="green",mirrored="true",status="200"}} {copies}.0'
    wait_for(lambda: line in client.get("/metrics").body.decode())


@pytest.mark.parametrize("chunks", [1, 7])
def test_a_body_beyond_the_limit_is_refused(serve: Serve, chunks: int) -> None:
    client = serve()
    largest = b'"' + b"x" * (MAX_BODY - 2) + b'"'
    assert client.ask(largest + b" ", chunks=chunks).status == 413
    for size in (MAX_BODY + 1, 1 << 40):
        declared = client.ask(headers={"content-length": str(size)})
        assert declared.status == 413
        assert declared.headers["connection"] == "close"


def test_a_request_id_comes_back_or_is_made(serve: Serve, said: list[str]) -> None:
    client = serve(verbose=True)
    assert client.ask(headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    assert said[-1].endswith("mine-1")
    made = {
        client.ask(headers={"x-request-id": "x" * 101}).headers["x-request-id"] for _ in range(2)
    }
    assert {len(one) for one in made} == {16}
    assert len(made) == 2


def test_only_failed_requests_are_worth_a_line_unless_more_is_asked_for(
    serve: Serve, said: list[str]
) -> None:
    client = serve()
    client.ask()
    assert said == []
    client.ask(b'{"raise": "it"}')
    assert len(said) == 1
    assert " POST /score 500 blue " in said[0]


def test_health_is_ready_only_while_every_deployment_with_traffic_can_score(
    serve: Serve,
) -> None:
    client = serve()
    assert client.get("/").body == b"Healthy"
    assert client.get("/health/live").status == 200
    health = client.get("/health")
    assert health.status == 200
    assert json.loads(health.body) == {"status": "ready", "processes": {"blue": 1, "green": 1}}
    client.ask(b'{"die": 1}', headers={HEADER: "green"})
    assert client.get("/health/ready").status == 200
    client.ask(b'{"die": 1}')
    assert client.get("/health/ready").status == 503
    wait_for(lambda: client.get("/health/ready").status == 200)


def test_metrics_count_by_deployment_and_status(serve: Serve) -> None:
    client = serve()
    client.ask()
    client.ask(b'{"raise": "it"}', headers={HEADER: "green"})
    client.ask(key="wrong")
    metrics = client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = metrics.body.decode().splitlines()
    assert 'runner_requests_total{deployment="blue",mirrored="false",status="200"} 1.0' in lines
    assert 'runner_requests_total{deployment="green",mirrored="false",status="500"} 1.0' in lines
    assert 'runner_requests_total{deployment="",mirrored="false",status="401"} 1.0' in lines
    assert 'runner_request_seconds_count{deployment="blue"} 1.0' in lines
    assert 'runner_requests_in_flight{deployment="blue"} 0.0' in lines
    assert 'runner_processes_ready{deployment="green"} 1.0' in lines


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/score", 405), ("POST", "/", 405), ("GET", "/no", 404)]
)
def test_what_is_not_there_is_refused_in_the_shape_of_every_error(
    serve: Serve, method: str, path: str, status: int
) -> None:
    reply = serve().ask(b"", method, path)
    assert reply.status == status
    assert reply.message
