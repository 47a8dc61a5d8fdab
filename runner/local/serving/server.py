"""Serving an endpoint over HTTP until somebody asks to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Generator
from types import FrameType

from runner.errors import Interrupted
from runner.local.serving.front import Front

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    front: Front, listener: socket.socket, patience: float, ready: Callable[[], object]
) -> None:
    """Serve on a bound socket; call `ready` once it listens.

    The first SIGINT or SIGTERM closes the door, lets what is inside be answered (for `patience`
    seconds at most) and returns; the second ends the process at once. Only in the main thread.
    """
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await super().shutdown(sockets)
            await front.finish()

        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            # Its own way raises the signal again at the end, which then is the process's end.
            yield

    config = uvicorn.Config(
        front,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, round(patience)),
    )
    server = Server(config)

    def stop(_number: int, _frame: FrameType | None) -> None:
        if server.should_exit:
            front.kill()
            os._exit(Interrupted.exit_status)
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        server.run(sockets=[listener])
        front.close()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
