"""The rules of Azure's inference server, for MLflow models without a script.

Sources: Microsoft's azureml-inference-server-http, and its answers recorded in
tests/local/serving/recorded.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from runner.local.serving.answer import JSON, Answer
from runner.local.serving.request import Request

_LONGEST_ID = 100  # characters
_WANTED = frozenset(
    ("content-type", "x-request-id", "x-ms-request-id", "x-ms-client-request-id", "traceid")
)
_TYPE = ("content-type", JSON)
_FAILED = ("x-ms-run-function-failed", "True")
_NOT_FAILED = ("x-ms-run-function-failed", "False")
_SERVER = ("x-ms-server-version", "runner")
_METHODS = {"/score": ("GET", "HEAD", "POST", "OPTIONS"), "/swagger.json": ("GET", "HEAD")}
_GZIP = b"\x1f\x8b"

Headers = tuple[tuple[str, str], ...]


class Refused(Exception):
    """A request that gets no predictions: its status, and a message for the client.

    `by_run` tells what Azure's script would raise from what its server refuses before.
    """

    def __init__(self, status: int, message: str, by_run: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.by_run = by_run


@dataclass(frozen=True)
class Outcome:
    """What a model returned, ready to be written as JSON, and a notice where Azure refuses."""

    returned: Any
    notice: str | None = None


def respond(
    request: Request,
    run: Callable[[Mapping[str, Any]], Outcome],
    describe: Callable[[str], Any],
) -> Answer:
    """Answer a request as Azure's server does.

    `run` is given the values of a JSON object or of a query; it raises Refused. `describe` gives
    the description of the service in a version of Swagger, or None where it has none.
    """
    path = "/score" if request.target == "/score" else _path(request.target)
    methods = _METHODS.get(path)
    if methods is None:
        return _bare(404, f"there is nothing at {path}; requests to be scored go to /score")
    if request.method not in methods and request.method != "OPTIONS":
        return _bare(405, f"{path} takes {', '.join(methods)}, not {request.method}")
    found: dict[str, str] = {}
    for name, value in request.headers:
        key = name.lower()
        if key in _WANTED:
            found[key] = f"{found[key]},{value}" if key in found else value
    try:
        echoed = _echoed(found)
    except _TooLong as error:
        return _said(431, str(error), error.echoed)
    if path == "/swagger.json":
        return _description(request, describe, echoed)
    try:
        given = _given(request, found.get("content-type", ""))
    except Refused as error:
        return _said(error.status, str(error), echoed)
    if given is None:
        return _without_body(request.method, echoed)
    began = time.perf_counter()
    try:
        outcome = run(given)
    except Refused as error:
        return _said(error.status, str(error), echoed, _FAILED if error.by_run else _NOT_FAILED)
    took = ("x-ms-run-fn-exec-ms", f"{(time.perf_counter() - began) * 1e3:.3f}")
    try:
        # The server writes {} where a script returns None.
        body = json.dumps({} if outcome.returned is None else outcome.returned).encode()
    except (TypeError, ValueError, RecursionError) as error:
        return _said(500, f"what the model returned can't be written as JSON: {error}", echoed)
    headers = (_TYPE, _NOT_FAILED, *echoed, took)
    return Answer(200, body, headers, by_model=True, notice=outcome.notice)


class _TooLong(Exception):
    def __init__(self, name: str, echoed: Headers) -> None:
        super().__init__(f"{name} must not have more than {_LONGEST_ID} characters")
        self.echoed = echoed


def _echoed(found: Mapping[str, str]) -> Headers:
    """The headers by which a request is known again; raises _TooLong."""
    trace = (("TraceId", found["traceid"]),) if "traceid" in found else ()
    request_id = found.get("x-request-id")
    if request_id is None:
        request_id = str(uuid.uuid4())
    elif len(request_id) > _LONGEST_ID:
        raise _TooLong("x-request-id", (_SERVER, *trace))
    client = found.get("x-ms-client-request-id", "")
    # Of old, x-ms-request-id was the client's; where it is missing, it repeats what there is.
    legacy = found.get("x-ms-request-id", "")
    client, legacy = client or legacy, legacy or client or request_id
    ids = (("x-request-id", request_id),) if request_id else ()
    if len(client) > _LONGEST_ID or len(legacy) > _LONGEST_ID:
        raise _TooLong("x-ms-request-id and x-ms-client-request-id", (_SERVER, *ids, *trace))
    if legacy:
        ids = (*ids, ("x-ms-request-id", legacy))
    if client:
        ids = (*ids, ("x-ms-client-request-id", client))
    return (_SERVER, *ids, *trace)


def _path(target: str) -> str:
    return "/" + unquote(target.partition("?")[0]).lstrip("/")


def _given(request: Request, content_type: str) -> Mapping[str, Any] | None:
    """The values that a request brings; None where its method brings none. Raises Refused."""
    if request.method == "GET":
        return _of_query(request.target)
    if request.method != "POST":
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        said = f"is {kind}" if kind else "is missing"
        raise Refused(415, f"the Content-Type must be {JSON}, and it {said}")
    try:
        document = json.loads(request.body)
    except json.JSONDecodeError as error:
        if not request.body:
            raise Refused(400, "the body is empty; it must be a JSON object") from None
        place = f"line {error.lineno}, column {error.colno}"
        raise Refused(400, f"the body is not JSON: {error.msg} ({place})") from None
    except (RecursionError, ValueError) as error:
        raise Refused(500, _why_unreadable(request.body, error)) from None
    if not isinstance(document, dict):
        raise Refused(400, "the body must be a JSON object")
    return document


def _of_query(target: str) -> dict[str, Any]:
    values = parse_qs(target.partition("?")[2], keep_blank_values=True)
    read = {name: [_as_json(text) for text in texts] for name, texts in values.items()}
    return {name: found[0] if len(found) == 1 else found for name, found in read.items()}


def _as_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _why_unreadable(body: bytes, error: Exception) -> str:
    if body.startswith(_GZIP):
        return "the body is compressed with gzip, which Azure's server does not undo"
    if isinstance(error, UnicodeDecodeError):
        return f"the body is not {error.encoding.upper()} (byte {error.start})"
    return "the body is JSON nested too deep, or with a number too long"


def _description(request: Request, describe: Callable[[str], Any], echoed: Headers) -> Answer:
    if request.method == "OPTIONS":
        headers = (("content-type", "text/html; charset=utf-8"), ("allow", "GET, HEAD, OPTIONS"))
        return Answer(200, b"", (*headers, *echoed), by_model=True)
    versions = parse_qs(request.target.partition("?")[2], keep_blank_values=True)
    version = versions.get("version", ["2"])[0]
    document = describe(version)
    if document is None:
        return _said(404, f"there is no description in version {version!r} of Swagger", echoed)
    body = b"" if request.method == "HEAD" else json.dumps(document).encode()
    return Answer(200, body, (_TYPE, _NOT_FAILED, *echoed), by_model=True)


def _without_body(method: str, echoed: Headers) -> Answer:
    if method == "HEAD":
        return Answer(405, b"", (_TYPE, _NOT_FAILED, *echoed), by_model=True)
    html = ("content-type", "text/html; charset=utf-8")
    return Answer(200, b"", (html, _NOT_FAILED, *echoed), by_model=True)


def _said(
    status: int, message: str, echoed: Headers, failed: tuple[str, str] = _NOT_FAILED
) -> Answer:
    body = json.dumps({"message": message}).encode()
    return Answer(status, body, (_TYPE, failed, *echoed), by_model=True)


def _bare(status: int, message: str) -> Answer:
    """An answer to what goes to no part of the server: without an id."""
    return _said(status, message, ())
