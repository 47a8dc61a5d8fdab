"""Azure's refusals as errors that a person can act on.

No message holds a token, a key or a signature: texts from outside are scrubbed, and the exceptions
they came with are not chained, as those may name signed addresses.
`ways_out` has what a person can do about each refusal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runner.azure.ways_out import way_out, way_out_if_unreachable
from runner.errors import EnvironmentRefused, NotFound

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError, HttpResponseError

_SECRETS = (
    (re.compile(r"(?i)(\bsig=)[^&\s'\"]+"), r"\1***"),
    (re.compile(r"(?i)(\bbearer\s+)[\w.~+/=-]+"), r"\1***"),
    (
        re.compile(
            r"(?i)((?:account|primary|secondary|shared)_?key['\"]?\s*[:=]\s*['\"]?)[^\s;,'\"]+"
        ),
        r"\1***",
    ),
    (
        re.compile(
            r"(?i)((?:client_secret|access_token|sas_?token)['\"]?\s*[:=]\s*['\"]?)[^\s;&,'\"]+"
        ),
        r"\1***",
    ),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "***"),
)
# Finds the reason of the operating system or the other side within the classes that wrap it.
_REASON = re.compile(r"\[Errno -?\d+\] ([^()\"']+)|\w+(?:Error|Disconnected)\((?:\d+, )?'([^']+)'")
_LONGEST = 400  # characters of Azure's message kept in ours


class ServiceError(EnvironmentRefused):
    """Raised where Azure answers a request with an error, or does not answer."""

    def __init__(self, text: str, status: int | None = None, code: str = "") -> None:
        super().__init__(text)
        self.status = status  # of HTTP; None where there was no answer
        self.code = code  # Azure's own, such as ResourceNotFound


class Missing(ServiceError, NotFound):
    """Raised where Azure has nothing at the address of a request."""


def scrub(text: str) -> str:
    """Return the text on one line, without signatures, tokens and keys."""
    text = " ".join(text.split())
    for pattern, kept in _SECRETS:
        text = pattern.sub(kept, text)
    return text


def refusal(
    status: int, body: str, what: str, role: str | None = None, host: str = ""
) -> ServiceError:
    """Return the error for an answer's status and body.

    `what` was being done, `role` is the one that it needs, and `host` answered.
    """
    return refusal_of(
        "Azure", status, body, what, lambda code, said: way_out(status, code, role, said, host)
    )


def refusal_of(
    service: str,
    status: int,
    body: str,
    what: str,
    find_way_out: Callable[[str, str], str | None],
) -> ServiceError:
    """Return the error for the answer of a service, such as Azure or Databricks.

    `find_way_out` gets the service's code and message, and returns what to do about them, if
    anything.
    """
    code, message = _said(body)
    said = f"{code}: {message}" if code and message else code or message
    said = scrub(said)
    if len(said) > _LONGEST:
        said = said[:_LONGEST] + " ..."
    text = f"{service} refused to {what} ({status}{', ' + said if said else ''})"
    hint = find_way_out(code, message)
    if status == 404:
        return Missing(f"{text}; {hint}" if hint else text, status, code)
    return ServiceError(f"{text}; {hint}" if hint else text, status, code)


def unreachable(error: AzureError, what: str, host: str) -> ServiceError:
    """Return the error for a request that got no answer."""
    said = scrub(str(error.message or error))
    found = _REASON.search(said)
    reason = (found[1] or found[2]).strip() if found else said[:_LONGEST]
    return ServiceError(
        f"can't {what}: {host} does not answer ({reason}); {way_out_if_unreachable(said)}"
    )


@contextmanager
def translated_errors(what: str, host: str = "Azure", role: str | None = None) -> Iterator[None]:
    """Turn whatever an Azure package raises inside into the errors of this module.

    `what` is being done, `role` is the one that it needs, and `host` is named where none answers.
    """
    from azure.core.exceptions import AzureError, HttpResponseError

    try:
        yield
    except HttpResponseError as error:
        if error.response is None or error.status_code is None:
            raise unreachable(error, what, host) from None
        asked = urlsplit(str(getattr(error.response.request, "url", ""))).hostname or ""
        raise refusal(error.status_code, _body(error), what, role, asked) from None
    except AzureError as error:
        raise unreachable(error, what, host) from None


def _body(error: HttpResponseError) -> str:
    # Storage answers in XML and names its code in a header; its client has read both.
    code = getattr(error, "error_code", None)
    if code:
        message = str(error.message).split("\n", 1)[0]
        return json.dumps(
            {"error": {"code": str(getattr(code, "value", code)), "message": message}}
        )
    try:
        return error.response.text() if error.response is not None else ""
    except Exception:  # a body that was streamed, or cut off
        return str(error.message)


def _said(body: str) -> tuple[str, str]:
    """Return the code and the message in an error's body, in any of the shapes that Azure uses."""
    try:
        content = json.loads(body)
    except ValueError:
        return "", re.sub(r"<[^>]*>", " ", body)
    if not isinstance(content, dict):
        return "", body
    error = content.get("error", content)
    if not isinstance(error, dict):
        return str(error), str(content.get("error_description", ""))
    details = error.get("details")
    inner = details[0] if isinstance(details, list) and details else None
    message = str(error.get("message") or "")
    if isinstance(inner, dict) and inner.get("message") and inner["message"] not in message:
        message = f"{message} {inner['message']}"
    inner = error.get("innererror")  # which of its reasons a key vault has
    if isinstance(inner, dict) and inner.get("code"):
        message = f"{message} ({inner['code']})"
    code = error.get("code") or error.get("error_code")  # the latter is Databricks' own
    return str(code or ""), message
