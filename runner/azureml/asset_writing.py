"""Writes versions of models and data, from keys as the YAML of `az ml` has them.

The commands that register let azure-ai-ml write the request. A version that is registered for
something else, as a job's input or a copied model, is written without it, as its import takes
longer than all the rest. Both write the same, which a test checks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from runner.assets.kinds import ASSET_KINDS, AssetKind
from runner.azureml.versions import Version, put_version

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from runner.azureml.connection import Connection

# Takes the connection, the kind, the name, the version and its keys.
Write = Callable[["Connection", AssetKind, str, str, Mapping[str, Any]], Version]


def write_version(
    connection: Connection, kind: AssetKind, name: str, version: str, keys: Mapping[str, Any]
) -> Version:
    """Write a version without azure-ai-ml."""
    return put_version(
        connection, ASSET_KINDS[kind].segment, name, version, wire_properties(kind, keys)
    )


def write_version_by_sdk(
    connection: Connection, kind: AssetKind, name: str, version: str, keys: Mapping[str, Any]
) -> Version:
    """Write a version by azure-ai-ml. Raises WrongUsage for a key that it does not take."""
    from io import StringIO

    from runner.azureml.sdk import create, import_sdk, translated_sdk_errors

    what = f"register {ASSET_KINDS[kind].noun} {name}:{version}"
    # JSON is YAML, and a text stays a text in it.
    given = {key: value for key, value in _given(keys).items() if key != "referenced_uris"}
    declared = StringIO(json.dumps({"name": name, "version": version, **given}))
    import_sdk()
    with translated_sdk_errors(what):
        from azure.ai.ml import load_data, load_model

        entity: Any = load_model(declared) if kind == "model" else load_data(declared)
        entity.properties.update(keys["properties"])  # which load_data drops
        if "referenced_uris" in keys:  # which it reads from files of this machine only
            entity._referenced_uris = keys["referenced_uris"]

    def call(client: MLClient) -> object:
        operations: Any = client.models if kind == "model" else client.data
        return operations.create_or_update(entity)

    path = (ASSET_KINDS[kind].segment, name, "versions", version)
    written: Version = create(connection, path, call, what=what).json()
    return written


def wire_properties(kind: AssetKind, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return a version's keys as Resource Manager takes them."""
    facts, given = ASSET_KINDS[kind], _given(keys)
    wire: dict[str, Any] = {
        facts.type_key: given.pop("type"),
        facts.uri_key: given.pop("path"),
        "isAnonymous": False,
        "isArchived": False,
    }
    if "referenced_uris" in given:
        wire["referencedUris"] = given.pop("referenced_uris")
    if "flavors" in given:
        wire["flavors"] = {name: {"data": data} for name, data in given.pop("flavors").items()}
    if "auto_delete_setting" in given:
        setting = {"condition": "created_greater_than", **given.pop("auto_delete_setting")}
        # Azure's own spelling begins with a capital; azure-ai-ml's does not, and Azure takes both.
        first, *others = str(setting["condition"]).lower().split("_")
        setting["condition"] = first + "".join(part.capitalize() for part in others)
        wire["autoDeleteSetting"] = setting
    return wire | given


def _given(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if value}
