"""Grants of privileges on what Unity Catalog holds, and the metastore that holds it."""

from __future__ import annotations

from typing import Any

from tests.emulator.databricks.refusals import invalid
from tests.emulator.databricks.securables import (
    CATALOG,
    CREDENTIAL,
    GRANTS,
    LOCATION,
    METASTORE,
    MODEL,
    SCHEMA,
    VOLUME,
    metastore_id,
    own,
    require,
)
from tests.emulator.databricks.service import Ask, Endpoint

_KINDS = {
    "catalog": CATALOG,
    "schema": SCHEMA,
    "volume": VOLUME,
    "function": MODEL,  # what the interface calls registered models
    "model": MODEL,
    "storage_credential": CREDENTIAL,
    "external_location": LOCATION,
    "metastore": METASTORE,
}
_OF_METASTORE = (
    "CREATE_CATALOG",
    "CREATE_EXTERNAL_LOCATION",
    "CREATE_STORAGE_CREDENTIAL",
    "CREATE_CONNECTION",
)
_OF_VOLUME = ("ALL_PRIVILEGES", "APPLY_TAG", "MANAGE", "READ_VOLUME", "WRITE_VOLUME")
_OF_MODEL = ("ALL_PRIVILEGES", "APPLY_TAG", "EXECUTE", "MANAGE")
_OF_SCHEMA = (
    *_OF_VOLUME,
    "CREATE_FUNCTION",
    "CREATE_MODEL",
    "CREATE_TABLE",
    "CREATE_VOLUME",
    "EXECUTE",
    "MODIFY",
    "SELECT",
    "USE_SCHEMA",
)
_OF_CATALOG = (*_OF_SCHEMA, "BROWSE", "CREATE_SCHEMA", "USE_CATALOG")
_OF_STORAGE = (
    "ALL_PRIVILEGES",
    "CREATE_EXTERNAL_LOCATION",
    "CREATE_EXTERNAL_TABLE",
    "CREATE_EXTERNAL_VOLUME",
    "CREATE_MANAGED_STORAGE",
    "MANAGE",
    "READ_FILES",
    "WRITE_FILES",
)
_PRIVILEGES = {
    CATALOG: _OF_CATALOG,
    SCHEMA: _OF_SCHEMA,
    VOLUME: _OF_VOLUME,
    MODEL: _OF_MODEL,
    CREDENTIAL: _OF_STORAGE,
    LOCATION: _OF_STORAGE,
    METASTORE: _OF_METASTORE,
}


def get(ask: Ask) -> dict[str, Any]:
    """Tell who was granted what on a thing itself."""
    kind, name = _target(ask)
    return _told(_granted(ask, kind, name), ask.query.get("principal"))


def get_effective(ask: Ask) -> dict[str, Any]:
    """Tell who was granted what on a thing itself or on what lies above."""
    kind, name = _target(ask)
    levels = {VOLUME: SCHEMA, MODEL: SCHEMA, SCHEMA: CATALOG}
    found: dict[str, list[dict[str, Any]]] = {}
    level: str | None = kind
    while level is not None:
        for principal, privileges in _granted(ask, level, name).items():
            inherited = {} if level == kind else {"inherited_from_name": name}
            told = [{"privilege": privilege, **inherited} for privilege in privileges]
            found.setdefault(principal, []).extend(told)
        level, name = levels.get(level), name.rpartition(".")[0]
    assignments = [
        {"principal": principal, "privileges": privileges}
        for principal, privileges in found.items()
        if ask.query.get("principal") in (None, principal)
    ]
    return {"privilege_assignments": assignments}


def update(ask: Ask) -> dict[str, Any]:
    """Grant and revoke."""
    kind, name = _target(ask)
    own(ask, kind, name)
    granted = _granted(ask, kind, name)
    for change in ask.body.get("changes") or []:
        principal = change.get("principal") or ""
        if not principal:
            raise invalid("Missing required field: principal")
        wanted = [*change.get("add", ()), *change.get("remove", ())]
        if unknown := [word for word in wanted if _normal(word) not in _PRIVILEGES[kind]]:
            raise invalid(f"Privilege {unknown[0]} is not applicable to this entity [{name}].")
        held = set(granted.get(principal, ()))
        held |= {_normal(word) for word in change.get("add", ())}
        held -= {_normal(word) for word in change.get("remove", ())}
        granted[principal] = sorted(held)
    kept = {principal: held for principal, held in granted.items() if held}
    ask.store.put(GRANTS, f"{kind}/{name}", {"grants": kept})
    return _told(kept, None)


def metastore(ask: Ask) -> dict[str, Any]:
    """Tell of the metastore."""
    number = metastore_id(ask.store)
    region = ask.resource.body["location"]
    return {
        "metastore_id": number,
        "name": f"metastore-{region}",
        "region": region,
        "cloud": "azure",
        "global_metastore_id": f"azure:{region}:{number}",
        "privilege_model_version": "1.0",
    }


def assignment(ask: Ask) -> dict[str, Any]:
    """Tell which metastore is the workspace's."""
    return {
        "metastore_id": metastore_id(ask.store),
        "workspace_id": int(ask.store.workspace),
        "default_catalog_name": "main",
    }


def _target(ask: Ask) -> tuple[str, str]:
    kind = _KINDS.get(ask.arguments["type"].lower())
    if kind is None:
        raise invalid(f"'{ask.arguments['type']}' is no type of securable.")
    name = ask.arguments["name"].lower()
    if kind != METASTORE:
        require(ask, kind, name)
    return kind, name


def _granted(ask: Ask, kind: str, name: str) -> dict[str, list[str]]:
    granted: dict[str, list[str]] = (ask.store.get(GRANTS, f"{kind}/{name}") or {}).get(
        "grants", {}
    )
    return granted


def _told(granted: dict[str, list[str]], principal: str | None) -> dict[str, Any]:
    assignments = [
        {"principal": name, "privileges": privileges}
        for name, privileges in granted.items()
        if principal in (None, name)
    ]
    return {"privilege_assignments": assignments}


def _normal(privilege: str) -> str:
    return privilege.upper().replace(" ", "_")


_PATH = "/api/2.1/unity-catalog"
ENDPOINTS = (
    Endpoint("GET", _PATH + "/permissions/{type}/{name}", get),
    Endpoint("PATCH", _PATH + "/permissions/{type}/{name}", update),
    Endpoint("GET", _PATH + "/effective-permissions/{type}/{name}", get_effective),
    Endpoint("GET", _PATH + "/metastore_summary", metastore),
    Endpoint("GET", _PATH + "/current-metastore-assignment", assignment),
)
