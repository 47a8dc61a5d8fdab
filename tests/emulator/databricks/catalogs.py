"""Catalogs of Unity Catalog."""

from __future__ import annotations

from typing import Any

from tests.emulator.databricks.refusals import Refused
from tests.emulator.databricks.schemas import remove_schema
from tests.emulator.databricks.securables import (
    CATALOG,
    LOCATION,
    METASTORE,
    SCHEMA,
    allow,
    changes,
    check_name,
    has_privilege,
    metastore_id,
    own,
    require,
    stamped,
    there_already,
)
from tests.emulator.databricks.service import Ask, Endpoint, paged

_CHANGEABLE = ("comment", "owner", "properties", "isolation_mode", "options")
_DEFAULT_SCHEMAS = ("default", "information_schema")


def create(ask: Ask) -> dict[str, Any]:
    """Create a catalog with the schema `default`."""
    name = check_name(ask.required("name"), "CreateCatalog CatalogInfo")
    allow(ask, "CREATE_CATALOG", METASTORE, metastore_id(ask.store))
    if ask.store.get(CATALOG, name):
        raise there_already(CATALOG, name)
    _check_root(ask, ask.body.get("storage_root"))
    made = stamped(
        ask,
        {
            **changes(ask, (*_CHANGEABLE, "storage_root")),
            "name": name,
            "full_name": name,
            "catalog_type": "MANAGED_CATALOG",
            "isolation_mode": ask.body.get("isolation_mode", "OPEN"),
            "securable_type": "CATALOG",
        },
    )
    for schema in _DEFAULT_SCHEMAS:
        full_name = f"{name}.{schema}"
        document = {"name": schema, "catalog_name": name, "full_name": full_name}
        ask.store.put(SCHEMA, full_name, stamped(ask, document))
    return ask.store.put(CATALOG, name, made)


def _check_root(ask: Ask, root: str | None) -> None:
    """Raise `Refusal` unless a catalog's root lies in a place that Unity Catalog may use.

    The metastores that new accounts are given have no storage of their own.
    """
    if not root:
        raise Refused(
            400,
            "INVALID_STATE",
            "Metastore storage root URL does not exist. Please provide a storage location for the"
            " catalog (for example 'CREATE CATALOG myCatalog MANAGED LOCATION '<location-path>').",
        )
    if not any(root.startswith(location["url"]) for location in ask.store.all(LOCATION)):
        raise Refused(
            404,
            "EXTERNAL_LOCATION_DOES_NOT_EXIST",
            f"No parent external location was found for path '{root}'. Please create an external"
            " location on one of the parent paths and then retry the query or command again.",
        )


def get(ask: Ask) -> dict[str, Any]:
    """Give a catalog."""
    name = ask.arguments["name"].lower()
    found = require(ask, CATALOG, name)
    allow(ask, "USE_CATALOG", CATALOG, name)
    return found


def list_all(ask: Ask) -> dict[str, Any]:
    """List the catalogs that the caller may use."""
    found = [
        catalog
        for catalog in ask.store.all(CATALOG)
        if has_privilege(ask.store, ask.user, "USE_CATALOG", CATALOG, catalog["name"])
    ]
    return paged(ask, "catalogs", found, 1000)


def update(ask: Ask) -> dict[str, Any]:
    """Change a catalog."""
    name = ask.arguments["name"].lower()
    found = require(ask, CATALOG, name)
    own(ask, CATALOG, name)
    return ask.store.put(
        CATALOG, name, stamped(ask, found | changes(ask, _CHANGEABLE), changed=True)
    )


def delete(ask: Ask) -> dict[str, Any]:
    """Delete a catalog that has no schemas of the user's own, or any with `force`."""
    name = ask.arguments["name"].lower()
    require(ask, CATALOG, name)
    own(ask, CATALOG, name)
    schemas = [schema for schema in ask.store.all(SCHEMA) if schema["catalog_name"] == name]
    full = any(schema["name"] not in _DEFAULT_SCHEMAS for schema in schemas)
    if full and ask.query.get("force") != "true":
        raise Refused(
            400, "CATALOG_NOT_EMPTY", f"Catalog '{name}' is not empty. The catalog has schemas."
        )
    for schema in schemas:
        remove_schema(ask, schema["full_name"])
    ask.store.delete(CATALOG, name)
    return {}


_PATH = "/api/2.1/unity-catalog/catalogs"
ENDPOINTS = (
    Endpoint("POST", _PATH, create),
    Endpoint("GET", _PATH, list_all),
    Endpoint("GET", _PATH + "/{name}", get),
    Endpoint("PATCH", _PATH + "/{name}", update),
    Endpoint("DELETE", _PATH + "/{name}", delete),
)
