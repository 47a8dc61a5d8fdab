"""Runs a scoring script under Azure's own server, as `azmlinfsrv` does, but without gunicorn.

The package azureml-inference-server-http is that of the deployment's environment, of whichever
version. This process is to it what a worker of gunicorn's is.
Source: its `amlserver.py`, and the script `/var/runit/gunicorn/run` of Azure's images.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable
from importlib import import_module, machinery
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from runner.azure_executor import SERVER, SERVER_MODULE
from runner.engine.drivers.result import brief
from runner.engine.drivers.script_module import explain_within, way_out
from runner.engine.text import one_line
from runner.errors import JobFailed
from runner.local.serving.answer import Answer
from runner.local.serving.request import Request

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PORT = "31311"  # that of Azure's images, where scripts may look for it
# Variables that the server reads; those of the shell are not meant for it.
_SETTINGS = (
    "AML_CORS_ORIGINS",
    "AML_MODEL_DC_STORAGE_ENABLED",
    "APP_INSIGHTS_LOG_RESPONSE_ENABLED",
    "AZUREML_CONFIG_FILE",
    "AZUREML_LOG_LEVEL",
    "AZUREML_SOURCE_DIRECTORY",
    "SCORING_TIMEOUT_MS",  # the endpoint's own timeout ends what takes too long
    "SERVER_VERSION_LOG_RESPONSE_ENABLED",
    "SERVICE_NAME",
    "SERVICE_PATH_PREFIX",
    "SERVICE_VERSION",
    "WORKER_COUNT",
    "WORKSPACE_NAME",
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_VALUE = re.compile(r"[\0\r\n\v\f]")
_STATUS = re.compile(r"[1-9][0-9]{2}( .*)?")
_HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("te", "trailers", "transfer-encoding", "upgrade"),
    }
)


class InferenceServer:
    """A scoring script that answers requests as in Azure's online deployments."""

    notice: str | None = None

    def __init__(self, code: Path, script: str, declared: Collection[str]) -> None:
        """Load a script, with its folder of code as working folder, and call its `init()`.

        `declared` are the names of the deployment's environment variables. Raises JobFailed when
        that can't be done; the log says more.
        """
        path = Path(os.path.realpath(code / script))
        if not path.is_file():
            raise JobFailed(f"script {path} does not exist")
        _set_up_process(code, path, declared)
        self._app = _start_application(path)

    def score(self, request: Request) -> Answer:
        """Call the server's application.

        Raises what it lets through, such as SystemExit, and ValueError for a status or headers
        that HTTP has no way to write.
        """
        started: list[Any] = []
        written: list[bytes] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], _error: object = None
        ) -> Callable[[bytes], object]:
            started[:] = [status, headers]
            return written.append

        parts: Iterable[bytes] = self._app(_wsgi_variables(request), start_response)
        try:
            body = b"".join([*written, *parts])
        finally:
            if hasattr(parts, "close"):
                parts.close()
        status, headers = started
        dropped = _HOP_BY_HOP if request.method == "HEAD" else {*_HOP_BY_HOP, "content-length"}
        kept = (
            _checked_header(name, value) for name, value in headers if name.lower() not in dropped
        )
        return Answer(_status_number(status), body, tuple(kept), by_model=True)


def _status_number(status: str) -> int:
    """Return the number of a status line. Raises ValueError for one that gunicorn refuses."""
    if not _STATUS.fullmatch(status):
        raise ValueError(f"no status of HTTP: {status!r}")
    return int(status[:3])


def _checked_header(name: str, value: str) -> tuple[str, str]:
    """Return a header as gunicorn sends it. Raises ValueError for one that it refuses."""
    if not _NAME.fullmatch(name) or _NO_VALUE.search(value):
        raise ValueError(f"no header of HTTP: {name!r}: {value!r}")
    value.encode("latin-1")
    return name, value.strip(" \t")


def _set_up_process(code: Path, path: Path, declared: Collection[str]) -> None:
    """Make this process what gunicorn's worker is on Azure: its folder, variables and modules."""
    try:
        version = import_module(SERVER_MODULE).__version__
    except ModuleNotFoundError as error:
        if error.name != SERVER_MODULE:
            raise
        raise JobFailed(
            f"script {path} runs under {SERVER}, and {sys.executable} has no such package"
        ) from None
    for name in _SETTINGS:
        if name not in declared:
            os.environ.pop(name, None)
    for name, value in {
        "HEALTH_PORT": _PORT,
        "SERVER_PORT": _PORT,
        "TRANSPORT_PROTOCOL": "grpc",
        "WORKER_COUNT": "1",
    }.items():
        os.environ.setdefault(name, value)
    if os.environ.get("SERVER_VERSION_LOG_RESPONSE_ENABLED", "true").lower() == "true":
        os.environ.setdefault("HTTP_X_MS_SERVER_VERSION", f"azmlinfsrv/{version}")
    os.environ["AML_APP_ROOT"] = str(code)
    os.environ["AZUREML_ENTRY_SCRIPT"] = str(path)
    os.environ["AML_APP_INSIGHTS_ENABLED"] = "false"
    os.chdir(code)
    sys.path.append(str(code))
    # The server logs something by the root logger before a script can configure that.
    logging.basicConfig()
    _leave_unwritten(code)


def _leave_unwritten(code: Path) -> None:
    """Have no bytecode written into a folder of code, which stays as it was declared."""
    inside = f"{code}{os.sep}"
    write = machinery.SourceFileLoader.set_data

    def set_data(
        self: machinery.SourceFileLoader, path: str, data: ReadableBuffer, *, _mode: int = 0o666
    ) -> None:
        if not path.startswith(inside):
            write(self, path, data, _mode=_mode)

    setattr(machinery.SourceFileLoader, "set_data", set_data)  # noqa: B010 (a method)


def _start_application(path: Path) -> Any:
    """Return the server's application with a script in it. Raises JobFailed."""
    try:
        return import_module(f"{SERVER_MODULE}.server.create_app").create()
    except SystemExit as error:
        # The server exits to have gunicorn make no other attempt.
        raise JobFailed(_script_refusal(path, error.__context__ or error)) from None
    except BaseException as error:
        raise JobFailed(f"{SERVER} does not start: {explain_within(path, error)}") from error


def _script_refusal(path: Path, error: BaseException) -> str:
    """Return in one line why the server didn't take a script."""
    if not type(error).__module__.startswith(SERVER_MODULE):
        return (
            f"{SERVER} can't be set up for script {path}: {brief(error)}; see config.json and"
            " logging.json beside it, and the deployment's environment_variables"
        )
    raised = getattr(error, "user_ex", None)
    if raised is None:
        text = one_line(error)
        return text if str(path) in text else f"script {path}: {text}"
    if type(error).__name__ != "UserScriptImportException":
        return f"script {path}: init() raised {explain_within(path, raised)}"
    if isinstance(raised, SystemExit):
        return f"script {path} can't be imported: it calls exit({raised.code})"
    return f"script {path} can't be imported: {explain_within(path, raised)}{way_out(raised)}"


def _wsgi_variables(request: Request) -> dict[str, Any]:
    """Return a request as gunicorn's variables of WSGI (PEP 3333)."""
    target, _, query = request.target.partition("#")[0].partition("?")
    secure = request.header("x-forwarded-proto") == "https"
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(target).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": request.target,
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": _PORT,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if secure else "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        if "_" in name:
            continue  # in a variable it could not be told from another header's name
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ
