"""Data assets: folders of the volume, each version with a manifest beside it.

A version's files lie in <volume>/data/<name>/<version>/, and what is known of them in
<volume>/data/<name>/<version>.json. Who registers first claims the version with a manifest that
says so and writes the whole one last; until then the version is not there. Where that was cut off,
whoever registers the same content goes on with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from runner.assets.content import Content, counted, hash_content, hash_file, scan
from runner.assets.kinds import ASSET_KINDS
from runner.assets.rules import (
    check_copy,
    check_registration,
    next_version,
    parse_asset,
    taken_version,
    unknown_name,
    unknown_version,
)
from runner.databricks.files import (
    create_file,
    list_folder,
    read_file,
    remove_file,
    write_file,
)
from runner.databricks.job_outputs import output_place
from runner.databricks.places import is_in_volume, place_of
from runner.databricks.volume import find_content, type_at, upload
from runner.errors import EnvironmentRefused, WrongUsage
from runner.jobs.addresses import ARTIFACTS, JobOutput, is_job_address, parse_job_address
from runner.workspace import Asset, OnProgress, Origin, Registration, Transfer

if TYPE_CHECKING:
    from runner.databricks.connection import Connection


_KIND: Literal["data"] = "data"
_AT_ONCE = 8  # manifests that are read
_TRIES = 20  # others may take the next number as often, one after the other


@dataclass(frozen=True)
class Manifest:
    """What is known of a version of a data asset; the content of its JSON file."""

    version: str
    type: str
    content_hash: str  # empty where nobody took it
    path: str  # of its file or folder
    base_name: str
    created_at: str  # ISO 8601, UTC
    registered: bool  # False: its files are on their way
    claim: str  # of whoever registered it; the same in no other
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    job: str | None = None
    origin: Mapping[str, Any] | None = None


def register(connection: Connection, registration: Registration, on_progress: OnProgress) -> Asset:
    """Register a file or folder, which is sent to the volume, or what lies in the cloud.

    The same content, or the same place, that is registered under this name and type already gives
    that version back, the newest where there are several, without a byte sent; what else is
    declared becomes its own. Raises as the local workspace does, WrongUsage for a key that means
    nothing here, and EnvironmentRefused for a right that is missing on the volume.
    """
    check_registration(_KIND, registration)
    _check_keys(registration)
    type_ = registration.type
    wanted = Manifest(
        version=registration.version or "",
        type=type_ or "",
        content_hash="",
        path="",
        base_name="",
        created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        registered=False,
        claim=uuid4().hex,
        description=registration.description,
        tags=dict(registration.tags),
        properties=dict(registration.properties),
        job=registration.job,
    )
    path = registration.path
    place = place_of(path)
    if place is None and isinstance(path, str):
        output = _job_output(path)
        place = output_place(connection, output)
        wanted = replace(wanted, job=registration.job or output.job)
    if place is not None:
        return _register_place(connection, registration.name, wanted, place)
    assert isinstance(path, Path)
    base_name = path.absolute().name
    content = scan(path, registration.names)
    read = counted(
        content, lambda done: on_progress(Transfer("reading", base_name, done, content.size))
    )
    hashes = {file.name: hash_file(file) for file in read.files}
    wanted = replace(
        wanted,
        type=type_ or ASSET_KINDS[_KIND].guess_type(path),
        content_hash=hash_content(content.shape, hashes.items()),
        base_name=base_name,
    )

    def check(arrived: str) -> None:
        if arrived != wanted.content_hash:
            raise EnvironmentRefused(f"{path} changed while it was being sent: register it again")

    return _add_unless_there(
        connection, registration.name, wanted, content, hashes, on_progress, check
    )


def receive(
    connection: Connection, asset: Asset, content: Content, on_progress: OnProgress
) -> Asset:
    """Register a copy of another workspace's asset; content that is there already is not read."""
    content_hash, hashes = asset.content_hash, dict[str, str]()
    if not content_hash:
        # Whoever registered it took no hash, and it tells whether the content is there already.
        hashes = {file.name: hash_file(file) for file in content.files}
        content_hash = hash_content(content.shape, hashes.items())
    wanted = Manifest(
        version="",
        type=asset.type,
        content_hash=content_hash,
        path="",
        base_name=asset.base_name,
        created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        registered=False,
        claim=uuid4().hex,
        description=asset.description,
        tags=dict(asset.tags),
        properties=dict(asset.properties),
        job=asset.job,
        origin=asdict(asset.origin) if asset.origin else None,
    )
    found = _same(asset.name, wanted, _manifests(connection, asset.name))
    if found is not None and found.registered:
        return _asset(asset.name, found)
    return _add_unless_there(
        connection,
        asset.name,
        wanted,
        content,
        hashes,
        on_progress,
        lambda arrived: check_copy(asset, arrived),
    )


def find(connection: Connection, reference: str) -> Asset:
    """Return the version that `azureml:name:version` or `azureml:name@latest` means.

    The prefix can be left out, and a name alone means its latest version. Raises WrongUsage for
    what is no reference, and NotFound.
    """
    wanted = parse_asset(_KIND, reference)
    if wanted.version is not None:
        found = _read(connection, wanted.name, wanted.version)
        if found is not None and found.registered:
            return _asset(wanted.name, found)
    versions = listing(connection, wanted.name)
    if wanted.version is None:
        return versions[0]
    known = [asset.version for asset in versions]
    raise unknown_version(_KIND, wanted.name, wanted.version, known)


def listing(connection: Connection, name: str | None = None) -> list[Asset]:
    """Return all versions of a name, newest first, or the latest version of every name.

    Raises NotFound for an unknown name.
    """
    if name is not None:
        found = [manifest for manifest in _manifests(connection, name) if manifest.registered]
        if not found:
            raise unknown_name(_KIND, name, _names(connection))
        return [_asset(name, manifest) for manifest in found]
    names = _names(connection)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        every = pool.map(lambda name: _manifests(connection, name), names)
        latest = [
            (name, next((manifest for manifest in manifests if manifest.registered), None))
            for name, manifests in zip(names, every, strict=True)
        ]
    return [_asset(name, manifest) for name, manifest in latest if manifest]


def contents(connection: Connection, asset: Asset) -> Content:
    """The files of an asset that lies in a volume, which are read only as they are asked for."""
    if not is_in_volume(asset.path):
        raise EnvironmentRefused(
            f"{asset.reference} lies at {asset.path}, outside of the volumes of Unity Catalog, and"
            " is read on a cluster only: fetch it with a tool for that storage, such as azcopy"
        )
    return find_content(connection, asset.path)


def _job_output(address: str) -> JobOutput:
    """What an address means of what a job wrote. Raises WrongUsage for any other address."""
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
    # Other storage can't be looked into from here.
    type_ = type_at(connection, place) if is_in_volume(place) else None
    if wanted.type and type_ and wanted.type != type_:
        raise WrongUsage(f"{place} is a {type_}, not a {wanted.type}")
    base_name = place.rstrip("/").rpartition("/")[2]
    looks = "uri_file" if "." in base_name else "uri_folder"
    wanted = replace(wanted, type=wanted.type or type_ or looks, path=place, base_name=base_name)
    return _add_unless_there(connection, name, wanted, None, {}, lambda _: None, lambda _: None)


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
    content: Content | None,
    hashes: Mapping[str, str],
    on_progress: OnProgress,
    check: Callable[[str], None],
) -> Asset:
    """The version that is there already, or a new one, to which the content is sent.

    `check` gets the hash of what was sent, and raises where that is not to be registered.
    """
    asked = wanted.version
    for _ in range(_TRIES):
        known = _manifests(connection, name)
        found = _same(name, wanted, known)
        if found is not None and found.registered:
            return _asset(name, _amended(connection, name, found, wanted))
        if found is not None:  # cut off, or on its way by another hand
            claimed = replace(wanted, version=found.version, path=found.path)
        else:
            version = asked or next_version([*_numbers(connection, name)])
            claimed = _placed(connection, name, replace(wanted, version=version), content)
            if not _claim(connection, name, claimed):
                continue
        if content is not None:
            folder = _folder(connection, name, claimed.version)
            again = found is not None
            try:
                check(_send(connection, folder, wanted, content, hashes, on_progress, again=again))
            except (EnvironmentRefused, WrongUsage):
                if not again:
                    _give_back(connection, name, claimed)
                raise
        made = replace(claimed, registered=True)
        _write(connection, name, made)
        return _asset(name, made)
    raise EnvironmentRefused(
        f"others register versions of data asset {name!r} all the time: try again in a while"
    )


def _send(
    connection: Connection,
    folder: str,
    wanted: Manifest,
    content: Content,
    hashes: Mapping[str, str],
    on_progress: OnProgress,
    *,
    again: bool,
) -> str:
    size, base_name = content.size, wanted.base_name

    def show(done: int) -> None:
        on_progress(Transfer("uploading", base_name, done, size))

    return upload(connection, folder, content, hashes, show, again=again)


def _claim(connection: Connection, name: str, manifest: Manifest) -> bool:
    """Take a version, unless another has it."""
    path = _file(connection, name, manifest.version)
    if create_file(connection, path, _text(manifest)):
        return True
    # An answer that was lost may have been the one that said it is taken.
    found = _read(connection, name, manifest.version)
    return found is not None and found.claim == manifest.claim


def _give_back(connection: Connection, name: str, manifest: Manifest) -> None:
    """Take back a claim after files that were refused; the folder stays as nobody's."""
    remove_file(connection, _file(connection, name, manifest.version))


def _placed(
    connection: Connection, name: str, manifest: Manifest, content: Content | None
) -> Manifest:
    """The manifest with the place that its files get; of what lies elsewhere, as it is."""
    if content is None:
        return manifest
    folder = _folder(connection, name, manifest.version)
    inside = f"{folder}/{content.files[0].name}" if content.shape == "file" else folder
    return replace(manifest, path=inside)


def _same(name: str, wanted: Manifest, known: list[Manifest]) -> Manifest | None:
    """The newest version of the same; only the one asked for, where one is."""
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


def _amended(connection: Connection, name: str, found: Manifest, wanted: Manifest) -> Manifest:
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


def _numbers(connection: Connection, name: str) -> Iterator[str]:
    """Every version that a file or a folder stands for, finished or not."""
    for entry in list_folder(connection, f"{_root(connection)}/{name}"):
        yield entry.name.removesuffix(".json")


def _manifests(connection: Connection, name: str) -> list[Manifest]:
    """What is known of every version of a name, the newest first; none where it is unknown."""
    entries = list_folder(connection, f"{_root(connection)}/{name}")
    versions = [
        entry.name.removesuffix(".json")
        for entry in entries
        if not entry.is_folder and entry.name.endswith(".json")
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        read = list(pool.map(lambda version: _read(connection, name, version), versions))
    found = [manifest for manifest in read if manifest is not None]
    return sorted(found, key=lambda manifest: manifest.created_at, reverse=True)


def _read(connection: Connection, name: str, version: str) -> Manifest | None:
    """What is known of a version; None where there is none, or a file of somebody else."""
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
