"""Lists and adds versions of models, data, code and environments in Resource Manager."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from runner.assets.rules import next_version
from runner.azure.errors import Missing, ServiceError

if TYPE_CHECKING:
    from runner.azureml.connection import Connection

HASH = "content_hash"  # the tag of a version that holds it
Version = Mapping[str, Any]  # a version's resource

_TRIES = 20  # for others may take the next number again and again
_TAKEN = (400, 409, 412)  # the answers where a version came up meanwhile


def list_versions(connection: Connection, segment: str, name: str) -> list[Version]:
    """Return every version of a name, newest first, with the archived ones."""
    try:
        found = list(
            connection.arm.pages(segment, name, "versions", params={"listViewType": "All"})
        )
    except Missing:
        return []
    return sorted(found, key=created_at, reverse=True)


def latest_version(connection: Connection, segment: str, name: str) -> Version | None:
    """Return the version that was created last."""
    params = {"$orderBy": "createdtime desc", "$top": "1"}
    try:
        return next(connection.arm.pages(segment, name, "versions", params=params), None)
    except Missing:
        return None


def put_version(
    connection: Connection, segment: str, name: str, version: str, properties: Mapping[str, Any]
) -> Version:
    """Create a version, or replace it."""
    body = {"properties": dict(properties)}
    written: Version = connection.arm.put(segment, name, "versions", version, body=body)
    return written


def add_version(
    connection: Connection,
    segment: str,
    name: str,
    versions: list[Version],
    same: Callable[[list[Version]], Version | None],
    put: Callable[[str], Version],
    wanted: str | None = None,
) -> Version:
    """Add a version, under the next number unless one is wanted; `put` writes it.

    Where somebody else takes the number first, `same` finds an equal version among all, or raises;
    where there is none, the next number is tried.
    """
    for tries_left in reversed(range(_TRIES)):
        version = wanted or next_version([known["name"] for known in versions])
        try:
            return put(version)
        except ServiceError as error:
            if error.status not in _TAKEN:
                raise
            versions = list_versions(connection, segment, name)
            found = same(versions)
            if found is not None:
                return found
            if not tries_left or version not in [known["name"] for known in versions]:
                raise
    raise AssertionError("the last try returns or raises")


def created_at(version: Version) -> str:
    """Return the time of creation, ISO 8601 in UTC; empty where the service does not tell."""
    return str((version.get("systemData") or {}).get("createdAt") or "")


def archived(version: Version) -> bool:
    return bool(version["properties"].get("isArchived"))
