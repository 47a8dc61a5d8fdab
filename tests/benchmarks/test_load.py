"""The load that servers are put under: every answer is counted, and so is every one that is not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.load import Address, send

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
Answering = Callable[[int], bytes | None]


@contextmanager
def server(answering: Answering) -> Iterator[tuple[Address, list[bytes]]]:
    """Yield a server that gives its n-th request this answer; None breaks the connection."""
    address = Address(0, "/score", b'{"a": 1}', (("Authorization", "Bearer key"),))
    seen: list[bytes] = []
    lock = threading.Lock()

    def serve(connection: socket.socket) -> None:
        with connection:
            received = b""
            while part := connection.recv(65536):
                received += part
                while (head := received.find(b"\r\n\r\n")) >= 0:
                    end = head + 4 + len(address.body)
                    if len(received) < end:
                        break
                    with lock:
                        seen.append(received[:end])
                        answer = answering(len(seen))
                    received = received[end:]
                    if answer is None:
                        return
                    connection.sendall(answer)
                    if answer is LAST:
                        return

    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        port = listener.getsockname()[1]
        yield Address(port, address.path, address.body, address.headers), seen
        listener.shutdown(socket.SHUT_RDWR)


def test_every_request_is_sent_once_and_counted_by_its_status() -> None:
    with server(lambda number: BUSY if number % 5 == 0 else OK) as (address, seen):
        load = send(address, 4, requests=50)
    assert load.statuses == {200: 40, 429: 10}
    assert (load.lost, len(load.latencies), len(seen)) == (0, 50, 50)
    assert set(seen) == {address.request}
    assert 0 < load.percentile(0.5) <= load.percentile(0.99) <= load.seconds
    assert load.rate == 50 / load.seconds


def test_an_answer_that_breaks_off_is_lost_and_the_next_is_asked_for_anew() -> None:
    with server(lambda number: None if number in (3, 7) else OK) as (address, _):
        counts: list[int] = []
        load = send(address, 1, requests=20, answered=counts.append)
    assert (load.lost, load.statuses) == (2, {200: 18})
    assert counts == list(range(1, 21))


def test_chunks_and_closed_connections_are_answers_too() -> None:
    with server(lambda number: CHUNKED if number % 2 else LAST) as (address, _):
        load = send(address, 2, requests=20)
    assert (load.lost, load.statuses) == (0, {200: 20})


def test_many_connections_are_open_at_once() -> None:
    with server(lambda _: OK) as (address, _):
        load = send(address, 100, requests=100)
    assert load.statuses == {200: 100}


def test_a_load_ends_in_time() -> None:
    with server(lambda _: OK) as (address, _):
        load = send(address, 2, seconds=0.2)
    assert load.lost == 0
    assert 0.2 <= load.seconds < 5
    assert load.statuses[200] == len(load.latencies) > 0


def test_a_server_that_is_not_there_loses_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert send(Address(port, "/", b""), 2, requests=4).lost == 4
