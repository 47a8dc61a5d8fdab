"""Signing in to Azure: once per audience and process."""

from __future__ import annotations

import re
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from runner.azureml.errors import scrub
from runner.errors import EnvironmentRefused

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

    from runner.azureml.clouds import Cloud

_EARLY = 300  # seconds before its end that a token is renewed
_TROUBLE = "Authentication failed: "  # without one of Entra's codes it is no refusal
_WORDS = {
    "EnvironmentCredential": "environment variables (AZURE_CLIENT_ID, ...)",
    "WorkloadIdentityCredential": "workload identity",
    "ManagedIdentityCredential": "managed identity",
    "SharedTokenCacheCredential": "the shared token cache",
    "VisualStudioCodeCredential": "Visual Studio Code",
    "AzureCliCredential": "az login",
    "AzurePowerShellCredential": "Connect-AzAccount",
    "AzureDeveloperCliCredential": "azd auth login",
    "BrokerCredential": "the account broker",
}


class Credential:
    """A credential for azure-core that asks for one token per audience, whoever needs it.

    It tries what DefaultAzureCredential tries and, where all of that fails and a person sits at
    a terminal, a browser. Raises EnvironmentRefused with what was tried.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, ...], AccessToken] = {}
        self._source: TokenCredential | None = None

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        with self._lock:
            token = self._tokens.get(scopes)
            # Claims come with a challenge: the token at hand was not enough.
            if token is None or options.get("claims") or token.expires_on - _EARLY < time.time():
                token = self._tokens[scopes] = self._sign_in(scopes, options)
            return token

    def forget(self) -> None:
        """Sign in anew for the next request: a token at hand was refused."""
        with self._lock:
            self._tokens.clear()
            self._source = None  # which keeps its tokens, too

    def _sign_in(self, scopes: tuple[str, ...], options: dict[str, Any]) -> AccessToken:
        from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

        if self._source is None:
            from azure.identity import DefaultAzureCredential

            self._source = DefaultAzureCredential(**self._options())
        try:
            return self._source.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            if not _at_a_terminal():
                raise _refused(error.message or str(error)) from None
            tried = error.message or str(error)
        except ServiceRequestError as error:
            raise EnvironmentRefused(
                f"can't sign in: {self._cloud.authority} does not answer"
                f" ({scrub(str(error.message))}); check the network"
            ) from None
        return self._in_a_browser(scopes, options, tried)

    def _in_a_browser(
        self, scopes: tuple[str, ...], options: dict[str, Any], tried: str
    ) -> AccessToken:
        from azure.core.exceptions import AzureError
        from azure.identity import InteractiveBrowserCredential

        print("signing in to Azure in a browser ...", file=sys.stderr)
        browser = InteractiveBrowserCredential(**self._options())
        try:
            token = browser.get_token(*scopes, **options)
        except AzureError:
            raise _refused(tried, "a browser") from None
        self._source = browser
        return token

    def _options(self) -> dict[str, Any]:
        # A private cloud's sign-in is not among those that the public one knows.
        return {
            "authority": self._cloud.authority,
            "disable_instance_discovery": self._cloud.private,
        }


def _at_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _refused(said: str, *more: str) -> EnvironmentRefused:
    """The error that lists what was tried, with the reasons of what was set up and refused."""
    tried, reasons, troubles = [], [], []
    for name, reason in re.findall(r"^\s*(\w+Credential): (.*)$", said, re.MULTILINE):
        tried.append(_WORDS.get(name, name))
        if "AADSTS" in reason:
            reasons.append(scrub(reason).split(" Trace ID", 1)[0].rstrip("."))
        elif reason.startswith(_TROUBLE):
            troubles.append(scrub(reason.removeprefix(_TROUBLE)).split(". ", 1)[0])
    if not tried:
        troubles.append(scrub(said).removeprefix(_TROUBLE))
    if troubles and not reasons:
        return EnvironmentRefused(
            f"can't sign in to Azure ({'; '.join(troubles)}); check the network and try again in a"
            " while, or sign in anew with `az login`"
        )
    why = f" ({'; '.join(reasons)})" if reasons else ""
    return EnvironmentRefused(
        f"not signed in to Azure{why}; tried {', '.join([*tried, *more])}. Run `az login`, or set"
        " AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
    )
