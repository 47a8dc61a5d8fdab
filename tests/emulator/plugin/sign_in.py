"""Signing in to Entra with a service principal's secret, as plugins on Azure do."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.emulator.plugin.provider import Refusal, Setting

SECONDS_A_REQUEST = 60
_METADATA_VERSION = "2019-05-01"


@dataclass(frozen=True)
class Account:
    """The identity that signs in; `host` is the cloud's Resource Manager."""

    host: str
    tenant: str
    client: str
    secret: str = field(repr=False)


def account_from(setting: Setting) -> Account:
    """Return the account that a provider's configuration or its environment names."""
    return Account(
        host=setting("metadataHost", "ARM_METADATA_HOSTNAME"),
        tenant=setting("tenantId", "ARM_TENANT_ID"),
        client=setting("clientId", "ARM_CLIENT_ID"),
        secret=setting("clientSecret", "ARM_CLIENT_SECRET"),
    )


@dataclass
class SignIn:
    """Tokens of one account, one for each scope. Safe to share between threads."""

    account: Account
    _login: str | None = None
    _tokens: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _local: threading.local = field(default_factory=threading.local)

    def token(self, scope: str | None = None) -> str:
        """Give a bearer token, of Resource Manager unless said. Raises `Refusal`."""
        scope = scope or f"https://{self.account.host}/.default"
        with self._lock:
            if scope not in self._tokens:
                answer = self.session().post(
                    f"{self._login_endpoint()}/{self.account.tenant}/oauth2/v2.0/token",
                    data={
                        "grant_type": "client_credentials",
                        "client_id": self.account.client,
                        "client_secret": self.account.secret,
                        "scope": scope,
                    },
                    timeout=SECONDS_A_REQUEST,
                )
                told: Mapping[str, Any] = answer.json()
                if not answer.ok:
                    raise Refusal(f"{told['error']}: {told['error_description']}")
                self._tokens[scope] = str(told["access_token"])
            return self._tokens[scope]

    def session(self) -> requests.Session:
        """Give the thread's own session."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        return self._local.session  # type: ignore[no-any-return]

    def _login_endpoint(self) -> str:
        if self._login is None:
            answer = self.session().get(
                f"https://{self.account.host}/metadata/endpoints",
                params={"api-version": _METADATA_VERSION},
                timeout=SECONDS_A_REQUEST,
            )
            answer.raise_for_status()
            clouds = answer.json()
            cloud = clouds[0] if isinstance(clouds, list) else clouds
            self._login = str(cloud["authentication"]["loginEndpoint"]).rstrip("/")
        return self._login
