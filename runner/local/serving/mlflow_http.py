"""Answers for MLflow models without a script by the rules of Azure's inference server.

Sources: Microsoft's azureml-inference-server-http, and its answers recorded in
tests/local/serving/recorded.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, unquote

from runner.local.serving.answer import JSON, Answer
from runner.local.serving.request import Request
from runner.local.serving.request_ids import LONGEST, ids_of, with_id, with_ids

_TYPE = ("content-type", JSON)
_FAILED = ("x-ms-run-function-failed", "True")
_NOT_FAILED = ("x-ms-run-function-failed", "False")
_SERVER = ("x-ms-server-version", "runner")
_METHODS = {"/score": ("GET", "HEAD", "POST", "OPTIONS"), "/swagger.json": ("GET", "HEAD")}
_GZIP = b"\x1f\x8b"


class Refused(Exception):
    """The request gets no predictions: a status, and a message for the client.

    `by_run` tells what Azure's script would raise from what its server refuses before.
    """

    def __init__(self, status: int, message: str, by_run: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.by_run = by_run


@dataclass(frozen=True)
class Outcome:
    """The predictions of a model, ready to be written as JSON, and a notice where Azure refuses."""

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
    # Azure answers a path or method that it doesn't know without an id.
    if methods is None:
        return _answer_with_message(
            404, f"there is nothing at {path}; requests to be scored go to /score"
        )
    if request.method not in methods and request.method != "OPTIONS":
        return _answer_with_message(405, f"{path} takes {', '.join(methods)}, not {request.method}")
    asked = with_id(request)
    if too_long := _too_long(asked):
        answer = _answer_with_message(
            431, f"{too_long} must not have more than {LONGEST} characters"
        )
    elif path == "/swagger.json":
        answer = _description(asked, describe)
    else:
        answer = _scored(asked, run)
    more: list[tuple[str, str]] = [_SERVER]
    if (trace := asked.header("TraceId")) is not None:
        more.append(("TraceId", trace))
    return with_ids(replace(answer, headers=(*answer.headers, *more)), asked)


def _scored(request: Request, run: Callable[[Mapping[str, Any]], Outcome]) -> Answer:
    try:
        given = _read_values(request)
        if given is None:
            return _without_body(request.method)
        began = time.perf_counter()
        outcome = run(given)
    except Refused as error:
        return _answer_with_message(
            error.status, str(error), _FAILED if error.by_run else _NOT_FAILED
        )
    took = ("x-ms-run-fn-exec-ms", f"{(time.perf_counter() - began) * 1e3:.3f}")
    try:
        # The server writes {} where a script returns None.
        body = json.dumps({} if outcome.returned is None else outcome.returned).encode()
    except (TypeError, ValueError, RecursionError) as error:
        return _answer_with_message(
            500, f"what the model returned can't be written as JSON: {error}"
        )
    return Answer(200, body, (_TYPE, _NOT_FAILED, took), by_model=True, notice=outcome.notice)


def _too_long(request: Request) -> str | None:
    """Return the name of the header whose id is too long, if there is one."""
    own, clients, legacy = ids_of(request)
    if len(own) > LONGEST:
        return "x-request-id"
    long = len(clients) > LONGEST or len(legacy) > LONGEST
    return "x-ms-request-id or x-ms-client-request-id" if long else None


def _path(target: str) -> str:
    return "/" + unquote(target.partition("?")[0]).lstrip("/")


def _read_values(request: Request) -> Mapping[str, Any] | None:
    """Return the values of a request, None where its method has none. Raises Refused."""
    if request.method == "GET":
        return _of_query(request.target)
    if request.method != "POST":
        return None
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
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


def _description(request: Request, describe: Callable[[str], Any]) -> Answer:
    if request.method == "OPTIONS":
        headers = (("content-type", "text/html; charset=utf-8"), ("allow", "GET, HEAD, OPTIONS"))
        return Answer(200, b"", headers, by_model=True)
    versions = parse_qs(request.target.partition("?")[2], keep_blank_values=True)
    version = versions.get("version", ["2"])[0]
    document = describe(version)
    if document is None:
        return _answer_with_message(
            404, f"there is no description in version {version!r} of Swagger"
        )
    body = b"" if request.method == "HEAD" else json.dumps(document).encode()
    return Answer(200, body, (_TYPE, _NOT_FAILED), by_model=True)


def _without_body(method: str) -> Answer:
    if method == "HEAD":
        return Answer(405, b"", (_TYPE, _NOT_FAILED), by_model=True)
    html = ("content-type", "text/html; charset=utf-8")
    return Answer(200, b"", (html, _NOT_FAILED), by_model=True)


def _answer_with_message(
    status: int, message: str, failed: tuple[str, str] = _NOT_FAILED
) -> Answer:
    body = json.dumps({"message": message}).encode()
    return Answer(status, body, (_TYPE, failed), by_model=True)
