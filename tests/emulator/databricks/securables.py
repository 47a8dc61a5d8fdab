"""What all things of Unity Catalog have in common: names, owners, privileges.

Each workspace has a metastore of its own here. Its administrators may do anything with what they
own; everybody else needs privileges, those on what lies above included.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from tests.emulator.databricks.refusals import Refused, denied, invalid
from tests.emulator.databricks.service import Ask
from tests.emulator.databricks.sign_in import User
from tests.emulator.databricks.store import Document, Store

_NAME = re.compile(r"[^\s./\x00-\x1f\x7f]{1,255}")
GRANTS = "grants"
# What a privilege is on: the words of messages, and what must be had above it.
CATALOG, SCHEMA, VOLUME, MODEL = "catalogs", "schemas", "volumes", "models"
CREDENTIAL, LOCATION, METASTORE = "credentials", "locations", "metastores"
SPOKEN = {
    CATALOG: "Catalog",
    SCHEMA: "Schema",
    VOLUME: "Volume",
    MODEL: "Routine or Model",
    CREDENTIAL: "Storage Credential",
    LOCATION: "External Location",
    METASTORE: "Metastore",
}
_ABOVE = {VOLUME: SCHEMA, MODEL: SCHEMA, SCHEMA: CATALOG}
_TO_USE = {SCHEMA: "USE_SCHEMA", CATALOG: "USE_CATALOG"}


def metastore_id(store: Store) -> str:
    """Return the id of a workspace's metastore."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"metastore {store.workspace}"))


def check_name(name: Any, message: str) -> str:
    """Give a name as Unity Catalog keeps it, in lower case. Raises `Refusal`.

    `message` is the name of the message of Databricks' interface, which its refusals tell.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        call, _, record = message.partition(" ")
        raise invalid(
            f"Invalid input: RPC {call} Field managedcatalog.{record}.name: name"
            f' "{name}" is not a valid name'
        )
    return name.lower()


def stamped(ask: Ask, document: Mapping[str, Any], *, changed: bool = False) -> Document:
    """Say who made or changed a thing, and when."""
    now = int(time.time() * 1000)
    stamps: Document = {"updated_at": now, "updated_by": ask.user.name}
    if not changed:
        stamps |= {"created_at": now, "created_by": ask.user.name, "owner": ask.user.name}
        stamps["metastore_id"] = metastore_id(ask.store)
    return {**document, **stamps}


def require(ask: Ask, kind: str, name: str, *, missing: str | None = None) -> Document:
    """Find a thing by its full name. Raises `Refusal` where it isn't."""
    found = ask.store.get(kind, name)
    if found is None:
        raise not_there(kind, missing or name)
    return found


def not_there(kind: str, name: str) -> Refused:
    """Return 404, in the words of Unity Catalog."""
    code = {
        CATALOG: "CATALOG_DOES_NOT_EXIST",
        SCHEMA: "SCHEMA_DOES_NOT_EXIST",
        MODEL: "RESOURCE_DOES_NOT_EXIST",
        CREDENTIAL: "STORAGE_CREDENTIAL_DOES_NOT_EXIST",
        LOCATION: "EXTERNAL_LOCATION_DOES_NOT_EXIST",
    }.get(kind, "RESOURCE_DOES_NOT_EXIST")
    return Refused(404, code, f"{SPOKEN[kind]} '{name}' does not exist.")


def there_already(kind: str, name: str) -> Refused:
    """Return 409, in the words of Unity Catalog."""
    code = {
        CATALOG: "CATALOG_ALREADY_EXISTS",
        SCHEMA: "SCHEMA_ALREADY_EXISTS",
        CREDENTIAL: "STORAGE_CREDENTIAL_ALREADY_EXISTS",
        LOCATION: "EXTERNAL_LOCATION_ALREADY_EXISTS",
    }.get(kind, "RESOURCE_ALREADY_EXISTS")
    return Refused(409, code, f"{SPOKEN[kind]} '{name}' already exists")


def allow(ask: Ask, privilege: str, kind: str, name: str) -> None:
    """Raise `Refusal` (403) unless the caller has a privilege, and those to use what lies above."""
    above = name
    level: str | None = _ABOVE.get(kind)
    while level is not None:
        above = above.rpartition(".")[0]
        if not has_privilege(ask.store, ask.user, _TO_USE[level], level, above):
            raise _lacks(_TO_USE[level], level, above)
        level = _ABOVE.get(level)
    if not has_privilege(ask.store, ask.user, privilege, kind, name):
        raise _lacks(privilege, kind, name)


def own(ask: Ask, kind: str, name: str) -> None:
    """Raise `Refusal` (403) unless the caller owns a thing or may manage it."""
    if not has_privilege(ask.store, ask.user, "MANAGE", kind, name):
        raise denied(f"User is not an owner of {SPOKEN[kind]} '{name}'.")


def has_privilege(store: Store, user: User, privilege: str, kind: str, name: str) -> bool:
    """Tell whether a user has a privilege: by owning a thing or one above it, or by a grant."""
    level: str | None = kind
    while level is not None:
        found = store.get(level, name)
        if found is not None and found.get("owner") == user.name:
            return True
        granted = (store.get(GRANTS, f"{level}/{name}") or {}).get("grants", {})
        for principal in (user.name, "account users"):
            if {privilege, "ALL_PRIVILEGES"} & set(granted.get(principal, ())):
                return True
        level, name = _ABOVE.get(level), name.rpartition(".")[0]
    return user.admin and kind in (METASTORE, CREDENTIAL, LOCATION)


def _lacks(privilege: str, kind: str, name: str) -> Refused:
    return denied(f"User does not have {privilege.replace('_', ' ')} on {SPOKEN[kind]} '{name}'.")


def changes(ask: Ask, names: tuple[str, ...]) -> Document:
    """Give those of the named fields that a PATCH has."""
    return {name: value for name, value in ask.body.items() if name in names}
