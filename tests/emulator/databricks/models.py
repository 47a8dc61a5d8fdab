"""Registered models of Unity Catalog, as its own interface has them (api/2.1)."""

from __future__ import annotations

import shutil
import uuid
from typing import Any

from tests.emulator.databricks.refusals import invalid
from tests.emulator.databricks.securables import (
    MODEL,
    SCHEMA,
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
from tests.emulator.databricks.store import Document

VERSION = "model-versions"
_CHANGEABLE = ("comment", "owner")


def create_model(ask: Ask, full_name: str, fields: Document) -> Document:
    """Create a registered model without versions. Raises `Refusal`."""
    parts = full_name.split(".")
    if len(parts) != 3:
        raise invalid(
            f'Invalid input: "{full_name}" is not a valid name: registered models have names of'
            " the form <catalog>.<schema>.<model>"
        )
    name = check_name(parts[2], "CreateRegisteredModel RegisteredModelInfo")
    schema = ".".join(parts[:2]).lower()
    require(ask, SCHEMA, schema)
    allow(ask, "CREATE_MODEL", SCHEMA, schema)
    full_name = f"{schema}.{name}"
    if ask.store.get(MODEL, full_name):
        raise there_already(MODEL, full_name)
    catalog_name, _, schema_name = schema.partition(".")
    made = {
        **fields,
        "name": name,
        "catalog_name": catalog_name,
        "schema_name": schema_name,
        "full_name": full_name,
        "storage_location": f"abfss://metastore@lake.dfs.core.azure.test/models/{uuid.uuid4()}",
        "aliases": {},
        "tags": fields.get("tags", {}),
        "last_version": 0,
    }
    return ask.store.put(MODEL, full_name, stamped(ask, made))


def readable(ask: Ask, full_name: str) -> Document:
    """Find a model that the caller may use. Raises `Refusal`."""
    found = require(ask, MODEL, full_name.lower())
    allow(ask, "EXECUTE", MODEL, found["full_name"])
    return found


def readable_models(ask: Ask) -> list[Document]:
    """List the models that the caller may use."""
    return [
        model
        for model in ask.store.all(MODEL)
        if has_privilege(ask.store, ask.user, "EXECUTE", MODEL, model["full_name"])
    ]


def change_model(ask: Ask, full_name: str, fields: Document) -> Document:
    """Write some fields of a model anew. Raises `Refusal`."""
    found = require(ask, MODEL, full_name.lower())
    own(ask, MODEL, found["full_name"])
    return ask.store.put(MODEL, found["full_name"], stamped(ask, found | fields, changed=True))


def remove_model(ask: Ask, full_name: str) -> None:
    """Remove a model with its versions and their files."""
    for version in ask.store.all(VERSION):
        if version["full_name"] == full_name:
            ask.store.delete(VERSION, f"{full_name}/{version['version']}")
    files = ask.databricks.files(ask.store.workspace)
    shutil.rmtree(files.joinpath("Models", *full_name.split(".")), ignore_errors=True)
    ask.store.delete(MODEL, full_name)


def told_aliases(model: Document) -> list[dict[str, Any]]:
    """Give a model's aliases as this interface tells them."""
    place = {name: model[name] for name in ("catalog_name", "schema_name")}
    return [
        {**place, "model_name": model["name"], "alias_name": alias, "version_num": version}
        for alias, version in model["aliases"].items()
    ]


def _told(model: Document, aliases: bool = False) -> dict[str, Any]:
    hidden = ("aliases", "tags", "last_version")
    told = {name: value for name, value in model.items() if name not in hidden}
    return told | ({"aliases": told_aliases(model)} if aliases else {})


def create(ask: Ask) -> dict[str, Any]:
    """Create a registered model."""
    parts = [str(ask.required(part)) for part in ("catalog_name", "schema_name")]
    name = check_name(ask.required("name"), "CreateRegisteredModel RegisteredModelInfo")
    return _told(create_model(ask, ".".join((*parts, name)), changes(ask, ("comment",))))


def get(ask: Ask) -> dict[str, Any]:
    """Give a registered model."""
    found = readable(ask, ask.arguments["name"])
    return _told(found, ask.query.get("include_aliases") == "true")


def list_all(ask: Ask) -> dict[str, Any]:
    """List registered models, of a schema or of all."""
    catalog, schema = ask.query.get("catalog_name"), ask.query.get("schema_name")
    if bool(catalog) != bool(schema):
        raise invalid("catalog_name and schema_name must be given both, or neither.")
    found = readable_models(ask)
    if catalog and schema:
        require(ask, SCHEMA, f"{catalog}.{schema}".lower())
        place = (catalog.lower(), schema.lower())
        found = [model for model in found if _place(model) == place]
    return paged(ask, "registered_models", [_told(model) for model in found])


def update(ask: Ask) -> dict[str, Any]:
    """Change a registered model."""
    return _told(change_model(ask, ask.arguments["name"], changes(ask, _CHANGEABLE)))


def delete(ask: Ask) -> dict[str, Any]:
    """Delete a registered model with its versions."""
    name = ask.arguments["name"].lower()
    require(ask, MODEL, name)
    own(ask, MODEL, name)
    remove_model(ask, name)
    return {}


def _place(model: Document) -> tuple[str, str]:
    return model["catalog_name"], model["schema_name"]


_PATH = "/api/2.1/unity-catalog/models"
ENDPOINTS = (
    Endpoint("POST", _PATH, create),
    Endpoint("GET", _PATH, list_all),
    Endpoint("GET", _PATH + "/{name}", get),
    Endpoint("PATCH", _PATH + "/{name}", update),
    Endpoint("DELETE", _PATH + "/{name}", delete),
)
