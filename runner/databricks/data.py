"""Data assets: folders of the volume, each version with a manifest beside it.

A version's files lie in <volume>/data/<name>/<version>/, and what is known of them in
<volume>/data/<name>/<version>.json. A registration first claims its version with a manifest that
says `"registered": false`, and replaces that once all files are sent; until then the version does
not count as there. Where it was cut off, the next registration of the same content completes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from runner.assets.content import Content, hash_content, hash_file, scan
from runner.assets.kinds import ASSET_KINDS
from runner.assets.rules import check_copy, check_registration, next_version, taken_version
from runner.databricks.files import (
    create_file,
    list_folder,
    read_file,
    remove_file,
    write_file,
)
from runner.databricks.jobs import output_place
from runner.databricks.places import is_in_volume, place_of
from runner.databricks.volume import find_content, type_at, upload
from runner.errors import EnvironmentRefused, WrongUsage
from runner.jobs.addresses import ARTIFACTS, JobOutput, is_job_address, parse_job_address
from runner.remote.assets import find_asset, hash_files, list_assets
from runner.workspace import Asset, OnProgress, Origin, Registration, Transfer

if TYPE_CHECKING:
    from runner.databricks.connection import Connection


_KIND: Literal["data"] = "data"
_AT_ONCE = 8  # manifests that are read
_TRIES = 20  # others may take the next number as often, one after the other


@dataclass(frozen=True)
class Manifest:
    """The content of the JSON file that describes a version of a data asset."""

    version: str
    type: str
    content_hash: str  # empty where it was not computed
    path: str  # of its file or folder
    base_name: str
    created_at: str  # ISO 8601, UTC
    registered: bool  # False while its files are being sent
    claim: str  # unique to the registration that made it
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    job: str | None = None
    origin: Mapping[str, Any] | None = None


def register(connection: Connection, registration: Registration, on_progress: OnProgress) -> Asset:
    """Register a file or folder, which is sent to the volume, or what lies in the cloud.

    Where the same content, or the same place, is registered under this name and type already, the
    newest such version is returned and no file is sent; its description, tags and properties become
    those of the registration. Raises as the local workspace does, WrongUsage for a key that means
    nothing here, and EnvironmentRefused for a right that is missing on the volume.
    """
    check_registration(_KIND, registration)
    _check_keys(registration)
    name, path = registration.name, registration.path
    wanted = replace(
        _new_manifest(registration), version=registration.version or "", job=registration.job
    )
    place = place_of(path)
    if place is None and isinstance(path, str):
        output = _job_output(path)
        place = output_place(connection, output)
        wanted = replace(wanted, job=registration.job or output.job)
    if place is not None:
        return _register_place(connection, name, wanted, place)
    assert isinstance(path, Path)
    base_name = path.absolute().name
    content = scan(path, registration.names)
    content_hash, hashes = hash_files(content, base_name, on_progress)

    def check(arrived: str) -> None:
        if arrived != content_hash:
            raise EnvironmentRefused(f"{path} changed while it was being sent: register it again")

    wanted = replace(
        wanted,
        type=wanted.type or ASSET_KINDS[_KIND].guess_type(path),
        content_hash=content_hash,
        base_name=base_name,
    )
    send = partial(_send, connection, base_name, content, hashes, on_progress, check)
    return _add_unless_there(connection, name, wanted, content, send)


def receive(
    connection: Connection, asset: Asset, content: Content, on_progress: OnProgress
) -> Asset:
    """Register a copy of another workspace's asset; content that is there already is not read."""
    content_hash, hashes = asset.content_hash, dict[str, str]()
    if not content_hash:
        # The other workspace has no hash, and by it a version with this content would be found.
        hashes = {file.name: hash_file(file) for file in content.files}
        content_hash = hash_content(content.shape, hashes.items())
    wanted = replace(
        _new_manifest(asset),
        content_hash=content_hash,
        base_name=asset.base_name,
        job=asset.job,
        origin=asdict(asset.origin) if asset.origin else None,
    )
    found = _find_same(asset.name, wanted, _manifests(connection, asset.name))
    if found is not None and found.registered:
        return _asset(asset.name, found)
    check = partial(check_copy, asset)
    send = partial(_send, connection, asset.base_name, content, hashes, on_progress, check)
    return _add_unless_there(connection, asset.name, wanted, content, send)


def find(connection: Connection, reference: str) -> Asset:
    """Return the version that a reference means, as `find_asset`. Raises WrongUsage, NotFound."""

    def get(name: str, version: str | None) -> Asset | None:
        if version is None:
            return _latest(connection, name)
        found = _read(connection, name, version)
        return _asset(name, found) if found is not None and found.registered else None

    def versions(name: str) -> list[str]:
        return [asset.version for asset in listing(connection, name)]

    return find_asset(_KIND, reference, get, versions)


def listing(connection: Connection, name: str | None = None) -> list[Asset]:
    """Return all versions of a name, newest first, or the latest version of every name.

    Raises NotFound for an unknown name.
    """
    return list_assets(
        _KIND,
        name,
        names=partial(_names, connection),
        versions=partial(_registered, connection),
        latest=partial(_latest, connection),
    )


def contents(connection: Connection, asset: Asset) -> Content:
    """Return the files of an asset in a volume, which are read only as they are asked for."""
    if not is_in_volume(asset.path):
        raise EnvironmentRefused(
            f"{asset.reference} lies at {asset.path}, outside of the volumes of Unity Catalog, and"
            " is read on a cluster only: fetch it with a tool for that storage, such as azcopy"
        )
    return find_content(connection, asset.path)


def _new_manifest(source: Registration | Asset) -> Manifest:
    """Return the manifest of a new version, with what is declared of it."""
    return Manifest(
        version="",
        type=source.type or "",
        content_hash="",
        path="",
        base_name="",
        created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        registered=False,
        claim=uuid4().hex,
        description=source.description,
        tags=dict(source.tags),
        properties=dict(source.properties),
    )


def _job_output(address: str) -> JobOutput:
    """Return the job's output that an address names. Raises WrongUsage for any other address."""
    meant = parse_job_address(address) if is_job_address(address) else None
    if not isinstance(meant, JobOutput) or meant.output == ARTIFACTS:
        raise WrongUsage(
            f"{address.partition('?')[0]!r} can't be registered, allowed: a path,"
            " dbfs:/Volumes/CATALOG/SCHEMA/VOLUME/PATH, abfss://...,"
            " azureml://jobs/JOB/outputs/OUTPUT/paths/PATH"
        )
    return meant


def _register_place(connection: Connection, name: str, wanted: Manifest, place: str) -> Asset:
    """Register what lies in the cloud, where it lies."""
    # Only in a volume can it be looked at from here.
    type_ = type_at(connection, place) if is_in_volume(place) else None
    if wanted.type and type_ and wanted.type != type_:
        raise WrongUsage(f"{place} is a {type_}, not a {wanted.type}")
    base_name = place.rstrip("/").rpartition("/")[2]
    looks = "uri_file" if "." in base_name else "uri_folder"
    wanted = replace(wanted, type=wanted.type or type_ or looks, path=place, base_name=base_name)
    return _add_unless_there(connection, name, wanted)


def _check_keys(registration: Registration) -> None:
    """Raise WrongUsage for a declared key that means nothing here."""
    for key in sorted(registration.more):
        raise WrongUsage(
            f"{key} of data asset {registration.name!r} is for Azure Machine Learning, and"
            " Databricks has nothing like it: take it out"
        )
    if registration.type in ASSET_KINDS[_KIND].azure_only:
        raise WrongUsage(
            f"{registration.name!r} is of type {registration.type}, which only Azure Machine"
            " Learning reads: register its files as uri_folder"
        )


def _add_unless_there(
    connection: Connection,
    name: str,
    wanted: Manifest,
    content: Content | None = None,
    send: Callable[[str, bool], None] = lambda _folder, _again: None,
) -> Asset:
    """Return the version that is there already, or make one, to which the content is sent.

    Without a content nothing is sent. `send` gets the folder of the version, and whether the same
    was sent there before and cut off.
    """
    for _ in range(_TRIES):
        found = _find_same(name, wanted, _manifests(connection, name))
        if found is not None and found.registered:
            return _asset(name, _amend(connection, name, found, wanted))
        if found is not None:  # cut off, or another process is sending it
            claimed = replace(wanted, version=found.version, path=found.path)
        else:
            version = wanted.version or next_version(_taken_versions(connection, name))
            claimed = replace(wanted, version=version)
            if content is not None:
                folder = _folder(connection, name, version)
                file = f"/{content.files[0].name}" if content.shape == "file" else ""
                claimed = replace(claimed, path=folder + file)
            if not _claim(connection, name, claimed):
                continue
        try:
            send(_folder(connection, name, claimed.version), found is not None)
        except (EnvironmentRefused, WrongUsage):
            if found is None:  # the claim is given back, and nobody's folder stays
                remove_file(connection, _file(connection, name, claimed.version))
            raise
        made = replace(claimed, registered=True)
        _write(connection, name, made)
        return _asset(name, made)
    raise EnvironmentRefused(
        f"others register versions of data asset {name!r} all the time: try again in a while"
    )


def _send(
    connection: Connection,
    base_name: str,
    content: Content,
    hashes: Mapping[str, str],
    on_progress: OnProgress,
    check: Callable[[str], None],
    folder: str,
    again: bool,
) -> None:
    """Send a content to a folder of the volume; `check` gets the hash of what was sent."""

    def show(done: int) -> None:
        on_progress(Transfer("uploading", base_name, done, content.size))

    check(upload(connection, folder, content, hashes, show, again=again))


def _claim(connection: Connection, name: str, manifest: Manifest) -> bool:
    """Take a version, unless another registration has it."""
    path = _file(connection, name, manifest.version)
    if create_file(connection, path, _text(manifest)):
        return True
    # The answer to an earlier try, which was lost, may have said that it succeeded.
    found = _read(connection, name, manifest.version)
    return found is not None and found.claim == manifest.claim


def _find_same(name: str, wanted: Manifest, known: list[Manifest]) -> Manifest | None:
    """Return the newest version of the same; only the one asked for, where one is."""
    for manifest in known:
        if wanted.content_hash:
            matches = manifest.content_hash == wanted.content_hash
        else:
            matches = not manifest.content_hash and manifest.path == wanted.path
        meant = wanted.version in ("", manifest.version)
        if matches and meant and manifest.type == wanted.type:
            return manifest
        if manifest.version == wanted.version and manifest.registered:
            other = f"type, {manifest.type}" if matches else "content"
            raise taken_version(_KIND, name, manifest.version, other)
        if manifest.version == wanted.version:
            raise EnvironmentRefused(
                f"data asset {name!r} version {manifest.version} was begun with other content and"
                " never finished: leave the version out to get the next one"
            )
    return None


def _amend(connection: Connection, name: str, found: Manifest, wanted: Manifest) -> Manifest:
    """Give a version what a later registration of the same declares besides."""
    new = replace(
        found,
        description=wanted.description or found.description,
        tags=wanted.tags or found.tags,
        properties={**found.properties, **wanted.properties},
        job=found.job or wanted.job,
    )
    if new != found:
        _write(connection, name, new)
    return new


def _names(connection: Connection) -> list[str]:
    return [entry.name for entry in list_folder(connection, _root(connection)) if entry.is_folder]


def _taken_versions(connection: Connection, name: str) -> list[str]:
    """List every version that a file or a folder stands for, finished or not."""
    entries = list_folder(connection, f"{_root(connection)}/{name}")
    return [entry.name.removesuffix(".json") for entry in entries]


def _registered(connection: Connection, name: str) -> list[Asset]:
    """List the finished versions of a name, newest first."""
    manifests = _manifests(connection, name)
    return [_asset(name, manifest) for manifest in manifests if manifest.registered]


def _latest(connection: Connection, name: str) -> Asset | None:
    return next(iter(_registered(connection, name)), None)


def _manifests(connection: Connection, name: str) -> list[Manifest]:
    """Read the manifest of every version of a name, newest first; none where it is unknown."""
    versions = [
        entry.name.removesuffix(".json")
        for entry in list_folder(connection, f"{_root(connection)}/{name}")
        if not entry.is_folder and entry.name.endswith(".json")
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        read = list(pool.map(partial(_read, connection, name), versions))
    found = [manifest for manifest in read if manifest is not None]
    return sorted(found, key=lambda manifest: manifest.created_at, reverse=True)


def _read(connection: Connection, name: str, version: str) -> Manifest | None:
    """Read the manifest of a version; None where there is none, or a file of somebody else."""
    text = read_file(connection, _file(connection, name, version))
    if text is None:
        return None
    try:
        return Manifest(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _write(connection: Connection, name: str, manifest: Manifest) -> None:
    write_file(connection, _file(connection, name, manifest.version), _text(manifest))


def _text(manifest: Manifest) -> bytes:
    return (json.dumps(asdict(manifest), indent=2) + "\n").encode()


def _root(connection: Connection) -> str:
    return f"{connection.outputs.volume}/data"


def _folder(connection: Connection, name: str, version: str) -> str:
    return f"{_root(connection)}/{name}/{version}"


def _file(connection: Connection, name: str, version: str) -> str:
    return f"{_folder(connection, name, version)}.json"


def _asset(name: str, manifest: Manifest) -> Asset:
    return Asset(
        kind=_KIND,
        name=name,
        version=manifest.version,
        type=manifest.type,
        content_hash=manifest.content_hash,
        path=manifest.path,
        base_name=manifest.base_name,
        created_at=manifest.created_at,
        description=manifest.description,
        tags=dict(manifest.tags),
        job=manifest.job,
        origin=Origin(**manifest.origin) if manifest.origin else None,
        properties=dict(manifest.properties),
    )
