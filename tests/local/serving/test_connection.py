"""Clients that are slow, greedy, broken or rude, over real connections."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runner.local.serving import connection as limits
from runner.local.serving import gateway as gateway_module
from runner.local.serving.deployment import Deployment
from runner.local.serving.gateway import Endpoint, Gateway
from runner.local.serving.messages import MOST_ANSWERED
from runner.local.serving.tables import MAX_BODY
from tests.projects import ROOT

from .scripts import script_plan
from .served import Served, one_answer, received, status_of
from .test_deployment import wait_for

KEY = "a-key-that-nobody-guesses"
SCRIPT = """
import json, os, time

def init():
    pass

def run(data):
    wish = json.loads(data)
    if "until" in wish:
        open(wish["until"] + ".begun", "w").close()
        while not os.path.exists(wish["until"]):
            time.sleep(0.01)
    return "x" * wish.get("size", 1)
"""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("script")
    plan = script_plan(folder, SCRIPT, name="blue", slots=20)
    with (folder / "log.txt").open("wb") as log, Deployment(plan, log) as deployment:
        deployment.start()
        yield deployment


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def served(deployment: Deployment, said: list[str]) -> Iterator[Served]:
    gateway = Gateway(Endpoint("here", {"blue": deployment}, KEY, {"blue": 100}), said.append)
    served = Served(gateway)
    yield served
    served.stop()


def request(body: bytes, *headers: str, key: str = KEY, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = ["POST /score HTTP/1.1", "Host: here", f"Authorization: Bearer {key}", *headers]
    return "\r\n".join([*lines, f"Content-Length: {size}", "", ""]).encode() + body


HEALTH = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: he"])
def test_a_head_that_does_not_come_ends_its_connection(
    served: Served, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_HEAD_SECONDS", 0.3)
    assert status_of(served.ask(begun)) == (408 if begun else 0)


def test_a_later_head_that_does_not_come_ends_its_connection_too(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_HEAD_SECONDS", 0.3)
    with served.connect() as connection:
        connection.sendall(HEALTH)
        assert one_answer(connection)[0] == 200
        connection.sendall(HEALTH[:20])
        assert status_of(received(connection)) == 408


def test_a_request_behind_another_has_its_own_time_to_be_answered(
    served: Served, tmp_path: Path
) -> None:
    until = str(tmp_path / "end").encode()
    with served.connect() as connection:
        connection.sendall(HEALTH + request(b'{"until": "%s"}' % until))
        assert one_answer(connection)[0] == 200
        wait_for((tmp_path / "end.begun").exists)
        (kept,) = served.server.server_state.connections
        assert isinstance(kept, limits.Connection)
        assert kept._deadline is None
        (tmp_path / "end").touch()
        assert one_answer(connection)[0] == 200


def test_a_head_that_trickles_in_gets_no_more_time(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_HEAD_SECONDS", 0.5)
    with served.connect() as connection:
        connection.settimeout(0.05)
        connection.sendall(b"GET / HTTP/1.1\r\n")
        for number in range(1200):
            try:
                answer = connection.recv(1 << 16)
            except TimeoutError:
                connection.sendall(b"X-%d: 1\r\n" % number)
            else:
                break
        assert status_of(answer) == 408


def test_a_body_that_does_not_come_is_told_so(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_module, "_BODY_SECONDS", 0.3)
    answer = served.ask(request(b"{", length=2))
    assert status_of(answer) == 408
    assert b"connection: close" in answer


def test_an_answer_that_nobody_takes_is_not_held_for_ever(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_TAKING_SECONDS", 0.3)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", served.port))
        connection.sendall(request(b'{"size": 9000000}', "Connection: close"))
        connection.recv(1)
        wait_for(lambda: not served.server.server_state.connections)


def test_without_a_key_the_answer_does_not_wait_for_the_body(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"x" * 1000, key="wrong", length=MAX_BODY))
        status, head, _ = one_answer(connection)
        assert status == 401
        assert b"connection: close" in head
        # What comes on is dropped, so that a client that sends first can read the answer, but not
        # for ever.
        connection.sendall(b"x" * 100_000)
        assert received(connection) == b""


def test_a_client_that_sends_everything_first_reads_why_it_was_refused(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"x" * (MAX_BODY // 4), key="wrong"))
        assert one_answer(connection)[0] == 401


def test_a_body_that_can_not_be_read_is_refused_at_once(served: Served) -> None:
    chunked = request(b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
    assert status_of(served.ask(chunked + b"two\r\n{}\r\n")) == 400


def test_an_answer_that_is_too_large_is_told_and_not_held(served: Served) -> None:
    with served.connect() as connection:
        for size, status in ((MOST_ANSWERED + 1, 424), (1, 200)):
            connection.sendall(request(b'{"size": %d}' % size))
            answer = one_answer(connection)
            assert answer[0] == status
            assert b"is the most here" in answer[2] or status == 200


def test_what_breaks_after_requests_leaves_them_their_answers(
    served: Served, tmp_path: Path
) -> None:
    until = str(tmp_path / "end").encode()
    chunked = request(b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
    with served.connect() as connection:
        connection.sendall(request(b'{"until": "%s"}' % until) + HEALTH + chunked + b"two\r\n")
        wait_for((tmp_path / "end.begun").exists)
        (tmp_path / "end").touch()
        answers = received(connection)
        assert answers.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("path", ["/score/", "//other.example/score", "/score/../x"])
def test_nobody_is_sent_to_another_place(served: Served, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: other.example\r\nContent-Length: 0\r\n\r\n"
    with served.connect() as connection:
        connection.sendall(head.encode())
        status, head_of_answer, body = one_answer(connection)
    assert status == 404
    assert b"location" not in head_of_answer.lower()
    assert b"other.example" not in head_of_answer + body


def test_a_request_that_is_on_its_way_at_a_stop_is_answered(served: Served, tmp_path: Path) -> None:
    begun, kept, fresh = served.connect(), served.connect(), served.connect()
    with begun, kept, fresh:
        kept.sendall(HEALTH)
        assert one_answer(kept)[0] == 200
        begun.sendall(request(b'{"until": "%s"}' % str(tmp_path / "end").encode()))
        wait_for((tmp_path / "end.begun").exists)
        fresh.sendall(HEALTH[:20])
        wait_for(lambda: len(served.server.server_state.connections) == 3)
        stopping = threading.Thread(target=served.stop)
        stopping.start()
        wait_for(lambda: not _listens(served))
        kept.sendall(HEALTH)
        fresh.sendall(HEALTH[20:])
        for connection in (kept, fresh):
            status, head, _ = one_answer(connection)
            assert status == 200
            assert b"connection: close" in head
        (tmp_path / "end").touch()
        status, head, _ = one_answer(begun)
        assert status == 200
        assert b"connection: close" in head
        stopping.join(60)


def _listens(served: Served) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", served.port)) == 0


def test_more_connections_than_there_are_files_for_are_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "most_connections", lambda: 3)
    held = [served.connect() for _ in range(3)]
    try:
        wait_for(lambda: len(served.server.server_state.connections) == 3)
        assert status_of(served.ask()) == 429
    finally:
        for connection in held:
            connection.close()
    wait_for(
        lambda: (
            status_of(served.ask(HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
            == 200
        )
    )


def test_as_many_connections_are_taken_as_leave_other_files_to_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for files, most in ((1024, 924), (64, 32), (resource.RLIM_INFINITY, sys.maxsize)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        assert limits.most_connections() == most


def test_what_is_no_request_is_not_logged_and_answered_after_what_came_before(
    served: Served, said: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with served.connect() as connection:
        until = str(tmp_path / "end").encode()
        connection.sendall(request(b'{"until": "%s"}' % until) + b"\x16\x03\x01 no request\r\n\r\n")
        wait_for((tmp_path / "end.begun").exists)
        (tmp_path / "end").touch()
        assert one_answer(connection)[0] == 200
        assert received(connection) == b""
    assert status_of(served.ask(b"\x16\x03\x01 no request\r\n\r\n")) == 400
    assert said == []
    assert capfd.readouterr().err == ""


# A server that may open as many files again as it has, whose loop is asyncio's own: uvloop says
# nothing of connections that it can't accept.
WITHOUT_DESCRIPTORS = """
import os, resource, socket, sys
sys.modules["uvloop"] = None
from runner.local.serving import connection
from runner.local.serving.gateway import Endpoint, Gateway
from runner.local.serving.server import serve

connection.most_connections = lambda: 1000
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))

def ready():
    most = 2 * len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(listener.getsockname()[1], flush=True)

gateway = Gateway(Endpoint("here", {}, "key"), lambda line: print(line, flush=True))
serve(gateway, listener, 5, ready)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it counts its files in /proc")
def test_without_descriptors_it_says_so_once_and_goes_on_later() -> None:
    with ExitStack() as stack:
        server = subprocess.Popen(
            [sys.executable, "-c", WITHOUT_DESCRIPTORS], stdout=subprocess.PIPE, cwd=ROOT
        )
        stack.callback(server.wait)
        stack.callback(server.terminate)
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with ExitStack() as held:
            for _ in range(60):
                held.enter_context(socket.create_connection(("127.0.0.1", port)))
            assert b"Too many open files" in server.stdout.readline()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(HEALTH)
            assert one_answer(connection)[0] == 200
        server.terminate()
        assert server.stdout.read() == b""
