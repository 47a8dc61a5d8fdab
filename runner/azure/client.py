"""A client of Azure over HTTPS, which signs in, retries and raises the errors of `errors`.

The requests are those of azure-ai-ml 1.35, whose import alone takes longer than a look at a job.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import quote, urlsplit

from runner.azure.errors import ServiceError, refusal, unreachable
from runner.errors import EnvironmentRefused, WrongUsage

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.credentials import AccessToken
    from azure.core.rest import HttpRequest, HttpResponse

API_VERSION = "2025-12-01"  # as azure-ai-ml 1.35.2 asks for
_TIMEOUT = 60.0  # seconds of silence before a connection counts as dead
RETRIES: dict[str, Any] = {
    "retry_total": 8,
    "retry_connect": 4,
    "retry_read": 4,
    "retry_status": 5,
    "retry_backoff_factor": 0.3,
    "retry_backoff_max": 30,
}
Retry = Literal["always", "any", "never"]
_OPTIONS: dict[Retry, dict[str, Any]] = {
    "always": {},
    "any": {"retry_on_methods": ("GET", "POST")},
    "never": {"retry_total": 0},
}


class Signed(Protocol):
    """A TokenCredential of azure-core that can be told to sign in anew."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken: ...

    def forget(self) -> None: ...


class Client:
    """Sends requests below one address, with a token of one audience."""

    def __init__(
        self,
        base_url: str,
        credential: Signed | None = None,
        scope: str | None = None,
        api_version: str | None = None,
        on_refusal: Callable[[ServiceError], object] = lambda _: None,
    ) -> None:
        """Open the client.

        `on_refusal` is called with an error before it is raised, and may raise a better one.
        """
        self.base_url = base_url.rstrip("/")
        self._credential = credential
        self._scope = scope
        self._api_version = api_version
        self._on_refusal = on_refusal
        self._open()

    def get(self, *path: str, params: Mapping[str, str] | None = None) -> Any:
        """Return the JSON at a path below the address. Raises NotFound, EnvironmentRefused."""
        return _json(self.send("GET", self.url(*path), params=params))

    def find(
        self, *path: str, params: Mapping[str, str] | None = None, retry: Retry = "always"
    ) -> Any | None:
        """Return the JSON at a path, or None where there is nothing."""
        answer = self.send("GET", self.url(*path), params=params, accept=(404,), retry=retry)
        return None if answer.status_code == 404 else _json(answer)

    def put(self, *path: str, body: Any) -> Any:
        """Put JSON at a path and return the answer's."""
        return _json(self.send("PUT", self.url(*path), body=body))

    def post(self, *path: str, body: Any = None) -> Any:
        """Post JSON to a path and return the answer's."""
        return _json(self.send("POST", self.url(*path), body=body))

    def ask(self, *path: str, body: Any = None) -> Any:
        """Post as `post` does, where the request changes nothing and so is retried as a GET is."""
        return _json(self.send("POST", self.url(*path), body=body, retry="any"))

    def pages(self, *path: str, params: Mapping[str, str] | None = None) -> Iterator[Any]:
        """Yield every element of a listing; each page is fetched when it is needed."""
        content = self.get(*path, params=params)
        while True:
            yield from content.get("value") or ()
            link = content.get("nextLink")
            if not link:
                return
            # The link has every parameter of the first request already.
            content = _json(self.send("GET", link, versioned=False))

    def _open(self) -> None:
        self._pipeline = _pipeline(self.base_url, self._credential, self._scope)

    def url(self, *path: str) -> str:
        """Return the address of a path, whose parts may hold any character."""
        return "/".join((self.base_url, *(quote(part, safe=":") for part in path)))

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (),
        retry: Retry = "always",
        versioned: bool = True,
        what: str | None = None,
    ) -> HttpResponse:
        """Send one request and return its answer: a success, or a status of `accept`.

        A GET, PUT or DELETE is sent again where no answer came, and any request where the answer
        says to or is a 429; with `retry="any"` a POST is, too. With `retry="never"` it goes out
        once, and whether it arrived is for the caller to find out. `body` is sent as JSON,
        `content` as it is. Raises ServiceError, or its Missing for a 404.
        """
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        asked = dict(params or {})
        if self._api_version and versioned:
            asked.setdefault("api-version", self._api_version)
        request = HttpRequest(
            method, url, params=asked, headers=dict(headers or {}), json=body, content=content
        )
        options = _OPTIONS[retry]
        doing = what or f"{method} {_tail(url)}"
        try:
            answer = self._answer(request, options)
        except AzureError as error:
            raise unreachable(error, doing, urlsplit(url).hostname or url) from None
        if 200 <= answer.status_code < 300 or answer.status_code in accept:
            return answer
        refused = self._refusal(request, answer, doing)
        self._on_refusal(refused)
        raise refused

    def _answer(self, request: HttpRequest, options: Mapping[str, Any]) -> HttpResponse:
        """Send a request, and once more with another token where the first is refused."""
        answer: HttpResponse = self._pipeline.send_request(request, **options)
        if self._credential is not None and self._is_expired(answer):
            # The token expired on the way, or was withdrawn: nothing has been done yet.
            self._credential.forget()
            self._open()
            answer = self._again(request, options)
        return answer

    def _again(self, request: HttpRequest, options: Mapping[str, Any]) -> HttpResponse:
        """Send a request once more that was refused before Azure acted on it."""
        if hasattr(request.content, "seek"):  # a file, which was read
            request.content.seek(0)
        answer: HttpResponse = self._pipeline.send_request(request, **options)
        return answer

    def _is_expired(self, answer: HttpResponse) -> bool:
        """Tell whether an answer refuses the token, and not the request."""
        return answer.status_code == 401

    def _refusal(self, _request: HttpRequest, answer: HttpResponse, doing: str) -> ServiceError:
        """Return the error for an answer that the caller does not accept."""
        return refusal(answer.status_code, answer.text(), doing)


def fetch_json(url: str) -> Any:
    """Return the JSON at an address that needs no sign-in. Raises EnvironmentRefused."""
    base = urlsplit(url)
    return _json(Client(f"{base.scheme}://{base.netloc}").send("GET", url, what=f"read {url}"))


def timeout() -> float:
    """Return the seconds of silence after which a connection counts as dead.

    They are RUNNER_TIMEOUT, else a minute. Raises WrongUsage.
    """
    chosen = os.environ.get("RUNNER_TIMEOUT")
    if not chosen:
        return _TIMEOUT
    try:
        seconds = float(chosen)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise WrongUsage(f"RUNNER_TIMEOUT is {chosen!r}, allowed: seconds above 0")
    return seconds


def _pipeline(
    base_url: str, credential: Signed | None, scope: str | None
) -> PipelineClient[Any, Any]:
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import (
        BearerTokenCredentialPolicy,
        HeadersPolicy,
        RequestIdPolicy,
        RetryPolicy,
        UserAgentPolicy,
    )

    from runner import __version__

    class Retrying(RetryPolicy[Any, Any]):
        """Retries any request, a POST too, that was answered 429: Azure has not acted on it."""

        def is_retry(self, settings: Any, response: Any) -> bool:
            return response.http_response.status_code == 429 or super().is_retry(settings, response)

    # No logging policy: what isn't written down can't leak.
    policies: list[Any] = [
        RequestIdPolicy(),
        HeadersPolicy({"Accept": "application/json"}),
        UserAgentPolicy(f"batch-scoring-runner/{__version__}"),
        Retrying(**RETRIES),
    ]
    if credential is not None and scope is not None:
        policies.append(BearerTokenCredentialPolicy(credential, scope))
    seconds = timeout()
    return PipelineClient(
        base_url, policies=policies, connection_timeout=min(seconds, 20.0), read_timeout=seconds
    )


def _json(answer: HttpResponse) -> Any:
    if not answer.content:
        return {}
    try:
        return answer.json()
    except ValueError:
        host = urlsplit(answer.request.url).hostname
        raise EnvironmentRefused(
            f"{host} answered something that is not JSON; check HTTPS_PROXY and the network"
        ) from None


def _tail(url: str) -> str:
    """Return the end of an address's path, without its signature."""
    path = urlsplit(url).path
    return path.rpartition("/workspaces/")[2] or path
