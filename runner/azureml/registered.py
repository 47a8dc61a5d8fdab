"""Finds and lists the models and data assets of a workspace.

A version that the runner registered from files has the hash of their content as a tag. Others have
none, and are shown and downloaded like any.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from runner.assets.kinds import ASSET_KINDS, AssetKind
from runner.azureml.origins import read_note
from runner.azureml.versions import (
    HASH,
    Version,
    archived,
    created_at,
    latest_version,
    list_versions,
)
from runner.remote.assets import find_asset, list_assets
from runner.workspace import Asset

if TYPE_CHECKING:
    from runner.azureml.connection import Connection


def find(connection: Connection, kind: AssetKind, reference: str) -> Asset:
    """Return the version that a reference means, as `find_asset`. Raises WrongUsage, NotFound."""

    def get(name: str, version: str | None) -> Asset | None:
        if version is None:
            return _latest(connection, kind, name)
        found = connection.arm.find(ASSET_KINDS[kind].segment, name, "versions", version)
        return asset_record(kind, name, found) if found is not None else None

    def versions(name: str) -> list[str]:
        return [asset.version for asset in listing(connection, kind, name)]

    return find_asset(kind, reference, get, versions)


def listing(connection: Connection, kind: AssetKind, name: str | None = None) -> list[Asset]:
    """Return all versions of a name, newest first, or the latest version of every name.

    Raises NotFound for an unknown name.
    """

    def versions(name: str) -> list[Asset]:
        found = list_versions(connection, ASSET_KINDS[kind].segment, name)
        return [asset_record(kind, name, version) for version in found if not archived(version)]

    return list_assets(
        kind,
        name,
        names=partial(_names, connection, kind),
        versions=versions,
        latest=partial(_latest, connection, kind),
    )


def asset_record(kind: AssetKind, name: str, version: Version) -> Asset:
    """Return the record of a version from its resource."""
    facts, properties = ASSET_KINDS[kind], version["properties"]
    tags = dict(properties.get("tags") or {})
    path = str(properties.get(facts.uri_key) or "")
    noted = read_note(properties.get("properties") or {})
    return Asset(
        kind=kind,
        name=name,
        version=version["name"],
        type=str(properties.get(facts.type_key) or ""),
        content_hash=tags.pop(HASH, ""),
        path=path,
        base_name=path.rstrip("/").rpartition("/")[2],
        created_at=created_at(version),
        description=properties.get("description") or "",
        tags=tags,
        job=properties.get("jobName") or noted.job,
        origin=noted.origin,
        properties=noted.properties,
        stage=properties.get("stage") or None,
    )


def _latest(connection: Connection, kind: AssetKind, name: str) -> Asset | None:
    found = latest_version(connection, ASSET_KINDS[kind].segment, name)
    return asset_record(kind, name, found) if found else None


def _names(connection: Connection, kind: AssetKind) -> list[str]:
    return sorted(asset["name"] for asset in connection.arm.pages(ASSET_KINDS[kind].segment))
