"""Volumes of Unity Catalog, each a folder of this machine."""

from __future__ import annotations

import shutil
import uuid
from typing import Any

from tests.emulator.databricks.refusals import invalid
from tests.emulator.databricks.securables import (
    CATALOG,
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

_CHANGEABLE = ("comment", "owner")


def create(ask: Ask) -> dict[str, Any]:
    """Create a volume."""
    name = check_name(ask.required("name"), "CreateVolume VolumeInfo")
    catalog = str(ask.required("catalog_name")).lower()
    schema = f"{catalog}.{str(ask.required('schema_name')).lower()}"
    kind = ask.required("volume_type")
    require(ask, CATALOG, catalog)
    require(ask, SCHEMA, schema)
    allow(ask, "CREATE_VOLUME", SCHEMA, schema)
    if kind not in ("MANAGED", "EXTERNAL"):
        raise invalid(f"volume_type '{kind}' is neither MANAGED nor EXTERNAL.")
    if (kind == "EXTERNAL") != bool(ask.body.get("storage_location")):
        raise invalid("An EXTERNAL volume needs storage_location, and a MANAGED one takes none.")
    full_name = f"{schema}.{name}"
    if ask.store.get(VOLUME, full_name):
        raise there_already(VOLUME, full_name)
    number = str(uuid.uuid4())
    managed = f"abfss://metastore@lake.dfs.core.azure.test/volumes/{number}"
    made = {
        **changes(ask, _CHANGEABLE),
        "name": name,
        "catalog_name": catalog,
        "schema_name": schema.rpartition(".")[2],
        "full_name": full_name,
        "volume_id": number,
        "volume_type": kind,
        "storage_location": ask.body.get("storage_location") or managed,
    }
    _folder(ask, full_name).mkdir(parents=True, exist_ok=True)
    return ask.store.put(VOLUME, full_name, stamped(ask, made))


def get(ask: Ask) -> dict[str, Any]:
    """Give a volume."""
    name = ask.arguments["name"].lower()
    found = require(ask, VOLUME, name)
    allow(ask, "READ_VOLUME", VOLUME, name)
    return found


def list_all(ask: Ask) -> dict[str, Any]:
    """List the volumes of a schema."""
    schema = f"{ask.asked('catalog_name')}.{ask.asked('schema_name')}".lower()
    require(ask, SCHEMA, schema)
    found = [
        volume
        for volume in ask.store.all(VOLUME)
        if volume["full_name"].rpartition(".")[0] == schema
        and has_privilege(ask.store, ask.user, "READ_VOLUME", VOLUME, volume["full_name"])
    ]
    return paged(ask, "volumes", found, 10000)


def update(ask: Ask) -> dict[str, Any]:
    """Change a volume."""
    name = ask.arguments["name"].lower()
    found = require(ask, VOLUME, name)
    own(ask, VOLUME, name)
    changed = stamped(ask, found | changes(ask, _CHANGEABLE), changed=True)
    return ask.store.put(VOLUME, name, changed)


def delete(ask: Ask) -> dict[str, Any]:
    """Delete a volume with its files."""
    name = ask.arguments["name"].lower()
    require(ask, VOLUME, name)
    own(ask, VOLUME, name)
    remove_volume(ask, name)
    return {}


def remove_volume(ask: Ask, name: str) -> None:
    """Remove a volume and its files."""
    shutil.rmtree(_folder(ask, name), ignore_errors=True)
    ask.store.delete(VOLUME, name)


def _folder(ask: Ask, full_name: str) -> Any:
    files = ask.databricks.files(ask.store.workspace)
    return files.joinpath("Volumes", *full_name.split("."))


_PATH = "/api/2.1/unity-catalog/volumes"
ENDPOINTS = (
    Endpoint("POST", _PATH, create),
    Endpoint("GET", _PATH, list_all),
    Endpoint("GET", _PATH + "/{name}", get),
    Endpoint("PATCH", _PATH + "/{name}", update),
    Endpoint("DELETE", _PATH + "/{name}", delete),
)
