"""The models that an environment has in Unity Catalog, by name and version.

The content's hash and the rest of a version's record are kept as its tags. Versions that others
registered lack them, and are shown and fetched all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from runner.assets.rules import unknown_name
from runner.azure.errors import Missing
from runner.databricks.notes import read_note
from runner.remote.assets import find_asset, list_assets
from runner.workspace import Asset

if TYPE_CHECKING:
    from runner.databricks.connection import Connection

Version = Mapping[str, Any]  # as MLflow's interface to Unity Catalog has it, with its tags

TYPE = "mlflow_model"  # the only one there is
_KIND: Literal["model"] = "model"
_READY = "READY"
_AT_ONCE = 8  # versions that are asked for


def find(connection: Connection, reference: str) -> Asset:
    """Return the version that a reference means, as `find_asset`. Raises WrongUsage, NotFound."""

    def get(name: str, version: str | None) -> Asset | None:
        if version is None:
            return _latest(connection, name)
        found = find_version(connection, name, version) if version.isdecimal() else None
        return asset_record(name, found) if found is not None and is_ready(found) else None

    def versions(name: str) -> list[str]:
        numbers = _ready_numbers(connection, name)
        if not numbers:
            raise unknown_name(_KIND, name, _names(connection))
        return numbers

    return find_asset(_KIND, reference, get, versions)


def listing(connection: Connection, name: str | None = None) -> list[Asset]:
    """Return all versions of a name, newest first, or the latest version of every name.

    Raises NotFound for an unknown name.
    """

    def versions(name: str) -> list[Asset]:
        return [asset_record(name, version) for version in ready_versions(connection, name)]

    return list_assets(
        _KIND,
        name,
        names=partial(_names, connection),
        versions=versions,
        latest=partial(_latest, connection),
    )


def ready_versions(connection: Connection, name: str) -> Iterator[Version]:
    """Yield every version of a name that can be used, newest first, asked for as it is needed."""
    numbers = _ready_numbers(connection, name)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for start in range(0, len(numbers), _AT_ONCE):
            asked = numbers[start : start + _AT_ONCE]
            found = pool.map(partial(find_version, connection, name), asked)
            yield from (version for version in found if version is not None)


def find_version(connection: Connection, name: str, number: str) -> Version | None:
    """Return a version with its tags; None where there is none."""
    params = {"name": connection.outputs.model_name(name), "version": number}
    try:
        found = connection.api.get(
            "2.0", "mlflow", "unity-catalog", "model-versions", "get", params=params
        )
    except Missing:
        return None
    version: Version = found["model_version"]
    return version


def all_versions(connection: Connection, name: str) -> list[Mapping[str, Any]]:
    """List every version of a name, finished or not, without tags; none of an unknown name."""
    path = ("2.1", "unity-catalog", "models", connection.outputs.model_name(name), "versions")
    try:
        return list(connection.api.listing(*path, key="model_versions"))
    except Missing:
        return []


def is_ready(version: Mapping[str, Any]) -> bool:
    """Tell whether a version is registered, with all its files."""
    return bool(version.get("status", _READY) == _READY)


def tags_of_version(version: Version) -> dict[str, str]:
    return {str(tag["key"]): str(tag.get("value") or "") for tag in version.get("tags") or ()}


def asset_record(name: str, version: Version) -> Asset:
    """Return the record of a version."""
    note = read_note(tags_of_version(version))
    aliases = sorted(str(alias["alias"]) for alias in version.get("aliases") or ())
    source = str(version.get("source") or "")
    return Asset(
        kind=_KIND,
        name=name,
        version=str(version["version"]),
        type=TYPE,
        content_hash=note.content_hash,
        path=f"models:/{version['name']}/{version['version']}",
        base_name=note.base_name or source.rstrip("/").rpartition("/")[2],
        created_at=_time(version.get("creation_timestamp")),
        description=str(version.get("description") or ""),
        tags=note.tags,
        job=note.job,
        origin=note.origin,
        properties=note.properties,
        stage=", ".join(aliases) or note.stage,  # Unity Catalog has aliases in place of stages
    )


def _latest(connection: Connection, name: str) -> Asset | None:
    numbers = _ready_numbers(connection, name)
    version = find_version(connection, name, numbers[0]) if numbers else None
    return asset_record(name, version) if version else None


def _ready_numbers(connection: Connection, name: str) -> list[str]:
    """List the numbers of the versions that can be used, newest first."""
    ready = filter(is_ready, all_versions(connection, name))
    numbers = sorted((int(version["version"]) for version in ready), reverse=True)
    return [str(number) for number in numbers]


def _names(connection: Connection) -> list[str]:
    outputs = connection.outputs
    params = {"catalog_name": outputs.catalog, "schema_name": outputs.schema}
    found = connection.api.listing(
        "2.1", "unity-catalog", "models", key="registered_models", params=params
    )
    return sorted(str(model["name"]) for model in found)


def _time(milliseconds: object) -> str:
    """Return a time as ISO 8601 in UTC; empty where the service does not say it."""
    if not isinstance(milliseconds, int | str) or not str(milliseconds).isdecimal():
        return ""
    moment = datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds")
