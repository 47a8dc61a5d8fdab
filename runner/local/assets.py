"""Models and data assets of the local workspace, by name and version."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from runner.asset_kinds import ASSET_KINDS, AssetKind
from runner.asset_rules import (
    check_copy,
    check_registration,
    next_version,
    parse_asset,
    taken_version,
    unknown_name,
    unknown_version,
)
from runner.content import Content
from runner.errors import EnvironmentRefused, WrongUsage
from runner.job_address import JobOutput, is_job_address, parse_job_address
from runner.local.database import decode, encode, opened, transaction
from runner.local.files import checkout, store, store_content
from runner.local.job_records import select_job
from runner.local.jobs import find_output
from runner.workspace import Asset, Registration, Transfer


def register(
    home: Path,
    kind: AssetKind,
    registration: Registration,
    tell: Callable[[Transfer], None] = lambda _: None,
) -> Asset:
    """Store a file or folder as a version of a model or data asset.

    Of a folder that a job wrote all is stored, as on Azure, where it is not sent.

    Content that is registered under this name and type already gives that version back, the
    newest where there are several; its description and tags become the ones given, if any.
    Otherwise the version is the one asked for, or the next whole number. Raises `WrongUsage` for
    a registration that makes no sense, `EnvironmentRefused` where the version asked for has other
    content, and `NotFound` for an unknown job.
    """
    if registration.type in ASSET_KINDS[kind].azure_only:
        raise WrongUsage(
            f"{registration.name!r} is of type {registration.type}, which only Azure reads:"
            " register its files as uri_folder"
        )
    made = not isinstance(registration.path, Path)  # by a job, at whose address it is
    path = _found(home, registration.path)
    type_ = registration.type or ASSET_KINDS[kind].guess_type(path)
    registration = replace(registration, path=path, type=type_)
    check_registration(kind, registration)
    with opened(home) as connection:
        whole = made or registration.job is not None
        content_hash = store(home, path, registration.names, whole=whole, tell=tell).hash
        return _record(home, connection, kind, registration, path.absolute().name, content_hash)


def _found(home: Path, path: Path | str) -> Path:
    """The file or folder that a path or an address means on this machine.

    Raises EnvironmentRefused for what lies elsewhere, and as `find_output`.
    """
    if isinstance(path, Path):
        return path
    if is_job_address(path) and isinstance(address := parse_job_address(path), JobOutput):
        return find_output(home, address.job, address.output) / address.path
    raise EnvironmentRefused(f"{path} is not on this machine; fetch it and name the copy")


def receive(home: Path, asset: Asset, content: Content) -> Asset:
    """Register a copy of another workspace's asset; content that is there already is not read.

    Raises `EnvironmentRefused` where the content is not the asset's.
    """
    registration = Registration(
        asset.name,
        Path(asset.base_name),
        asset.type,
        description=asset.description,
        tags=asset.tags,
    )
    with opened(home) as connection:
        version = _same(connection, asset.kind, registration, asset.content_hash)
        if version is not None:
            return _asset(home, _row(connection, asset.kind, asset.name, version))
        content_hash = store_content(home, content).hash
        check_copy(asset, content_hash)
        return _record(home, connection, asset.kind, registration, asset.base_name, content_hash)


def find(home: Path, kind: AssetKind, reference: str) -> Asset:
    """Return the version that `azureml:name:version` or `azureml:name@latest` means.

    The prefix can be left out, and a name alone means its latest version: the one that was
    created last, as on Azure. Raises `WrongUsage` for what is no reference, `NotFound`, and
    `EnvironmentRefused` where the workspace has lost the content.
    """
    wanted = parse_asset(kind, reference)
    rows = _versions(home, kind, wanted.name)
    for row in rows:
        if wanted.version in (None, row["version"]):
            return _asset(home, row)
    versions = [row["version"] for row in rows]
    raise unknown_version(kind, wanted.name, wanted.version, versions)


def listing(home: Path, kind: AssetKind, name: str | None = None) -> list[Asset]:
    """Return all versions of a name, newest first, or the latest version of every name.

    Raises `NotFound` for an unknown name.
    """
    if name is not None:
        return [_asset(home, row) for row in _versions(home, kind, name)]
    with opened(home) as connection:
        rows = connection.execute(
            """
            SELECT * FROM assets WHERE sequence IN
                (SELECT MAX(sequence) FROM assets WHERE kind = ? GROUP BY name)
            ORDER BY name
            """,
            [kind],
        ).fetchall()
    return [_asset(home, row) for row in rows]


def _versions(home: Path, kind: AssetKind, name: str) -> list[sqlite3.Row]:
    """Return a name's rows, newest first. Raises `NotFound` where there are none."""
    with opened(home) as connection:
        rows = connection.execute(
            "SELECT * FROM assets WHERE kind = ? AND name = ? ORDER BY sequence DESC",
            [kind, encode(name)],
        ).fetchall()
        if not rows:
            known = connection.execute("SELECT name FROM assets WHERE kind = ?", [kind])
            raise unknown_name(kind, name, [row["name"] for row in known])
    return rows


def _same(
    connection: sqlite3.Connection, kind: AssetKind, registration: Registration, content_hash: str
) -> str | None:
    """Return the newest version with this content; only the one asked for, where one is."""
    rows = connection.execute(
        """
        SELECT version, type, content_hash FROM assets
        WHERE kind = ? AND name = ? ORDER BY sequence DESC
        """,
        [kind, registration.name],
    ).fetchall()
    for row in rows:
        same = (row["type"], row["content_hash"]) == (registration.type, content_hash)
        if same and registration.version in (None, row["version"]):
            return cast(str, row["version"])
        if row["version"] == registration.version:
            other = "content" if row["content_hash"] != content_hash else f"type, {row['type']}"
            raise taken_version(kind, registration.name, row["version"], other)
    return None


def _record(
    home: Path,
    connection: sqlite3.Connection,
    kind: AssetKind,
    registration: Registration,
    base_name: str,
    content_hash: str,
) -> Asset:
    with transaction(connection):
        version = _same(connection, kind, registration, content_hash)
        if version is None:
            version = _insert(connection, kind, registration, base_name, content_hash)
        else:
            _amend(connection, kind, registration, version)
        return _asset(home, _row(connection, kind, registration.name, version))


def _row(connection: sqlite3.Connection, kind: AssetKind, name: str, version: str) -> sqlite3.Row:
    row: sqlite3.Row = connection.execute(
        "SELECT * FROM assets WHERE kind = ? AND name = ? AND version = ?", [kind, name, version]
    ).fetchone()
    return row


def _insert(
    connection: sqlite3.Connection,
    kind: AssetKind,
    registration: Registration,
    base_name: str,
    content_hash: str,
) -> str:
    """Add a version and return it."""
    if registration.job is not None:
        select_job(connection, registration.job)
    version = registration.version or _next_version(connection, kind, registration.name)
    connection.execute(
        """
        INSERT INTO assets
            (kind, name, version, type, content_hash, base_name, created_at, description, tags,
             job)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
            kind,
            registration.name,
            version,
            registration.type,
            content_hash,
            encode(base_name),
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            encode(registration.description),
            json.dumps(dict(registration.tags)),
            registration.job,
        ],
    )
    return version


def _next_version(connection: sqlite3.Connection, kind: AssetKind, name: str) -> str:
    rows = connection.execute(
        "SELECT version FROM assets WHERE kind = ? AND name = ?", [kind, name]
    )
    return next_version([row[0] for row in rows])


def _amend(
    connection: sqlite3.Connection, kind: AssetKind, registration: Registration, version: str
) -> None:
    """Give a version the description and tags of a later registration of the same content."""
    key = [kind, registration.name, version]
    if registration.description:
        connection.execute(
            "UPDATE assets SET description = ? WHERE kind = ? AND name = ? AND version = ?",
            [encode(registration.description), *key],
        )
    if registration.tags:
        connection.execute(
            "UPDATE assets SET tags = ? WHERE kind = ? AND name = ? AND version = ?",
            [json.dumps(dict(registration.tags)), *key],
        )


def _asset(home: Path, row: sqlite3.Row) -> Asset:
    return Asset(
        kind=row["kind"],
        name=row["name"],
        version=row["version"],
        type=row["type"],
        content_hash=row["content_hash"],
        path=str(checkout(home, row["content_hash"])),
        base_name=decode(row["base_name"]) or "",
        created_at=row["created_at"],
        description=decode(row["description"]) or "",
        tags=json.loads(row["tags"]),
        job=row["job"],
    )
