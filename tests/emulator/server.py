"""The network: a proxy that leads every host of the cloud to the app, and blob hosts to the blobs.

Clients ask the proxy for a tunnel to a host (CONNECT). The far end of that tunnel is here too: TLS
with the host's own certificate, then HTTP. One thread serves one connection.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import traceback
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler

from tests.emulator import addresses, platform_kinds
from tests.emulator.app import App
from tests.emulator.blob_relay import BlobRelay
from tests.emulator.certificates import Certificates
from tests.emulator.faults import (
    Answer,
    Drop,
    ExpireTokens,
    Fault,
    Faults,
    Forbidden,
    Repeat,
    Stall,
)
from tests.emulator.messages import Refusal, Request, Response, request
from tests.emulator.request_log import RequestLog

_HEAD_BYTES = 65536
_TUNNEL_BYTES = 65536
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Server:
    """Listens on 127.0.0.1; `port` is the proxy's."""

    def __init__(
        self, app: App, certificates: Certificates, faults: Faults, log: RequestLog
    ) -> None:
        self.look_into_blobs = False
        self._app = app
        self._certificates = certificates
        self._faults = faults
        self._log = log
        self._answering = 0
        self._answered = threading.Condition()
        self._stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="emulator", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all connections and stop listening."""
        self._stopping.set()
        # Closing a socket does not wake who waits in accept(); a connection does.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass
        self._thread.join()
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                _cut(connection)

    def settle(self) -> None:
        """Wait until no request is being carried out, those included whose client went away.

        Raises AssertionError where one takes more than a minute.
        """
        with self._answered:
            if not self._answered.wait_for(lambda: not self._answering, timeout=60):
                raise AssertionError("a request is still being carried out after a minute")

    def _accept(self) -> None:
        while not self._stopping.is_set():
            connection, _ = self._listener.accept()
            if self._stopping.is_set():
                connection.close()
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)
        try:
            with contextlib.suppress(OSError, ssl.SSLError):
                self._lead(connection)
        finally:
            with self._lock:
                self._connections.discard(connection)
            _cut(connection)
            connection.close()

    def _lead(self, connection: socket.socket) -> None:
        head = _read_head(connection)
        tunnel = re.match(rb"CONNECT ([A-Za-z0-9.-]+):(\d+) HTTP/1\.[01]\r\n", head)
        host = tunnel[1].decode().lower() if tunnel else ""
        if not addresses.is_ours(host):
            connection.sendall(
                b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
        elif addresses.BLOB_HOST.fullmatch(host):
            self._tunnel(connection, host)
        else:
            connection.sendall(_ESTABLISHED)
            self._converse(connection, host, None)

    def _converse(self, connection: socket.socket, host: str, relay: BlobRelay | None) -> None:
        # SSLSocket takes the descriptor over, and the set needs what can be cut.
        secure = self._certificates.context(host).wrap_socket(connection, server_side=True)
        with self._lock:
            self._connections.add(secure)
        try:
            _Conversation(secure, self, host, relay)
        finally:
            with self._lock:
                self._connections.discard(secure)
            _cut(secure)
            secure.close()

    def _tunnel(self, connection: socket.socket, host: str) -> None:
        storage = self._app.cloud.storage
        if storage is None:
            connection.sendall(
                b"HTTP/1.1 502 No blob storage\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            return
        asked = request("CONNECT", f"https://{host}/")
        fault = self._faults.take(asked)
        status = fault.status if isinstance(fault, Answer) else 200
        self._log.add("CONNECT", host, "/", {}, 0 if isinstance(fault, Drop) else status)
        if isinstance(fault, Answer):
            head = f"HTTP/1.1 {status} {fault.code}\r\nConnection: close\r\nContent-Length: 0"
            connection.sendall(f"{head}\r\n\r\n".encode())
            return
        if isinstance(fault, Stall):
            self._stopping.wait(fault.seconds)
        if isinstance(fault, Drop) and fault.when == "before":
            return
        cloud = self._app.cloud
        closed = platform_kinds.is_closed(cloud, host.partition(".")[0])
        if self.look_into_blobs or closed or cloud.held:
            connection.sendall(_ESTABLISHED)
            if not isinstance(fault, Drop):
                relay = BlobRelay(storage.port, self._certificates.authority, cloud, closed=closed)
                self._converse(connection, host, relay)
            return
        limit = _TUNNEL_BYTES if isinstance(fault, Drop) else None
        with socket.create_connection(("127.0.0.1", storage.port)) as far:
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(_ESTABLISHED)
            back = threading.Thread(target=_pump, args=(far, connection, None), daemon=True)
            back.start()
            _pump(connection, far, limit)
            if limit is not None:
                _cut(connection)
            back.join()

    def answer(
        self, asked: Request, carry: Callable[[], Response] | None = None
    ) -> tuple[Response | None, Fault | None]:
        """Answer a request, or give no response when the connection is to end without one.

        `carry` takes it to the blob storage, for one that is meant for that.
        """
        with self._answered:
            self._answering += 1
        try:
            return self._answer(asked, carry)
        finally:
            with self._answered:
                self._answering -= 1
                self._answered.notify_all()

    def _answer(
        self, asked: Request, carry: Callable[[], Response] | None
    ) -> tuple[Response | None, Fault | None]:
        fault = self._faults.take(asked)
        response: Response | None = None
        if isinstance(fault, (Repeat, Forbidden)):
            fault = fault.answer(asked)
        if isinstance(fault, ExpireTokens):
            self._app.cloud.tokens.expire_all()
        if isinstance(fault, Stall) and self._stopping.wait(fault.seconds):
            return None, fault
        if isinstance(fault, Answer):
            response = _refusal(fault, asked, by_storage=carry is not None)
        elif not (isinstance(fault, Drop) and fault.when == "before"):
            response = carry() if carry else self._carry_out(asked)
        if isinstance(fault, Drop) and fault.when != "middle":
            response = None
        status = response.status if response and not isinstance(fault, Drop) else 0
        self._log.add(asked.method, asked.host, asked.path, asked.query, status)
        return response, fault

    def _carry_out(self, asked: Request) -> Response:
        try:
            return self._app.answer(asked)
        except Exception:
            # A mistake of the stand-in itself: say it where a test's output shows it.
            traceback.print_exc()
            return Refusal(500, "StandInFailed", "The stand-in itself failed.").response()


class _Conversation(BaseHTTPRequestHandler):
    """The HTTP of one connection. Its constructor serves until the connection ends."""

    protocol_version = "HTTP/1.1"
    server_version = "Emulator"
    sys_version = ""
    server: Server  # type: ignore[assignment]  # not a socketserver, and nothing of one is used

    def __init__(
        self, connection: ssl.SSLSocket, server: Server, host: str, relay: BlobRelay | None
    ) -> None:
        self._host = host
        self._relay = relay
        super().__init__(connection, ("", 0), server)  # type: ignore[arg-type]

    def handle(self) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called
        """Stay quiet: there is a log of requests."""

    def _respond(self) -> None:
        asked = request(
            self.command,
            f"https://{self._host}{self.path}",
            dict(self.headers.items()),
            self._body(),
        )
        relay = self._relay
        carry = partial(relay.carry, self.path, asked) if relay else None
        response, fault = self.server.answer(asked, carry)
        if response is None:
            self._hang_up()
            return
        lines = [f"HTTP/1.1 {response.status} {self.responses.get(response.status, ('',))[0]}"]
        headers = {"Content-Length": len(response.body), **response.headers}
        lines += [*(f"{name}: {value}" for name, value in headers.items()), "", ""]
        body = b"" if self.command == "HEAD" else response.body
        whole = "\r\n".join(lines).encode("latin-1") + body
        if isinstance(fault, Drop):
            # Clients take an answer for whole that ends amid its headers and has no body.
            self.wfile.write(whole[: -(len(body) // 2 + 1)] if body else whole[:6])
            self._hang_up()
            return
        self.wfile.write(whole)

    do_GET = do_OPTIONS = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _respond  # noqa: N815

    def _body(self) -> bytes:
        _acknowledge(self.connection)
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def _hang_up(self) -> None:
        self.close_connection = True
        _cut(self.connection)


def _refusal(fault: Answer, asked: Request, *, by_storage: bool) -> Response:
    """Answer a fault in the shape of the service that was asked."""
    if by_storage:
        return fault.storage_response()
    if addresses.DATABRICKS_HOST.fullmatch(asked.host):
        return fault.databricks_response()
    return fault.response()


def _read_head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD_BYTES:
        more = connection.recv(_HEAD_BYTES)
        if not more:
            break
        head += more
    return head


def _pump(source: socket.socket, target: socket.socket, limit: int | None) -> None:
    """Carry bytes until the source ends, or a limit is passed."""
    carried = 0
    with contextlib.suppress(OSError):
        while limit is None or carried < limit:
            data = source.recv(_TUNNEL_BYTES)
            if not data:
                break
            _acknowledge(source)
            target.sendall(data)
            carried += len(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _acknowledge(connection: socket.socket) -> None:
    """Say at once what has arrived.

    Through a proxy urllib3 sends a body only when it knows that the headers have arrived, which a
    system otherwise says after 40 ms.
    """
    if hasattr(socket, "TCP_QUICKACK"):
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
