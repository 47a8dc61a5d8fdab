"""A gateway served over HTTP by a thread of the tests, and connections to it, byte by byte."""

from __future__ import annotations

import socket
import threading

from runner.local.serving.gateway import Gateway
from runner.local.serving.server import make_server


class Served:
    """A gateway on a free port of loopback."""

    def __init__(self, gateway: Gateway, patience: float = 10.0) -> None:
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        ready = threading.Event()
        self.server = make_server(gateway, patience, ready.set)
        run, sockets = self.server.run, [self._listener]
        self._thread = threading.Thread(target=run, kwargs={"sockets": sockets})
        self._thread.start()
        assert ready.wait(60)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def ask(self, *parts: bytes) -> bytes:
        """Everything that comes back until the connection is closed."""
        with self.connect() as connection:
            for part in parts:
                connection.sendall(part)
            return received(connection)

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(60)
        assert not self._thread.is_alive()


def received(connection: socket.socket) -> bytes:
    """Return what arrives until the other side closes."""
    chunks = []
    while chunk := connection.recv(1 << 16):
        chunks.append(chunk)
    return b"".join(chunks)


def one_answer(connection: socket.socket) -> tuple[int, bytes, bytes]:
    """Return the status, the head and the body of the next answer, which tells its length."""
    content = b""
    while b"\r\n\r\n" not in content:
        chunk = connection.recv(1 << 16)
        assert chunk, "the connection was closed without an answer"
        content += chunk
    head, _, body = content.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    while len(body) < lengths[0]:
        chunk = connection.recv(1 << 16)
        assert chunk, "the connection was closed within an answer"
        body += chunk
    return status_of(head), head, body


def status_of(answer: bytes) -> int:
    """Return the status that an answer begins with; 0 for no answer at all."""
    return int(answer.split(b" ", 2)[1]) if answer else 0
