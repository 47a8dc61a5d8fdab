"""Finds and lists the models and data assets of a workspace.

A version that the runner registered from files has the hash of their content as a tag. Others have
none, and are shown and downloaded like any.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from runner.assets.kinds import ASSET_KINDS, AssetKind
from runner.assets.rules import parse_asset, unknown_name, unknown_version
from runner.azureml.origins import read_note
from runner.azureml.versions import (
    HASH,
    Version,
    archived,
    created_at,
    latest_version,
    list_versions,
)
from runner.workspace import Asset

if TYPE_CHECKING:
    from runner.azureml.connection import Connection

_ASKED = 8  # names whose latest version is asked for at once


def find(connection: Connection, kind: AssetKind, reference: str) -> Asset:
    """Return the version that `azureml:name:version` or `azureml:name@latest` means.

    The prefix can be left out, and a name alone means its latest version. Raises WrongUsage for
    what is no reference, and NotFound.
    """
    wanted = parse_asset(kind, reference)
    segment = ASSET_KINDS[kind].segment
    if wanted.version is None:
        found = latest_version(connection, segment, wanted.name)
    else:
        found = connection.arm.find(segment, wanted.name, "versions", wanted.version)
    if found is not None:
        return asset_record(kind, wanted.name, found)
    versions = [asset.version for asset in listing(connection, kind, wanted.name)]
    raise unknown_version(kind, wanted.name, wanted.version, versions)


def listing(connection: Connection, kind: AssetKind, name: str | None = None) -> list[Asset]:
    """Return all versions of a name, newest first, or the latest version of every name.

    Raises NotFound for an unknown name.
    """
    segment = ASSET_KINDS[kind].segment
    if name is not None:
        found = list_versions(connection, segment, name)
        versions = [version for version in found if not archived(version)]
        if not versions:
            raise unknown_name(kind, name, _names(connection, kind))
        return [asset_record(kind, name, version) for version in versions]
    names = _names(connection, kind)
    with ThreadPoolExecutor(_ASKED) as pool:
        latest = list(pool.map(lambda name: latest_version(connection, segment, name), names))
    return [
        asset_record(kind, name, version)
        for name, version in zip(names, latest, strict=True)
        if version
    ]


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


def _names(connection: Connection, kind: AssetKind) -> list[str]:
    return sorted(asset["name"] for asset in connection.arm.pages(ASSET_KINDS[kind].segment))
