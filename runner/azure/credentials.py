"""The credential that a process signs in to Azure with, once per audience."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runner.azure.errors import scrub
from runner.azure.sign_in import default_credential, find_tenant, set_credential
from runner.clouds import environment_setting
from runner.errors import EnvironmentRefused

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential
    from azure.core.exceptions import AzureError

    from runner.clouds import Cloud

_EARLY = 300  # seconds before its end that a token is renewed
_JUST_NOW = 10  # seconds in which all threads learn that their token was refused
_TROUBLE = "Authentication failed: "  # without one of Entra's codes it is no refusal
_NO_BROWSER = "Failed to open a browser"  # as azure-identity says it
_WITHOUT = "`az login --use-device-code`"
_NO_SUBSCRIPTION = re.compile(r"Subscription '[^']*' not found")  # as the Azure CLI says it
_CLI = "AzureCliCredential"
# Variables that choose one of the SDK's own ways to sign in, whatever Pulumi's say.
_OF_THE_SDK = ("AZURE_CLIENT_ID", "AZURE_TOKEN_CREDENTIALS")
_WORDS = {
    "EnvironmentCredential": "environment variables (AZURE_CLIENT_ID, ...)",
    "WorkloadIdentityCredential": "workload identity",
    "ManagedIdentityCredential": "managed identity",
    "SharedTokenCacheCredential": "the shared token cache",
    "VisualStudioCodeCredential": "Visual Studio Code",
    _CLI: "az login",
    "AzurePowerShellCredential": "Connect-AzAccount",
    "AzureDeveloperCliCredential": "azd auth login",
    "BrokerCredential": "the account broker",
}


class Credential:
    """A credential for azure-core that asks for one token per audience, whoever needs it.

    It signs in as the ARM_ variables say, by which Pulumi does. Where they say nothing, or those of
    Azure's SDK (AZURE_) do, it tries what DefaultAzureCredential tries and, where all of that fails
    and a person sits at a terminal, a browser. The subscription picks the account of `az login`.
    Raises EnvironmentRefused with what was tried.
    """

    def __init__(self, cloud: Cloud, subscription: str) -> None:
        self._cloud = cloud
        self._subscription = subscription
        self._is_set = False  # whether only one way to sign in is to be tried
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, ...], AccessToken] = {}
        self._answers: dict[tuple[str, ...], tuple[dict[str, Any], float]] = {}
        self._source: TokenCredential | None = None
        self._browser: TokenCredential | None = None
        self._refused: EnvironmentRefused | None = None  # by whoever sat at the browser

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token for the scopes, as azure-core asks for it.

        Options (`claims`, `tenant_id`) come with a challenge: a service refused the token at hand.
        """
        with self._lock:
            token = self._tokens.get(scopes)
            if token is None or token.expires_on - _EARLY < time.time():
                token = self._sign_in(scopes, options)
            elif options and not self._is_answered(scopes, options):
                token = self._renew(scopes, options, token)
            else:
                return token
            self._tokens[scopes] = token
            self._answers[scopes] = options, time.monotonic()
            return token

    def _is_answered(self, scopes: tuple[str, ...], options: dict[str, Any]) -> bool:
        """Tell whether another thread has just renewed the token for the same challenge."""
        answered, at = self._answers[scopes]
        return answered == options and time.monotonic() - at < _JUST_NOW

    def _renew(
        self, scopes: tuple[str, ...], options: dict[str, Any], refused: AccessToken
    ) -> AccessToken:
        token = self._sign_in(scopes, options)
        if token.token == refused.token:
            self._source = self._browser = None  # which keep their tokens, too
            token = self._sign_in(scopes, options)
        return token

    def forget(self) -> None:
        """Sign in anew for the next request, as a token was refused."""
        with self._lock:
            self._tokens.clear()
            self._source = self._browser = None

    def _sign_in(self, scopes: tuple[str, ...], options: dict[str, Any]) -> AccessToken:
        from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

        if self._browser is not None:
            return self._in_a_browser(scopes, options, "")
        if self._source is None:
            self._source = self._open()
        try:
            return self._source.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            tried = error.message or str(error)
        except ServiceRequestError as error:
            raise EnvironmentRefused(
                f"can't sign in: {self._cloud.authority} does not answer"
                f" ({scrub(str(error.message))}); check the network"
            ) from None
        if self._is_set:
            raise _refused_as_set(tried)
        if not _at_a_terminal():
            raise self._refusal(tried)
        return self._in_a_browser(scopes, options, tried)

    def _open(self) -> TokenCredential:
        found = None
        if not any(os.environ.get(variable) for variable in _OF_THE_SDK):
            found = set_credential(environment_setting, self._cloud)
        self._is_set = found is not None
        return found or default_credential(self._subscription, **self._options())

    def _refusal(self, tried: str, browser: AzureError | None = None) -> EnvironmentRefused:
        return _refused(tried, browser, lambda: find_tenant(self._cloud, self._subscription))

    def _in_a_browser(
        self, scopes: tuple[str, ...], options: dict[str, Any], tried: str
    ) -> AccessToken:
        from azure.core.exceptions import AzureError
        from azure.identity import InteractiveBrowserCredential

        # Whoever has just declined in one browser must not be shown another.
        if self._refused is not None:
            raise self._refused
        if self._browser is None:
            print(
                f"signing in to Azure in a browser ... (where none opens: Ctrl-C, then {_WITHOUT})",
                file=sys.stderr,
            )
            tenant = os.environ.get("AZURE_TENANT_ID") or os.environ.get("ARM_TENANT_ID")
            self._browser = InteractiveBrowserCredential(
                **self._options(),
                tenant_id=tenant or find_tenant(self._cloud, self._subscription),
            )
        try:
            with _results_apart():
                return self._browser.get_token(*scopes, **options)
        except AzureError as error:
            refused = self._refusal(tried, error)
            if error.__cause__ is None:  # and not amid the sign-in, where trouble may pass
                self._refused = refused
            raise refused from None

    def _options(self) -> dict[str, Any]:
        # A private cloud's sign-in is not among those that the public one knows.
        return {
            "authority": self._cloud.authority,
            "disable_instance_discovery": self._cloud.private,
        }


def _at_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


@contextmanager
def _results_apart() -> Iterator[None]:
    """Redirect to stderr what a browser prints to stdout, where only results belong."""
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _refused(
    said: str, browser: AzureError | None, tenant: Callable[[], str | None]
) -> EnvironmentRefused:
    """Return the error that lists the ways that were tried, and why those set up were refused.

    `tenant` finds the tenant of the subscription; it is called where the Azure CLI was refused.
    """
    tried, reasons, troubles = [], [], []
    way = "`az login`"
    for name, reason in re.findall(r"^\s*(\w+Credential): (.*)$", said, re.MULTILINE):
        tried.append(_WORDS.get(name, name))
        unknown = name == _CLI and _NO_SUBSCRIPTION.search(reason)
        if unknown:
            reasons.append(f"az login: {unknown[0]}")
        elif "AADSTS" in reason:
            reasons.append(_entras_words(reason))
        elif reason.startswith(_TROUBLE):
            troubles.append(scrub(reason.removeprefix(_TROUBLE)).split(". ", 1)[0])
        if name == _CLI and (unknown or "AADSTS" in reason) and (found := tenant()):
            way = f"`az login --tenant {found}`"
    if not tried and said:
        troubles.append(scrub(said).removeprefix(_TROUBLE))
    if browser is not None:
        tried.append("a browser")
        reason = _entras_words(str(browser.message).removeprefix(_TROUBLE))
        # An error raised during the sign-in has a cause; an answer of Entra ID has none.
        (troubles if browser.__cause__ else reasons).append(f"in the browser: {reason}")
        if reason == _NO_BROWSER:
            way = _WITHOUT
    if troubles and not reasons:
        return EnvironmentRefused(
            f"can't sign in to Azure ({'; '.join(troubles)}); check the network and try again in a"
            " while, or sign in anew with `az login`"
        )
    why = f" ({'; '.join(reasons)})" if reasons else ""
    return EnvironmentRefused(
        f"not signed in to Azure{why}; tried {', '.join(tried)}. Run {way}, or set"
        " AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
    )


def _refused_as_set(said: str) -> EnvironmentRefused:
    """Return the error for the only way to sign in, which the variables chose."""
    return EnvironmentRefused(
        f"not signed in to Azure ({_entras_words(said).removeprefix(_TROUBLE)}), as the ARM_"
        " variables say: correct them, or unset them and run `az login`"
    )


def _entras_words(said: str) -> str:
    return scrub(said).split(" Trace ID", 1)[0].rstrip(".")
