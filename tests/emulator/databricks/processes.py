"""Servers on a port of this machine that the stand-in starts for itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from signal import SIGKILL

from tests.emulator.messages import Response

_SECONDS_TO_START = 180  # a JVM and MLflow on a busy machine
# Spark as this machine has it: reached by nobody, and compiled once, as short runs are.
SPARK = {
    "SPARK_LOCAL_IP": "127.0.0.1",
    "PYSPARK_SUBMIT_ARGS": "--conf spark.ui.enabled=false"
    " --driver-java-options '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' pyspark-shell",
}
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "JAVA_HOME")  # and no secret of the tests


@dataclass(frozen=True)
class Server:
    """A running server, in a process group of its own."""

    process: subprocess.Popen[bytes]
    port: int

    def ask(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        """Ask it for a path with its query."""
        far = HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            far.request(method, target, body or None, dict(headers or {}))
            answered = far.getresponse()
            kind = answered.getheader("Content-Type") or "application/json"
            return Response(answered.status, answered.read(), {"Content-Type": kind})
        finally:
            far.close()

    def stop(self) -> None:
        """End it and whatever it began."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, SIGKILL)
        self.process.wait()


def start_server(
    script: str, arguments: Sequence[str], folder: Path, variables: Mapping[str, str]
) -> Server:
    """Start a script of this package with a port as its last argument; wait until it listens.

    It works in `folder`, where `server.log` has what it prints. Raises RuntimeError with the end
    of that where it does not come to listen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, log = _free_port(), folder / "server.log"
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    python = Path(sys.executable)
    inherited["PATH"] = os.pathsep.join([str(python.parent), inherited.get("PATH", "")])
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name(script)), *arguments, str(port)],
            cwd=folder,
            env={
                **inherited,
                **SPARK,
                "HOME": str(folder),
                "MLFLOW_DISABLE_TELEMETRY": "true",
                **variables,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    server = Server(process, port)
    deadline = time.monotonic() + _SECONDS_TO_START
    while not _listens(port):
        if process.poll() is not None or time.monotonic() > deadline:
            server.stop()
            raise RuntimeError(f"{script}: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
    return server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
