"""Serves an endpoint over HTTP until a signal asks to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Generator
from types import FrameType
from typing import TYPE_CHECKING, Any

from runner.errors import Interrupted
from runner.local.serving.gateway import Gateway

if TYPE_CHECKING:
    import uvicorn

_BACKLOG = 128  # connections that wait to be accepted
_EVERY = 60.0  # seconds between two lines of one kind
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    gateway: Gateway, listener: socket.socket, patience: float, ready: Callable[[], object]
) -> None:
    """Serve on a bound socket; call `ready` once it listens.

    The first SIGINT or SIGTERM closes the door, lets what is inside be answered (for `patience`
    seconds at most) and returns; the second ends the process at once. Only in the main thread.
    """
    server = make_server(gateway, patience, ready)

    def stop(_number: int, _frame: FrameType | None) -> None:
        if server.should_exit:
            gateway.kill()
            os._exit(Interrupted.exit_status)
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        server.run(sockets=[listener])
        gateway.close()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_server(gateway: Gateway, patience: float, ready: Callable[[], object]) -> uvicorn.Server:
    """Return the server of `serve`, without the signals: it stops once its `should_exit` is set."""
    import uvicorn

    from runner.local.serving.connection import Connection

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            asyncio.get_running_loop().set_exception_handler(_quietly(gateway.log))
            await super().startup(sockets)
            ready()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await super().shutdown(sockets)
            await gateway.finish()

        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            # uvicorn would raise the signal again at the end, which would end the process.
            yield

    config = uvicorn.Config(
        gateway,
        http=Connection,
        backlog=_BACKLOG,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, round(patience)),
    )
    return Server(config)


def _quietly(
    log: Callable[[str], object],
) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Say what goes wrong beside all requests in a line, and the same only once a minute.

    Without file descriptors the loop finds for each connection that waits that it can't accept it.
    """
    said: dict[str, float] = {}

    def handle(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        message, error = context["message"], context.get("exception")
        now = time.monotonic()
        if now - said.get(message, -_EVERY) < _EVERY:
            return
        said[message] = now
        log(f"{message}: {error or 'no reason is known'}")

    return handle
