"""The sign-in to a workspace: by an Entra token of Databricks' audience, or a run's own token.

The forms of the refusals are those that users report: a page for a token of another audience and
for an identity that is not in the workspace, JSON for the rest.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.emulator import addresses
from tests.emulator.cloud import Cloud
from tests.emulator.databricks.refusals import Refused, RefusedAsPage
from tests.emulator.databricks.store import Store
from tests.emulator.messages import Refusal, Request
from tests.emulator.state import Resource
from tests.emulator.tokens import Principal

AUDIENCE = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
_MANAGEMENT = addresses.MANAGEMENT_AUDIENCES
_RESOURCE = "x-databricks-azure-workspace-resource-id"
_MANAGEMENT_TOKEN = "x-databricks-azure-sp-management-token"  # noqa: S105 - a header's name
USERS = "users"


@dataclass(frozen=True)
class User:
    """Somebody of a workspace. `name` is a service principal's client id, or a person's address."""

    object_id: str
    name: str
    number: int
    admin: bool


@dataclass
class RunTokens:
    """The tokens that runs on clusters are given; they end with their run."""

    _users: dict[str, tuple[str, User]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def give(self, workspace: str, user: User) -> str:
        """Make a token of a workspace's user."""
        token = f"dkea{secrets.token_hex(16)}"
        with self._lock:
            self._users[token] = workspace, user
        return token

    def end(self, token: str) -> None:
        """Let a token be worth nothing from now on."""
        with self._lock:
            self._users.pop(token, None)

    def find(self, workspace: str, token: str) -> User | None:
        """Return the user whose token it is."""
        with self._lock:
            of, user = self._users.get(token, ("", None))
        return user if of == workspace else None


def sign_in(
    cloud: Cloud, store: Store, workspace: Resource, run_tokens: RunTokens, request: Request
) -> User:
    """Find out the caller. Raises `Refusal`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused(
            401,
            "401",
            "Credential was not sent or was of an unsupported type for this API.",
        )
    if (running := run_tokens.find(store.workspace, token)) is not None:
        return running
    principal = _principal(cloud, request)
    known = store.get(USERS, principal.object_id)
    if known is None:
        known = _join(cloud, store, workspace, principal, request)
    return User(**known)


def _principal(cloud: Cloud, request: Request) -> Principal:
    try:
        return cloud.tokens.check(request, (AUDIENCE,))
    except Refusal as refusal:
        if refusal.error["code"] != "InvalidAuthenticationTokenAudience":
            raise Refused(403, "403", "Invalid access token.") from None
        given = str(refusal.error["message"]).split("'")[1]
        raise RefusedAsPage(
            400,
            "IncorrectClaim",
            "io.jsonwebtoken.IncorrectClaimException: Expected aud claim to be:"
            f" {AUDIENCE}, but was: {given}.",
        ) from None


def _join(
    cloud: Cloud, store: Store, workspace: Resource, principal: Principal, request: Request
) -> dict[str, Any]:
    """Make an administrator of an identity that shows its rights to the workspace in Azure."""
    resource = request.headers.get(_RESOURCE, "")
    token = request.headers.get(_MANAGEMENT_TOKEN, "")
    if resource.lower() != workspace.key or not _may_manage(cloud, principal, token):
        raise RefusedAsPage(403, "NotAuthorized", "User not authorized.")
    person = principal.object_id == cloud.tokens.person.object_id
    name = cloud.tokens.person.name if person else principal.client
    number = 7_000_000_000_000 + store.next_number(USERS)
    user = User(principal.object_id, name, number, admin=True)
    return store.put(USERS, user.object_id, vars(user))


def _may_manage(cloud: Cloud, principal: Principal, token: str) -> bool:
    asked = Request("GET", "", "", headers={"authorization": f"Bearer {token}"})
    try:
        return cloud.tokens.check(asked, _MANAGEMENT).object_id == principal.object_id
    except Refusal:
        return False
