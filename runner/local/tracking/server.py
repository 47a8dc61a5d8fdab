"""MLflow's own server stands before the workspace's store for a job in another Python.

The MLflow of that Python may have another version, or no SQL, and then can't open the store. Over
HTTP all versions are understood; artifacts are written directly to the store's folder. The server
listens on the loopback interface, wants the job's token, and ends with the process that started it.
"""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runner.local.tracking.store import artifact_root, store_address
from runner.processes import python_command, without_telemetry

_HOST = "127.0.0.1"
_GRACE = 5.0  # seconds for it to end
_LAST_ANSWERS = 2  # seconds to answer open requests before its end
_WAITING = 128  # connections that wait until the server is up

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]


@contextmanager
def tracking_server(home: Path) -> Iterator[dict[str, str]]:
    """Serve the store, which is there already, and give the variables by which MLflow finds it.

    Connections are accepted at once, and answered when the server is up a few seconds later. Its
    output goes to this process's standard error.
    """
    token = secrets.token_urlsafe(32)
    with socket.create_server((_HOST, 0), backlog=_WAITING) as listener:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            python_command("runner.local.tracking.server", str(listener.fileno())),
            stdin=subprocess.PIPE,  # closed with this process, which ends the server
            stdout=sys.stderr,
            stderr=sys.stderr,
            env=_variables(home),
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
    try:
        assert process.stdin is not None
        process.stdin.write(f"{token}\n".encode())
        process.stdin.flush()
        yield {
            "MLFLOW_TRACKING_URI": f"http://{_HOST}:{port}",
            "MLFLOW_TRACKING_TOKEN": token,
            # Nobody can open a page at that address, which ends with the job.
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        }
    finally:
        _end(process)


def past_proxies(variables: Mapping[str, str]) -> dict[str, str]:
    """Return a process's variables, changed so that it asks this machine past any proxy."""
    exempt = variables.get("no_proxy") or variables.get("NO_PROXY")
    direct = ",".join([*([exempt] if exempt else []), _HOST])
    return {**variables, "no_proxy": direct, "NO_PROXY": direct}


def _variables(home: Path) -> dict[str, str]:
    """Return the server's variables, without the shell's settings for MLflow's clients."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.lstrip("_").startswith("MLFLOW_") and key != "prometheus_multiproc_dir"
    }
    return without_telemetry(inherited) | {
        "_MLFLOW_SERVER_FILE_STORE": store_address(home),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": str(artifact_root(home)),
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(descriptor: str) -> int:
    """Serve on an inherited socket until standard input, whose first line is the token, ends."""
    import warnings

    warnings.simplefilter("ignore")  # MLflow's server warns of its own packages
    token = sys.stdin.readline().strip()
    threading.Thread(target=_end_with_stdin, daemon=True).start()

    import uvicorn
    from mlflow.server.fastapi_app import app

    config = uvicorn.Config(
        _guarded(app, token),
        log_level="warning",
        access_log=False,
        lifespan="off",  # its startup looks for leftovers of other servers
        timeout_graceful_shutdown=_LAST_ANSWERS,
    )
    listener = socket.socket(fileno=int(descriptor))
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _end_with_stdin() -> None:
    """End this process when its parent closes the other end, or ends."""
    import signal
    import time

    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)  # makes uvicorn answer open requests and end
    time.sleep(_LAST_ANSWERS + 1)
    os._exit(1)


def _guarded(app: _App, token: str) -> _App:
    """Return the application, guarded so that it answers only requests with the token."""
    wanted = f"Bearer {token}".encode()

    async def guarded(scope: _Message, receive: _Receive, send: _Send) -> None:
        given = dict(scope.get("headers") or ()).get(b"authorization", b"")
        if hmac.compare_digest(given, wanted):
            await app(scope, receive, send)
        elif scope["type"] == "http":
            plain = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 401, "headers": plain})
            await send({"type": "http.response.body", "body": b"this job's token is wanted\n"})
        else:
            await send({"type": "websocket.close", "code": 1008})

    return guarded
