"""Schemas of Unity Catalog."""

from __future__ import annotations

import uuid
from typing import Any

from tests.emulator.databricks.models import remove_model
from tests.emulator.databricks.refusals import Refused
from tests.emulator.databricks.securables import (
    CATALOG,
    MODEL,
    SCHEMA,
    VOLUME,
    allow,
    changes,
    check_name,
    has_privilege,
    own,
    require,
    stamped,
    there_already,
)
from tests.emulator.databricks.service import Ask, Endpoint, paged
from tests.emulator.databricks.volumes import remove_volume

_CHANGEABLE = ("comment", "owner", "properties")


def create(ask: Ask) -> dict[str, Any]:
    """Create a schema."""
    name = check_name(ask.required("name"), "CreateSchema SchemaInfo")
    catalog = str(ask.required("catalog_name")).lower()
    require(ask, CATALOG, catalog)
    allow(ask, "USE_CATALOG", CATALOG, catalog)
    allow(ask, "CREATE_SCHEMA", CATALOG, catalog)
    full_name = f"{catalog}.{name}"
    if ask.store.get(SCHEMA, full_name):
        raise there_already(SCHEMA, full_name)
    made = {
        **changes(ask, (*_CHANGEABLE, "storage_root")),
        "name": name,
        "catalog_name": catalog,
        "full_name": full_name,
        "schema_id": str(uuid.uuid4()),
        "catalog_type": "MANAGED_CATALOG",
    }
    return ask.store.put(SCHEMA, full_name, stamped(ask, made))


def get(ask: Ask) -> dict[str, Any]:
    """Give a schema."""
    name = ask.arguments["name"].lower()
    found = require(ask, SCHEMA, name)
    allow(ask, "USE_SCHEMA", SCHEMA, name)
    return found


def list_all(ask: Ask) -> dict[str, Any]:
    """List the schemas of a catalog."""
    catalog = ask.asked("catalog_name").lower()
    require(ask, CATALOG, catalog)
    found = [
        schema
        for schema in ask.store.all(SCHEMA)
        if schema["catalog_name"] == catalog
        and has_privilege(ask.store, ask.user, "USE_SCHEMA", SCHEMA, schema["full_name"])
    ]
    return paged(ask, "schemas", found, 1000)


def update(ask: Ask) -> dict[str, Any]:
    """Change a schema."""
    name = ask.arguments["name"].lower()
    found = require(ask, SCHEMA, name)
    own(ask, SCHEMA, name)
    changed = stamped(ask, found | changes(ask, _CHANGEABLE), changed=True)
    return ask.store.put(SCHEMA, name, changed)


def delete(ask: Ask) -> dict[str, Any]:
    """Delete an empty schema, or any with `force`."""
    name = ask.arguments["name"].lower()
    require(ask, SCHEMA, name)
    own(ask, SCHEMA, name)
    held = [kind for kind in (VOLUME, MODEL) if _below(ask, kind, name)]
    if held and ask.query.get("force") != "true":
        raise Refused(
            400,
            "SCHEMA_NOT_EMPTY",
            f"Schema '{name}' is not empty. The schema has {' and '.join(held)}.",
        )
    remove_schema(ask, name)
    return {}


def remove_schema(ask: Ask, name: str) -> None:
    """Remove a schema and all it holds."""
    for volume in _below(ask, VOLUME, name):
        remove_volume(ask, volume)
    for model in _below(ask, MODEL, name):
        remove_model(ask, model)
    ask.store.delete(SCHEMA, name)


def _below(ask: Ask, kind: str, name: str) -> list[str]:
    names = [document["full_name"] for document in ask.store.all(kind)]
    return [full_name for full_name in names if full_name.rpartition(".")[0] == name]


_PATH = "/api/2.1/unity-catalog/schemas"
ENDPOINTS = (
    Endpoint("POST", _PATH, create),
    Endpoint("GET", _PATH, list_all),
    Endpoint("GET", _PATH + "/{name}", get),
    Endpoint("PATCH", _PATH + "/{name}", update),
    Endpoint("DELETE", _PATH + "/{name}", delete),
)
