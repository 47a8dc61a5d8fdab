"""Sends requests over connections that are kept alive, by one process, to whichever server."""

from __future__ import annotations

import asyncio
import re
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
_PATIENCE = 60.0  # seconds after which an answer is given up as lost


@dataclass(frozen=True)
class Address:
    """The address of a server, and the request that it is sent, which is always the same."""

    port: int  # of 127.0.0.1
    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def request(self) -> bytes:
        """Return the bytes of one request."""
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Content-Type: application/json",
            f"Content-Length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass
class Load:
    """The answers to requests; `lost` counts the requests without a whole answer."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)  # seconds of each answer
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, part: float) -> float:
        """Return the seconds in which this part of the answers came, such as 0.99."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def send(
    address: Address,
    connections: int,
    *,
    requests: int | None = None,
    seconds: float | None = None,
    answered: Callable[[int], object] = lambda count: None,
) -> Load:
    """Ask over so many connections at once until there were so many requests, or so long.

    All connections are open before the first request. Each sends its next request when it has its
    answer, and connects anew where that was the connection's last. `answered` is called with the
    number of answers so far, lost ones included.
    """
    _allow_files(connections)
    return asyncio.run(_send(address, connections, requests, seconds, answered))


async def _send(
    address: Address,
    connections: int,
    requests: int | None,
    seconds: float | None,
    answered: Callable[[int], object],
) -> Load:
    load = Load()
    message = address.request
    begun = 0
    deadline = float("inf")

    def may_begin() -> bool:
        nonlocal begun
        if time.perf_counter() >= deadline or (requests is not None and begun >= requests):
            return False
        begun += 1
        return True

    async def keep_asking(connection: _Connection | None) -> None:
        while may_begin():
            started = time.perf_counter()
            try:
                if connection is None or connection.closed:
                    connection = await _connect(address.port)
                status = await asyncio.wait_for(connection.ask(message), _PATIENCE)
            except (OSError, TimeoutError):
                load.lost += 1
                if connection is not None:
                    connection.close()
                connection = None
            else:
                load.latencies.append(time.perf_counter() - started)
                load.statuses[status] += 1
            answered(len(load.latencies) + load.lost)
        if connection is not None:
            connection.close()

    opened = await asyncio.gather(
        *(_connect(address.port) for _ in range(connections)), return_exceptions=True
    )
    started = time.perf_counter()
    if seconds is not None:
        deadline = started + seconds
    await asyncio.gather(
        *(
            keep_asking(connection if isinstance(connection, _Connection) else None)
            for connection in opened
        )
    )
    load.seconds = time.perf_counter() - started
    return load


class _Connection(asyncio.Protocol):
    """A connection on which one request at a time is answered."""

    def __init__(self) -> None:
        self.closed = False
        self._received = bytearray()
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """Send a request; its status comes with the last byte of the answer. OSError where that
        never comes."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        if self.closed:
            self._answer.set_exception(ConnectionResetError())
        else:
            self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        ends = self._received.find(b"\r\n\r\n")
        if ends < 0 or self._answer is None or self._answer.done():
            return
        head = bytes(self._received[: ends + 2])
        length = _LENGTH.search(head)
        if length is not None:
            whole = len(self._received) >= ends + 4 + int(length[1])
        else:
            whole = bool(_CHUNKED.search(head)) and self._received.endswith(b"0\r\n\r\n")
        if whole:
            self._received.clear()
            if _CLOSES.search(head):
                self.close()
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError())

    def close(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.close()


async def _connect(port: int) -> _Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
    return connection


def _allow_files(connections: int) -> None:
    """Let this process, and those that it starts later, have that many connections open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 200
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
