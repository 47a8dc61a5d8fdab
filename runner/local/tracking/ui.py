"""MLflow's own page over the workspace's runs is served here."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from runner.errors import EnvironmentRefused, NotFound
from runner.installing import installed_by
from runner.local.tracking.store import can_track, store_address, store_file

_LOOK = 0.1  # seconds between checks whether it answers
_GRACE = 5.0  # seconds for it to end
_PATIENCE = 60.0  # seconds for it to start, mostly to import MLflow


def show_runs(home: Path, host: str, port: int, ready: Callable[[str], object]) -> None:
    """Serve MLflow's page until SIGINT or SIGTERM; `ready` gets its address once it answers.

    Raises NotFound where nothing was tracked yet, and EnvironmentRefused where MLflow is missing,
    the port is taken, or the page does not come up.
    """
    if not can_track():
        raise EnvironmentRefused(
            f"MLflow is not installed: {installed_by('mlflow', group='mlflow')} adds it"
        )
    if not store_file(home).is_file():
        raise NotFound(
            "no job of this workspace has been tracked yet; `runner train MODEL` makes one"
        )
    port = _free(host, port)
    log = store_file(home).with_name("ui.txt")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port)),
                *("--backend-store-uri", store_address(home), "--workers", "1"),
                "--no-serve-artifacts",
            ],
            cwd=log.parent,  # where it may write files of its own
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        _wait(process, host, port, log)
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        process.wait()
        raise EnvironmentRefused(f"MLflow's page has ended by itself; see {log}")
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, previous)
        _end(process)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _free(host: str, port: int) -> int:
    """Return the port, or a free one in place of 0. Raises EnvironmentRefused if it is taken."""
    try:
        with socket.create_server((host, port), family=_family(host)) as listening:
            number: int = listening.getsockname()[1]
            return number
    except OSError as error:
        raise EnvironmentRefused(
            f"can't listen on {host}, port {port} ({error.strerror or error}): choose another port"
            " with --port, or --port 0 for any that is free, or another --host"
        ) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _wait(process: subprocess.Popen[bytes], host: str, port: int, log: Path) -> None:
    from http.client import HTTPConnection, HTTPException

    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection(host, port, timeout=_LOOK * 10)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            time.sleep(_LOOK)
        finally:
            connection.close()
    raise EnvironmentRefused(f"MLflow's page does not come up; see {log}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and its workers, which share its session."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
