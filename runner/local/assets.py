"""Models and data assets of the local workspace, by name and version."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from runner.assets.content import Content
from runner.assets.kinds import ASSET_KINDS, AssetKind
from runner.assets.rules import (
    check_copy,
    check_registration,
    next_version,
    parse_asset,
    taken_version,
    unknown_name,
    unknown_version,
)
from runner.errors import NotFound, WrongUsage
from runner.local.addresses import Found, find_files
from runner.local.database import decode, encode, opened, transaction
from runner.local.files import checkout, store, store_content
from runner.local.job_records import select_job
from runner.workspace import Asset, OnProgress, Origin, Registration


def register(
    home: Path,
    kind: AssetKind,
    registration: Registration,
    on_progress: OnProgress = lambda _: None,
    project: str | None = None,
) -> Asset:
    """Store a file or folder as a version of a model or data asset.

    `project` registers it; see `find`. A folder that a job wrote is stored without regard to its
    ignore file, as on Azure.

    Content that is registered under this name and type already gives that version back, the
    newest if there are several. A description and the like then replace that version's; the job
    that it came from stays. Otherwise the version is the one asked for, or
    the next whole number. Raises `WrongUsage` for a registration that makes no sense,
    `EnvironmentRefused` where the version asked for has other content, `NotFound` for an unknown
    job, and as `find_files` for an address.
    """
    if registration.type in ASSET_KINDS[kind].azure_only:
        raise WrongUsage(
            f"{registration.name!r} is of type {registration.type}, which only Azure reads:"
            " register its files as uri_folder"
        )
    found = _find_files(home, registration)
    registration = replace(
        registration,
        type=registration.type or ASSET_KINDS[kind].guess_type(found.path),
        job=registration.job or found.job,
    )
    check_registration(kind, registration, found.path)
    origin = _find_origin(home, registration.job, found.run)
    by_job = not isinstance(registration.path, Path) or registration.job is not None
    with opened(home) as connection:
        content_hash = store(
            home, found.path, registration.names, all_files=by_job, on_progress=on_progress
        ).hash
        stored = _Stored(kind, registration, found.base_name, content_hash, origin, project)
        return _record(home, connection, stored)


def unused_keys(registration: Registration) -> list[str]:
    """Return the keys of a declaration that have no effect on this machine."""
    return sorted(registration.more.keys() - {"stage"})


def without_unused_keys(registration: Registration) -> Registration:
    unused = unused_keys(registration)
    more = {key: value for key, value in registration.more.items() if key not in unused}
    return replace(registration, more=more)


def _find_files(home: Path, registration: Registration) -> Found:
    """Find the files to register. Raises NotFound for an unknown job, and as `find_files`."""
    path, job = registration.path, registration.job
    if job is not None:
        with opened(home) as connection:
            select_job(connection, job)
    if isinstance(path, Path):
        return Found(path, path.absolute().name)
    return find_files(home, path)


def _find_origin(home: Path, job: str | None, run: str | None) -> Origin | None:
    """Return what is known of the run that made an asset; None, with no import, if none did."""
    if job is None and run is None:
        return None
    from runner.local.tracking.origins import find_origin

    return find_origin(home, job, run)


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
        properties=asset.properties,
        more={"stage": asset.stage} if asset.stage else {},
    )
    with opened(home) as connection:
        version = _same(connection, asset.kind, registration, asset.content_hash)
        if version is not None:
            return _asset(home, _row(connection, asset.kind, asset.name, version))
        content_hash = store_content(home, content).hash
        check_copy(asset, content_hash)
        stored = _Stored(asset.kind, registration, asset.base_name, content_hash, asset.origin)
        return _record(home, connection, stored)


def find(
    home: Path,
    kind: AssetKind,
    reference: str,
    project: str | None = None,
    declares: Callable[[str], bool] = lambda _: False,
) -> Asset:
    """Return the version that `azureml:name:version` or `azureml:name@latest` means.

    The prefix can be left out, and a name alone means its latest version: the one that was
    created last, as on Azure. With a project, which says whether it declares an asset of a name
    itself, versions that only other projects registered are none of its latest. Raises
    `WrongUsage` for what is no reference, `NotFound`, and `EnvironmentRefused` where the workspace
    has lost the content.
    """
    wanted = parse_asset(kind, reference)
    rows = _versions(home, kind, wanted.name)
    if wanted.version is None:
        own = (row for row in rows if project is None or _is_of(row, project))
        row = next(own, None) or (None if declares(wanted.name) else rows[0])
        if row is None:
            raise NotFound(
                f"{kind} {wanted.name!r} of this workspace is another project's,"
                f" {home.parent / _projects(rows[0])[0]}: register this project's own"
            )
        return _asset(home, row)
    for row in rows:
        if wanted.version == row["version"]:
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


def references(home: Path) -> dict[str, str]:
    """Return the hash of each registered content, with a reference to a version that has it."""
    with opened(home) as connection:
        rows = connection.execute(
            "SELECT content_hash, name, version FROM assets ORDER BY sequence"
        ).fetchall()
    return {row["content_hash"]: f"azureml:{row['name']}:{row['version']}" for row in rows}


def _projects(row: sqlite3.Row) -> list[str]:
    """Return the projects that registered a version; none if it belongs to every project."""
    projects: list[str] = json.loads(row["projects"] or "[]")
    return projects


def _is_of(row: sqlite3.Row, project: str) -> bool:
    projects = _projects(row)
    return not projects or project in projects


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
    """Return the newest version with this content, or of these the one that is asked for."""
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


@dataclass(frozen=True)
class _Stored:
    """A stored content, and what it is to be registered as."""

    kind: AssetKind
    registration: Registration
    base_name: str
    content_hash: str
    origin: Origin | None
    project: str | None = None


def _record(home: Path, connection: sqlite3.Connection, stored: _Stored) -> Asset:
    kind, registration = stored.kind, stored.registration
    with transaction(connection):
        version = _same(connection, kind, registration, stored.content_hash)
        if version is None:
            version = _insert(connection, stored)
        else:
            _amend(connection, stored, version)
        return _asset(home, _row(connection, kind, registration.name, version))


def _row(connection: sqlite3.Connection, kind: AssetKind, name: str, version: str) -> sqlite3.Row:
    row: sqlite3.Row = connection.execute(
        "SELECT * FROM assets WHERE kind = ? AND name = ? AND version = ?", [kind, name, version]
    ).fetchone()
    return row


def _insert(connection: sqlite3.Connection, stored: _Stored) -> str:
    """Add a version and return it."""
    kind, registration = stored.kind, stored.registration
    version = registration.version
    if version is None:
        rows = connection.execute(
            "SELECT version FROM assets WHERE kind = ? AND name = ?", [kind, registration.name]
        )
        version = next_version([row["version"] for row in rows])
    values = {
        "kind": kind,
        "name": registration.name,
        "version": version,
        "type": registration.type,
        "content_hash": stored.content_hash,
        "base_name": encode(stored.base_name),
        "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        **_description(registration),
        "job": registration.job,
        "origin": _written(stored.origin),
        "projects": json.dumps([stored.project]) if stored.project else None,
    }
    marks = ", ".join("?" * len(values))
    connection.execute(
        f"INSERT INTO assets ({', '.join(values)}) VALUES ({marks})",  # noqa: S608 - columns
        list(values.values()),
    )
    return version


def _amend(connection: sqlite3.Connection, stored: _Stored, version: str) -> None:
    """Add to a version what a later registration of the same content says.

    The first job that made it stays; a version that came from no job takes the one given. What
    several projects have registered is the version of each.
    """
    registration = stored.registration
    row = _row(connection, stored.kind, registration.name, version)
    said = _description(registration).items()
    changes: dict[str, str | bytes | None] = {
        column: value for column, value in said if value not in (None, "", "{}")
    }
    if row["job"] is None and row["origin"] is None:
        changes |= {"job": registration.job, "origin": _written(stored.origin)}
    projects = _projects(row)
    if projects and stored.project not in projects:
        both = [*projects, stored.project] if stored.project else None
        changes["projects"] = json.dumps(both) if both else None
    if changes:
        assignments = ", ".join(f"{column} = ?" for column in changes)
        connection.execute(
            f"UPDATE assets SET {assignments} WHERE sequence = ?",  # noqa: S608 - columns
            [*changes.values(), row["sequence"]],
        )


def _description(registration: Registration) -> dict[str, str | bytes | None]:
    """Return the columns that a later registration of the same content changes."""
    return {
        "description": encode(registration.description),
        "tags": json.dumps(dict(registration.tags)),
        "properties": json.dumps(dict(registration.properties)),
        "stage": encode(registration.more.get("stage")),
    }


def _written(origin: Origin | None) -> str | None:
    return None if origin is None else json.dumps(asdict(origin))


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
        origin=Origin(**json.loads(row["origin"])) if row["origin"] else None,
        properties=json.loads(row["properties"]),
        stage=decode(row["stage"]),
    )
