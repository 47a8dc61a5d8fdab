"""Bearer tokens: what Entra issues and every other service checks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.emulator.addresses import MANAGEMENT_HOST
from tests.emulator.messages import Refusal, Request
from tests.emulator.state import State

SECONDS_VALID = 3600


@dataclass(frozen=True)
class Application:
    """The one application that can sign in. `object_id` is its service principal."""

    tenant: str
    client: str
    secret: str
    object_id: str


@dataclass(frozen=True)
class Principal:
    """Who asks."""

    object_id: str
    client: str


def application(state: State) -> Application:
    """Give the application that may sign in; it is made up once."""
    with state.transaction():
        kept = state.setting("application")
        if kept is None:
            made = {
                "tenant": str(uuid.uuid4()),
                "client": str(uuid.uuid4()),
                "secret": secrets.token_urlsafe(30),
                "object_id": str(uuid.uuid4()),
            }
            kept = json.dumps(made)
            state.set_setting("application", kept)
    return Application(**json.loads(kept))


class Tokens:
    """Issues and checks tokens. They are signed, so only the key is kept."""

    def __init__(self, state: State, app: Application) -> None:
        self._state = state
        self._app = app
        if state.setting("token key") is None:
            self.expire_all()

    def expire_all(self) -> None:
        """Make every token issued so far invalid."""
        self._state.set_setting("token key", secrets.token_hex(32))

    def issue(self, audience: str, seconds: float = SECONDS_VALID) -> str:
        """Make a token for an audience, such as `https://management.azure.test`."""
        now = int(time.time())
        claims = {
            "aud": audience,
            # Azurite accepts no other issuer.
            "iss": f"https://sts.windows.net/{self._app.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + seconds,
            "appid": self._app.client,
            "oid": self._app.object_id,
            "tid": self._app.tenant,
            "ver": "1.0",
        }
        signed = f"{_encoded({'typ': 'JWT', 'alg': 'HS256'})}.{_encoded(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def check(self, request: Request, audiences: Sequence[str]) -> Principal:
        """Find out who sent a request. Raises `Refusal` (401) unless a valid token says it."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthenticated(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            )
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature, self._signature(signed)):
            raise _unauthenticated("ExpiredAuthenticationToken", "The access token has expired.")
        claims = _decoded(signed.partition(".")[2])
        if claims["exp"] <= time.time():
            raise _unauthenticated("ExpiredAuthenticationToken", "The access token has expired.")
        if str(claims["aud"]).rstrip("/") not in audiences:
            raise _unauthenticated(
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource"
                f" '{claims['aud']}'. It should exactly match with one of the allowed audiences"
                f" {', '.join(repr(audience) for audience in audiences)}.",
            )
        return Principal(object_id=claims["oid"], client=claims["appid"])

    def _signature(self, signed: str) -> str:
        key = self._state.setting("token key") or ""
        return _base64(hmac.new(bytes.fromhex(key), signed.encode(), hashlib.sha256).digest())


def _unauthenticated(code: str, message: str) -> Refusal:
    challenge = (
        f'Bearer authorization_uri="https://{MANAGEMENT_HOST}", error="invalid_token",'
        f' error_description="{message}"'
    )
    return Refusal(401, code, message, {"WWW-Authenticate": challenge})


def _encoded(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return value
