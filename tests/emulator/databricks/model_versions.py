"""Versions and aliases of registered models, as Unity Catalog's interface has them (api/2.1)."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

import yaml

from tests.emulator.databricks.models import (
    VERSION,
    change_model,
    readable,
    told_aliases,
)
from tests.emulator.databricks.refusals import Refused, invalid, missing, wrong_state
from tests.emulator.databricks.securables import MODEL, changes, own, require, stamped
from tests.emulator.databricks.service import Ask, Endpoint, paged
from tests.emulator.databricks.store import Document, Store

PENDING, READY, FAILED = "PENDING_REGISTRATION", "READY", "FAILED_REGISTRATION"


def create_version(ask: Ask, full_name: str, fields: Document) -> Document:
    """Begin a version of a model: its files come next, then `finalize_version`."""
    model = require(ask, MODEL, full_name.lower())
    own(ask, MODEL, model["full_name"])
    number = model["last_version"] + 1
    ask.store.put(MODEL, model["full_name"], model | {"last_version": number})
    made = stamped(
        ask,
        {
            **fields,
            "id": str(uuid.uuid4()),
            "full_name": model["full_name"],
            "model_name": model["name"],
            "catalog_name": model["catalog_name"],
            "schema_name": model["schema_name"],
            "version": number,
            "status": PENDING,
            "storage_location": f"{model['storage_location']}/versions/{uuid.uuid4()}",
        },
    )
    return ask.store.put(VERSION, _key(model["full_name"], number), made)


def finalize_version(ask: Ask, full_name: str, number: str) -> Document:
    """End the registration of a version whose files are there. Raises `Refusal`."""
    version = _require(ask.store, full_name, number)
    own(ask, MODEL, version["full_name"])
    if version["status"] != PENDING:
        raise wrong_state(f"Model version {number} of '{full_name}' is {version['status']}.")
    described = version_files(ask, version) / "MLmodel"
    if not described.is_file():
        raise invalid(f"Model version {number} of '{full_name}' has no file MLmodel.")
    signature = (yaml.safe_load(described.read_text()) or {}).get("signature") or {}
    if not signature.get("inputs") or not signature.get("outputs"):
        raise invalid(
            "Model passed for registration contained a signature that includes only inputs, or"
            " none at all. All models in the Unity Catalog must be logged with a model signature"
            " containing both input and output type specifications."
        )
    return change_version(ask, full_name, number, {"status": READY})


def readable_version(ask: Ask, full_name: str, number: str) -> Document:
    """Find a version that the caller may use. Raises `Refusal`."""
    model = readable(ask, full_name)
    return _require(ask.store, model["full_name"], number)


def versions_of(store: Store, full_name: str) -> list[Document]:
    """List a model's versions, the oldest first."""
    return [version for version in store.all(VERSION) if version["full_name"] == full_name.lower()]


def change_version(ask: Ask, full_name: str, number: str, fields: Document) -> Document:
    """Write some fields of a version anew. Raises `Refusal`."""
    version = _require(ask.store, full_name, number)
    own(ask, MODEL, version["full_name"])
    changed = stamped(ask, version | fields, changed=True)
    return ask.store.put(VERSION, _key(full_name, version["version"]), changed)


def delete_version(ask: Ask, full_name: str, number: str) -> None:
    """Delete a version with its files and the aliases that name it. Raises `Refusal`."""
    version = _require(ask.store, full_name, number)
    own(ask, MODEL, version["full_name"])
    model = require(ask, MODEL, version["full_name"])
    kept = {alias: of for alias, of in model["aliases"].items() if of != version["version"]}
    ask.store.put(MODEL, model["full_name"], model | {"aliases": kept})
    shutil.rmtree(version_files(ask, version), ignore_errors=True)
    ask.store.delete(VERSION, _key(full_name, version["version"]))


def name_alias(ask: Ask, full_name: str, alias: str, number: str) -> Document:
    """Let an alias stand for a version. Raises `Refusal`."""
    version = _require(ask.store, full_name, number)
    model = require(ask, MODEL, version["full_name"])
    aliases = model["aliases"] | {alias: version["version"]}
    return change_model(ask, model["full_name"], {"aliases": aliases})


def drop_alias(ask: Ask, full_name: str, alias: str) -> None:
    """Let an alias stand for nothing. Raises `Refusal`."""
    model = require(ask, MODEL, full_name.lower())
    kept = {name: of for name, of in model["aliases"].items() if name != alias}
    change_model(ask, model["full_name"], {"aliases": kept})


def version_by_alias(ask: Ask, full_name: str, alias: str) -> Document:
    """Find the version that an alias stands for. Raises `Refusal`."""
    model = readable(ask, full_name)
    if alias not in model["aliases"]:
        raise Refused(
            404,
            "RESOURCE_DOES_NOT_EXIST",
            f"Alias '{alias}' does not exist for Registered Model '{model['full_name']}'.",
        )
    return _require(ask.store, model["full_name"], str(model["aliases"][alias]))


def version_files(ask: Ask, version: Document) -> Path:
    """Return the folder of this machine that has a version's files."""
    files = ask.databricks.files(ask.store.workspace)
    parts = (*version["full_name"].split("."), str(version["version"]))
    return files.joinpath("Models", *parts)


def find_version(store: Store, full_name: str, number: str) -> Document | None:
    """Find a version."""
    return store.get(VERSION, _key(full_name, number))


def _require(store: Store, full_name: str, number: str) -> Document:
    found = find_version(store, full_name, number)
    if found is None:
        raise missing(f"Model Version '{number}' of '{full_name}' does not exist.")
    return found


def _key(full_name: str, number: int | str) -> str:
    return f"{full_name.lower()}/{number}"


def _told(ask: Ask, version: Document) -> dict[str, Any]:
    hidden = ("full_name", "tags", "model_id", "owner")
    told = {name: value for name, value in version.items() if name not in hidden and value}
    if ask.query.get("include_aliases") == "true":
        model = require(ask, MODEL, version["full_name"])
        aliases = [
            alias for alias in told_aliases(model) if alias["version_num"] == version["version"]
        ]
        told["aliases"] = aliases
    return told


def get(ask: Ask) -> dict[str, Any]:
    """Give a version."""
    found = readable_version(ask, ask.arguments["name"], ask.arguments["version"])
    return _told(ask, found)


def list_all(ask: Ask) -> dict[str, Any]:
    """List a model's versions."""
    model = readable(ask, ask.arguments["name"])
    found = [_told(ask, version) for version in versions_of(ask.store, model["full_name"])]
    return paged(ask, "model_versions", found)


def update(ask: Ask) -> dict[str, Any]:
    """Change a version."""
    name, number = ask.arguments["name"], ask.arguments["version"]
    return _told(ask, change_version(ask, name, number, changes(ask, ("comment",))))


def delete(ask: Ask) -> dict[str, Any]:
    """Delete a version."""
    delete_version(ask, ask.arguments["name"], ask.arguments["version"])
    return {}


def get_by_alias(ask: Ask) -> dict[str, Any]:
    """Give the version that an alias stands for."""
    return _told(ask, version_by_alias(ask, ask.arguments["name"], ask.arguments["alias"]))


def set_alias(ask: Ask) -> dict[str, Any]:
    """Let an alias stand for a version."""
    name, alias = ask.arguments["name"], ask.arguments["alias"]
    model = name_alias(ask, name, alias, str(ask.required("version_num")))
    return next(told for told in told_aliases(model) if told["alias_name"] == alias)


def delete_alias(ask: Ask) -> dict[str, Any]:
    """Let an alias stand for nothing."""
    drop_alias(ask, ask.arguments["name"], ask.arguments["alias"])
    return {}


_PATH = "/api/2.1/unity-catalog/models/{name}"
ENDPOINTS = (
    Endpoint("GET", _PATH + "/versions", list_all),
    Endpoint("GET", _PATH + "/versions/{version}", get),
    Endpoint("PATCH", _PATH + "/versions/{version}", update),
    Endpoint("DELETE", _PATH + "/versions/{version}", delete),
    Endpoint("GET", _PATH + "/aliases/{alias}", get_by_alias),
    Endpoint("PUT", _PATH + "/aliases/{alias}", set_alias),
    Endpoint("DELETE", _PATH + "/aliases/{alias}", delete_alias),
)
