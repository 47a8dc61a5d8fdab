"""Models and data assets of the local workspace, by name and version."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR
from typing import cast

from runner.declarations.names import ASSET_NAME_RULE, is_asset_name
from runner.declarations.references import PREFIX, AssetReference, parse_reference
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.local.database import decode, encode, opened, transaction
from runner.local.files import checkout, store
from runner.local.job_records import select_job
from runner.nearest import nearest
from runner.workspace import Asset, AssetKind, Registration

TYPES: dict[AssetKind, tuple[str, ...]] = {
    "model": ("mlflow_model", "custom_model", "triton_model"),
    "data": ("uri_file", "uri_folder"),
}
_TITLES: dict[AssetKind, str] = {"model": "model", "data": "data asset"}
_COMMANDS: dict[AssetKind, str] = {"model": "runner models", "data": "runner data"}
_LONGEST_VERSION = 30
_SHOWN_VERSIONS = 10


def register(home: Path, kind: AssetKind, registration: Registration) -> Asset:
    """Store a file or folder as a version of a model or data asset.

    Content that is registered under this name and type already gives that version back, the
    newest where there are several; its description and tags become the ones given, if any.
    Otherwise the version is the one asked for, or the next whole number. Raises `WrongUsage` for
    a registration that makes no sense, `EnvironmentRefused` where the version asked for has other
    content, and `NotFound` for an unknown job.
    """
    _check_terms(kind, registration)
    _check_content(registration)
    with opened(home) as connection:
        content_hash = store(home, registration.path).hash
        with transaction(connection):
            version = _same(connection, kind, registration, content_hash)
            if version is None:
                version = _insert(connection, kind, registration, content_hash)
            else:
                _amend(connection, kind, registration, version)
            row = connection.execute(
                "SELECT * FROM assets WHERE kind = ? AND name = ? AND version = ?",
                [kind, registration.name, version],
            ).fetchone()
    return _asset(home, row)


def find(home: Path, kind: AssetKind, reference: str) -> Asset:
    """Return the version that `azureml:name:version` or `azureml:name@latest` means.

    The prefix can be left out, and a name alone means its latest version: the one that was
    created last, as on Azure. Raises `WrongUsage` for what is no reference, `NotFound`, and
    `EnvironmentRefused` where the workspace has lost the content.
    """
    wanted = _parse(kind, reference)
    rows = _versions(home, kind, wanted.name)
    for row in rows:
        if wanted.version in (None, row["version"]):
            return _asset(home, row)
    shown = ", ".join(row["version"] for row in rows[:_SHOWN_VERSIONS])
    more = ", …" if len(rows) > _SHOWN_VERSIONS else ""
    raise NotFound(
        f"{_TITLES[kind]} {wanted.name!r} has no version {wanted.version!r}; it has {shown}{more}"
    )


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


def _check_terms(kind: AssetKind, registration: Registration) -> None:
    name, version, type_ = registration.name, registration.version, registration.type
    if not is_asset_name(name):
        raise WrongUsage(f"{name!r} can't name a {_TITLES[kind]}: it takes {ASSET_NAME_RULE}")
    if version is not None and not (is_asset_name(version) and len(version) <= _LONGEST_VERSION):
        raise WrongUsage(
            f"{version!r} can't be a version: it takes 1 to {_LONGEST_VERSION} letters, digits, "
            "hyphens, underscores and dots, beginning with a letter or digit"
        )
    if type_ == "mltable":
        raise WrongUsage(
            f"{name!r} is of type mltable, which only Azure reads: register its files as uri_folder"
        )
    if type_ not in TYPES[kind]:
        raise WrongUsage(f"{type_!r} is no type of {_TITLES[kind]}{nearest(type_, TYPES[kind])}")


def _check_content(registration: Registration) -> None:
    """Check that the path is what its type says; nothing is loaded."""
    path, type_ = registration.path, registration.type
    try:
        folder = S_ISDIR(path.stat().st_mode)
        described = folder and (path / "MLmodel").is_file()
        empty = described and (path / "MLmodel").stat().st_size == 0
    except OSError:
        return  # it can't be stored either, and `store` says why
    if type_ == "uri_file" and folder:
        raise WrongUsage(f"{path} is a folder: register it as uri_folder, or name a file in it")
    if type_ == "uri_folder" and not folder:
        raise WrongUsage(f"{path} is a file: register it as uri_file, or name its folder")
    if type_ == "mlflow_model" and not described:
        raise WrongUsage(
            f"{path} is not an MLflow model, it has no file MLmodel: name the folder that has "
            "one, or register it as custom_model"
        )
    if type_ == "mlflow_model" and empty:
        raise WrongUsage(f"{path / 'MLmodel'} is empty: save the model again")


def _parse(kind: AssetKind, reference: str) -> AssetReference:
    text = reference if reference.startswith(PREFIX) else PREFIX + reference
    wanted = parse_reference(text, "models" if kind == "model" else "data")
    if wanted.registry or wanted.workspace:
        raise WrongUsage(
            f"{reference!r} is in another workspace or a registry, which is out of reach here: "
            f"register the {_TITLES[kind]} in this workspace, or choose another environment"
        )
    if wanted.label not in (None, "latest"):
        raise WrongUsage(
            f"{reference!r} has the label {wanted.label!r}, and there is only 'latest': write "
            f"{PREFIX}{wanted.name}@latest or {PREFIX}{wanted.name}:VERSION"
        )
    return wanted


def _versions(home: Path, kind: AssetKind, name: str) -> list[sqlite3.Row]:
    """Return a name's rows, newest first. Raises `NotFound` where there are none."""
    with opened(home) as connection:
        rows = connection.execute(
            "SELECT * FROM assets WHERE kind = ? AND name = ? ORDER BY sequence DESC",
            [kind, encode(name)],
        ).fetchall()
        if not rows:
            known = connection.execute("SELECT name FROM assets WHERE kind = ?", [kind])
            ending = nearest(name, [row["name"] for row in known])
            raise NotFound(
                f"no {_TITLES[kind]} {name!r} in this workspace{ending};"
                f" `{_COMMANDS[kind]} register` adds one"
            )
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
            raise EnvironmentRefused(
                f"{_TITLES[kind]} {registration.name!r} version {registration.version} exists with "
                f"other {other}; leave the version out to get the next one"
            )
    return None


def _insert(
    connection: sqlite3.Connection, kind: AssetKind, registration: Registration, content_hash: str
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
            encode(registration.path.absolute().name),
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
    return str(1 + max((int(row[0]) for row in rows if row[0].isdecimal()), default=0))


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
