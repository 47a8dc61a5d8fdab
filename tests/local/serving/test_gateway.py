"""The HTTP side of an endpoint, without a socket: its ASGI application is called as it is."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from runner.local.serving import gateway
from runner.local.serving.deployment import Deployment
from runner.local.serving.gateway import Endpoint, Gateway
from runner.local.serving.tables import MAX_BODY
from runner.local.serving.traffic import HEADER

from .scripts import script_plan
from .test_deployment import wait_for

KEY = "a-key-that-nobody-guesses"


@dataclass(frozen=True)
class Reply:
    status: int
    pairs: Sequence[tuple[str, str]]  # headers, in their order
    body: bytes

    @property
    def headers(self) -> Mapping[str, str]:
        return dict(self.pairs)

    @property
    def message(self) -> str:
        text: str = json.loads(self.body)["message"]
        return text


class Client:
    """Calls a gateway's application."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def ask(
        self,
        body: bytes = b"{}",
        method: str = "POST",
        path: str = "/score",
        key: str | None = KEY,
        chunks: int = 1,
        headers: Mapping[str, str] | None = None,
        query: str = "",
    ) -> Reply:
        given = dict(headers or {})
        if key is not None:
            given.setdefault("authorization", f"Bearer {key}")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
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

        self._run(self._gateway(scope, receive, send))
        answered = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return Reply(sent[0]["status"], answered, content)

    def get(self, path: str) -> Reply:
        return self.ask(b"", "GET", path, key=None)

    def close(self) -> None:
        self._run(self._gateway.finish())
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, running: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(running, self._loop).result()


Serve = Callable[..., Client]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder where each deployment's log is."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def deployments(logs: Path) -> Iterator[Mapping[str, Deployment]]:
    """Blue and green, whose scripts answer any JSON."""
    with ExitStack() as stack:
        found = {}
        for name in ("blue", "green"):
            plan = script_plan(logs / name, name=name, slots=20)
            log = stack.enter_context((logs / f"{name}.txt").open("wb"))
            found[name] = stack.enter_context(Deployment(plan, log))
            found[name].begin()
        for deployment in found.values():
            deployment.wait_until_ready()
        yield found


@pytest.fixture
def serve(deployments: Mapping[str, Deployment], said: list[str]) -> Iterator[Serve]:
    """Serve the deployments; the traffic's chances are seeded."""
    with ExitStack() as stack:

        def start(verbose: bool = False, container_status: bool = False, **more: Any) -> Client:
            split = {"traffic": {"blue": 100}} | more
            gateway = Gateway(
                Endpoint("here", deployments, KEY, **split),
                said.append,
                verbose,
                container_status,
                random.Random(7).random,  # noqa: S311 (nothing secret)
            )
            client = Client(gateway)
            stack.callback(client.close)
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


def test_a_mirror_gets_its_share_of_copies_and_answers_nobody(serve: Serve, logs: Path) -> None:
    client = serve(mirror_traffic={"green": 50})
    for number in range(20):
        reply = client.ask(json.dumps({"print": f"mirrored {number}"}).encode())
        assert reply.headers[HEADER] == "blue"
    chances = random.Random(7)  # noqa: S311 (nothing secret)
    copies = 0
    for _ in range(20):
        chances.random()  # whom traffic chooses
        copies += chances.random() < 0.5
    assert 0 < copies < 20
    log = logs / "green.txt"
    wait_for(lambda: log.read_text().count("mirrored ") == copies)
    line = f'runner_requests_total{{deployment="green",mirrored="true",status="200"}} {copies}.0'
    wait_for(lambda: line in client.get("/metrics").body.decode())
    # Whom a request names answers it, and gets no copy besides.
    for _ in range(5):
        assert (
            client.ask(b'{"print": "asked"}', headers={HEADER: "green"}).headers[HEADER] == "green"
        )
    wait_for(lambda: log.read_text().count("asked") >= 5)
    assert line in client.get("/metrics").body.decode()
    assert log.read_text().count("asked") == 5


@pytest.mark.parametrize("chunks", [1, 7])
def test_a_body_beyond_the_limit_is_refused(serve: Serve, chunks: int) -> None:
    client = serve()
    largest = b'"' + b"x" * (MAX_BODY - 2) + b'"'
    assert client.ask(largest + b" ", chunks=chunks).status == 413
    for size in (MAX_BODY + 1, 1 << 40):
        declared = client.ask(headers={"content-length": str(size)})
        assert declared.status == 413
        assert declared.headers["connection"] == "close"


@pytest.mark.parametrize("key", [KEY, "wrong"])
def test_ids_come_back_or_are_made_also_where_the_gateway_answers(
    serve: Serve, said: list[str], key: str
) -> None:
    client = serve(verbose=True)
    mine = {"x-request-id": "mine-1", "x-ms-client-request-id": "client-1"}
    reply = client.ask(key=key, headers=mine)
    assert mine.items() <= reply.headers.items()
    assert reply.headers["x-ms-request-id"] == "client-1"
    assert said[-1].endswith("mine-1")
    old = client.ask(key=key, headers={"x-ms-request-id": "old"})
    assert old.headers["x-ms-client-request-id"] == old.headers["x-ms-request-id"] == "old"
    made = {client.ask(key=key).headers["x-request-id"] for _ in range(2)}
    assert {len(number) for number in made} == {36}
    assert len(made) == 2


def test_an_id_that_is_too_long_is_refused_and_not_given_back(serve: Serve) -> None:
    client = serve(container_status=True)
    for headers in ({"x-request-id": "x" * 101}, {"x-ms-client-request-id": "x" * 101}):
        reply = client.ask(headers=headers)
        assert (reply.status, "must not exceed 100" in reply.message) == (431, True)
        assert not headers.keys() & {name for name, value in reply.pairs if len(value) > 100}
    refused = client.ask(key="wrong", headers={"x-request-id": "x" * 101})
    assert (refused.status, "x-request-id" in refused.headers) == (401, False)


def test_a_request_goes_to_the_script_as_it_came_and_the_answer_comes_back_so(serve: Serve) -> None:
    client = serve()
    answer = ["body", 200, {"Content-Type": "text/x", "Set-Cookie": "a=1,b=2"}]
    reply = client.ask(json.dumps({"respond": answer}).encode())
    assert (reply.status, reply.body) == (200, b"body")
    assert [value for name, value in reply.pairs if name == "set-cookie"] == ["a=1", "b=2"]
    assert reply.headers["content-type"] == "text/x"
    got = client.ask(b"", "GET", query="say=%22one%22&say=two")
    assert (got.status, json.loads(got.body)["said"]) == (200, ["one", "two"])
    for path, method, status in [
        ("/score", "OPTIONS", 200),
        ("/score", "HEAD", 424),
        ("/score", "DELETE", 424),
        ("/swagger.json", "GET", 200),
        ("/swagger.json", "POST", 424),
    ]:
        reply = client.ask(b"", method, path)
        assert (reply.status, reply.headers[HEADER]) == (status, "blue"), (path, method)
    assert client.ask(b"", "GET", "/swagger.json", key=None).status == 401


@pytest.mark.parametrize(
    ("header", "error"),
    [({"X-Own": "\u2192"}, "UnicodeEncodeError"), ({"X Own": "a"}, "ValueError")],
)
def test_a_header_that_http_cannot_write_costs_one_answer(
    serve: Serve, header: dict[str, str], error: str
) -> None:
    client = serve()
    reply = client.ask(json.dumps({"respond": ["body", 200, header]}).encode())
    assert reply.status == 424
    assert reply.message == f"scoring raised {error}; the deployment's log says more"
    assert client.ask().status == 200


def test_a_status_that_no_client_could_take_is_shown_as_azure_shows_it(serve: Serve) -> None:
    for status in (102, 700):
        wish = json.dumps({"respond": ["", status]}).encode()
        reply = serve(container_status=True).ask(wish)
        assert reply.status == 424
        assert reply.headers["ms-azureml-model-error-statuscode"] == str(status)


def test_what_a_script_answers_but_200_is_shown_as_azure_shows_it(
    serve: Serve, said: list[str]
) -> None:
    wish = json.dumps({"respond": ["no tea", 418]}).encode()
    reply = serve().ask(wish)
    assert (reply.status, reply.body) == (424, b"no tea")
    assert reply.headers["ms-azureml-model-error-reason"] == "model_error"
    assert reply.headers["ms-azureml-model-error-statuscode"] == "418"
    assert " POST /score 424 (of 418) blue " in said[-1]
    own = serve(container_status=True).ask(wish)
    assert own.status == 418
    assert not [name for name, _ in own.pairs if name.startswith("ms-azureml")]


def test_only_failed_requests_are_worth_a_line_unless_more_is_asked_for(
    serve: Serve, said: list[str]
) -> None:
    client = serve()
    client.ask()
    assert said == []
    client.ask(b'{"raise": "it"}')
    assert len(said) == 1
    assert " POST /score 424 (of 500) blue " in said[0]


def test_health_is_ready_only_while_every_deployment_with_traffic_can_score(
    serve: Serve,
) -> None:
    client = serve(traffic={"blue": 100, "green": 0})
    assert client.get("/").body == b"Healthy"
    assert client.get("/health/live").status == 200
    health = client.get("/health")
    assert health.status == 200
    ready = {"blue": 1, "green": 1}
    assert json.loads(health.body) == {"status": "ready", "processes": ready}
    client.ask(b'{"die": 1}', headers={HEADER: "green"})
    assert client.get("/health/ready").status == 200
    client.ask(b'{"die": 1}')
    assert client.get("/health/ready").status == 503
    wait_for(lambda: json.loads(client.get("/health/ready").body)["processes"] == ready)


def test_metrics_count_by_deployment_and_status(serve: Serve) -> None:
    client = serve()
    client.ask()
    client.ask(b'{"raise": "it"}', headers={HEADER: "green"})
    client.ask(key="wrong")
    metrics = client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = metrics.body.decode().splitlines()
    assert 'runner_requests_total{deployment="blue",mirrored="false",status="200"} 1.0' in lines
    assert 'runner_requests_total{deployment="green",mirrored="false",status="424"} 1.0' in lines
    assert 'runner_requests_total{deployment="",mirrored="false",status="401"} 1.0' in lines
    assert 'runner_request_seconds_count{deployment="blue"} 1.0' in lines
    assert 'runner_requests_in_flight{deployment="blue"} 0.0' in lines
    assert 'runner_processes_ready{deployment="green"} 1.0' in lines


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/", 405), ("GET", "/no", 404), ("POST", "/score/", 404)],
)
def test_what_is_not_there_is_refused_in_the_shape_of_every_error(
    serve: Serve, method: str, path: str, status: int
) -> None:
    reply = serve().ask(b"", method, path)
    assert reply.status == status
    assert reply.message


def test_the_key_is_handed_on_to_no_script() -> None:
    scope = {"method": "POST", "raw_path": b"/score", "query_string": b""}
    headers = [("authorization", f"Bearer {KEY}"), ("connection", "close"), ("x-own", "a")]
    assert gateway._without_body(scope, headers).headers == (("x-own", "a"),)
