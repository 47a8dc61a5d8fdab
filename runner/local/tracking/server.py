"""MLflow's own server over the workspace's store, for a job whose Python is not the runner's.

The MLflow of that Python may be of another version than ours, or know no SQL at all, so it can't
open the store. Over HTTP every version of it is understood; what it writes of artifacts goes to the
store's folder, which lies on the same machine. The server listens on the loopback interface,
answers only who has the job's token, and ends with the process that started it, however that ends.
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
_GRACE = 5.0  # seconds it has to end
_LAST_ANSWERS = 2  # seconds it goes on with what it was asked before its end
_WAITING = 128  # connections that wait to be accepted, as until the server is up

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]


@contextmanager
def tracking_server(home: Path) -> Iterator[dict[str, str]]:
    """Serve the store, which is there already, and give the variables by which MLflow finds it.

    Connections are accepted at once, and answered when the server has come up a few seconds later.
    What it says goes to this process's standard error.
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
            # A page at that address is for nobody, and gone with the job.
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        }
    finally:
        _end(process)


def past_proxies(variables: Mapping[str, str]) -> dict[str, str]:
    """A process's variables, by which it asks a server on this machine past any proxy."""
    exempt = variables.get("no_proxy") or variables.get("NO_PROXY")
    direct = ",".join([*([exempt] if exempt else []), _HOST])
    return {**variables, "no_proxy": direct, "NO_PROXY": direct}


def _variables(home: Path) -> dict[str, str]:
    """The server's environment variables: the shell's settings of MLflow are for its clients."""
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
        lifespan="off",  # there it looks for what an MLflow server of a person left behind
        timeout_graceful_shutdown=_LAST_ANSWERS,
    )
    listener = socket.socket(fileno=int(descriptor))
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _end_with_stdin() -> None:
    """End this process when who started it closes the other end, or is gone."""
    import signal
    import time

    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)  # by which uvicorn answers what it was asked, and ends
    time.sleep(_LAST_ANSWERS + 1)
    os._exit(1)


def _guarded(app: _App, token: str) -> _App:
    """The application for those alone who send the token, as MLflow's clients do."""
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
