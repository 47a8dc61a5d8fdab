"""The tokens that Entra issues, which every other service checks, and the codes for them."""

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

from tests.emulator.addresses import LOGIN
from tests.emulator.messages import Refusal, Request
from tests.emulator.state import State

SECONDS_VALID = 3600
CODE_SECONDS_VALID = 600  # of what a browser brings back


@dataclass(frozen=True)
class Application:
    """The one application that can sign in. `object_id` is its service principal."""

    tenant: str
    client: str
    secret: str
    object_id: str


@dataclass(frozen=True)
class Principal:
    """The principal of a token."""

    object_id: str
    client: str
    tenant: str


@dataclass(frozen=True)
class Person:
    """The person at the browser."""

    object_id: str
    name: str  # to sign in with


@dataclass(frozen=True)
class SignIn:
    """The consent of a person, for which a code or a refresh token stands."""

    client: str
    redirect_uri: str = ""
    challenge: str = ""  # S256 of the secret that proves who asked
    nonce: str | None = None


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


def person(state: State) -> Person:
    """Give the person who may sign in; it is made up once."""
    object_id = state.setting("person")
    if object_id is None:
        object_id = str(uuid.uuid4())
        state.set_setting("person", object_id)
    return Person(object_id, "user@azure.test")


def other_tenant(state: State) -> str:
    """Give the tenant that the application and the person are guests of; it is made up once."""
    tenant = state.setting("other tenant")
    if tenant is None:
        tenant = str(uuid.uuid4())
        state.set_setting("other tenant", tenant)
    return tenant


class Tokens:
    """Issues and checks tokens. They are signed, so only the keys are kept.

    The codes of sign-ins under way are not: after a restart a person begins anew.
    """

    def __init__(self, state: State, app: Application) -> None:
        self._state = state
        self._app = app
        self.person = person(state)
        self.tenants = (app.tenant, other_tenant(state))  # of the subscription, and of none
        self.person_declines = False  # whether the person ends every sign-in without agreeing
        self._codes: dict[str, tuple[float, SignIn]] = {}
        self._redeemed: set[str] = set()
        if state.setting("token key") is None:
            self.expire_all()
        if state.setting("refresh key") is None:
            state.set_setting("refresh key", secrets.token_hex(32))

    def expire_all(self) -> None:
        """Make every bearer token issued so far invalid; refresh tokens still give new ones."""
        self._state.set_setting("token key", secrets.token_hex(32))

    def issue(
        self, audience: str, seconds: float = SECONDS_VALID, tenant: str | None = None
    ) -> str:
        """Make the application's token for an audience, such as `https://management.azure.test`.

        Without a tenant, in that of the subscription.
        """
        return self._issue(
            audience, seconds, tenant, appid=self._app.client, oid=self._app.object_id
        )

    def issue_to_person(self, audience: str, client: str, tenant: str | None = None) -> str:
        """Make the person's token for an audience, which a public client asked for."""
        return self._issue(
            audience,
            SECONDS_VALID,
            tenant,
            appid=client,
            oid=self.person.object_id,
            upn=self.person.name,
            scp="user_impersonation",
        )

    def identify(self, issuer: str, client: str, nonce: str | None) -> str:
        """Make the ID token that tells a public client who signed in."""
        now = int(time.time())
        claims = {
            "aud": client,
            "iss": issuer,
            "iat": now,
            "nbf": now,
            "exp": now + SECONDS_VALID,
            "name": "The user",
            "oid": self.person.object_id,
            "preferred_username": self.person.name,
            "sub": hashlib.sha256(f"{client}{self.person.object_id}".encode()).hexdigest(),
            "tid": self._app.tenant,
            "ver": "2.0",
            **({} if nonce is None else {"nonce": nonce}),
        }
        return self._sign(claims, "token key")

    def give_code(self, sign_in: SignIn) -> str:
        """Make the code that a browser brings back, for one use."""
        code = secrets.token_urlsafe(60)
        self._codes[code] = time.time() + CODE_SECONDS_VALID, sign_in
        return code

    def redeem(self, code: str) -> SignIn | None:
        """Take the sign-in that a code stands for, or None where it is unknown or too old."""
        until, sign_in = self._codes.pop(code, (0.0, None))
        if sign_in is not None:
            self._redeemed.add(code)
        return sign_in if time.time() < until else None

    def is_redeemed(self, code: str) -> bool:
        """Return whether a code has been used."""
        return code in self._redeemed

    def give_refresh_token(self, client: str) -> str:
        """Make what a client can have more of the person's tokens for."""
        return self._sign({"client": client, "made": secrets.token_hex(8)}, "refresh key")

    def refreshes(self, token: str, client: str) -> bool:
        """Return whether a refresh token is one, and the client's."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature, self._signature(signed, "refresh key")):
            return False
        return bool(_decoded(signed.partition(".")[2])["client"] == client)

    def _issue(self, audience: str, seconds: float, tenant: str | None, **who: str) -> str:
        now = int(time.time())
        issuer = tenant or self._app.tenant
        claims = {
            "aud": audience,
            # Azurite accepts no other issuer.
            "iss": f"https://sts.windows.net/{issuer}/",
            "iat": now,
            "nbf": now,
            "exp": now + seconds,
            "tid": issuer,
            "ver": "1.0",
            **who,
        }
        return self._sign(claims, "token key")

    def check(self, request: Request, audiences: Sequence[str]) -> Principal:
        """Find out who sent a request. Raises `Refusal` (401) unless a valid token says it."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise self.unauthenticated(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            )
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature, self._signature(signed, "token key")):
            raise self.unauthenticated(
                "ExpiredAuthenticationToken", "The access token has expired."
            )
        claims = _decoded(signed.partition(".")[2])
        if claims["exp"] <= time.time():
            raise self.unauthenticated(
                "ExpiredAuthenticationToken", "The access token has expired."
            )
        if str(claims["aud"]).rstrip("/") not in audiences:
            raise self.unauthenticated(
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource"
                f" '{claims['aud']}'. It should exactly match with one of the allowed audiences"
                f" {', '.join(repr(audience) for audience in audiences)}.",
            )
        return Principal(claims["oid"], claims["appid"], claims["tid"])

    def unauthenticated(self, code: str, message: str) -> Refusal:
        """401: nobody is known by what signs the request. It says which tenant knows people."""
        challenge = (
            f'Bearer authorization_uri="{LOGIN}/{self._app.tenant}", error="invalid_token",'
            f' error_description="{message}"'
        )
        return Refusal(401, code, message, {"WWW-Authenticate": challenge})

    def _sign(self, claims: dict[str, Any], key: str) -> str:
        signed = f"{_encoded({'typ': 'JWT', 'alg': 'HS256'})}.{_encoded(claims)}"
        return f"{signed}.{self._signature(signed, key)}"

    def _signature(self, signed: str, setting: str) -> str:
        key = self._state.setting(setting) or ""
        return base64url(hmac.new(bytes.fromhex(key), signed.encode(), hashlib.sha256).digest())


def unchecked_claims(request: Request) -> dict[str, Any]:
    """Read what a request's bearer token says, whether or not that is true; empty without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    parts = token.split(".")
    return _decoded(parts[1]) if scheme.lower() == "bearer" and len(parts) == 3 else {}


def _encoded(value: dict[str, Any]) -> str:
    return base64url(json.dumps(value).encode())


def base64url(data: bytes) -> str:
    """Encode bytes as web tokens do, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return value
