"""Serves a stand-in: prints its port, and goes when the engine that started it goes."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2_grpc

from tests.emulator.plugin.provider import Provider

_THREADS = 16
_LARGEST_MESSAGE = 400 * 1024 * 1024


def serve(provider: Provider[Any]) -> None:
    """Serve on a port of this machine until the engine says stop or is gone."""
    server = grpc.server(
        ThreadPoolExecutor(_THREADS),
        options=[("grpc.max_receive_message_length", _LARGEST_MESSAGE)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    stopped = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    engine = os.getppid()
    while not stopped.wait(1) and os.getppid() == engine:
        pass
    server.stop(grace=None)
