"""Registers models and data assets in a workspace, and downloads them.

Files of this machine are uploaded; what is in the cloud already is registered where it is. The
caller chooses whether azure-ai-ml or the runner writes the version; all else is the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runner.assets.content import Content, hash_content, hash_file, scan
from runner.assets.kinds import ASSET_KINDS, AssetKind
from runner.assets.rules import check_copy, check_registration, taken_version
from runner.azureml.asset_writing import Write, wire_properties, write_version
from runner.azureml.locating import Located, job_place, locate
from runner.azureml.mltable import referenced_uris
from runner.azureml.origins import PATH, note
from runner.azureml.registered import asset_record
from runner.azureml.storage import Place, parse_place, storage_of
from runner.azureml.versions import (
    HASH,
    Version,
    add_version,
    archived,
    list_versions,
    put_version,
)
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.jobs.addresses import is_job_address, parse_job_address
from runner.jobs.logged_models import origin_of
from runner.remote.assets import hash_files
from runner.workspace import Asset, OnProgress, Registration, Run, Transfer

if TYPE_CHECKING:
    from runner.azureml.connection import Connection

FindRun = Callable[[str], Run | None]  # finds a job's run by the job's name

# Keys that are written as they are declared, by kind.
_WRITTEN: Mapping[AssetKind, tuple[str, ...]] = {
    "model": ("stage", "flavors"),
    "data": ("auto_delete_setting",),
}
_READ_ONLY = ("provisioningState",)
# The properties of a version that was given none.
_NOTHING_GIVEN = {"isAnonymous": False, "isArchived": False, "tags": {}, "properties": {}}


class _Source(NamedTuple):
    """The address of a version's files, and the properties that keep its origin."""

    uri: str
    noted: Mapping[str, str] = {}


@dataclass(frozen=True)
class _Wanted:
    """A version that is asked for, with the facts by which an equal version is recognised."""

    kind: AssetKind
    name: str
    type: str
    keys: dict[str, Any]  # without the path
    version: str | None = None
    content_hash: str = ""  # of files
    datastore: str | None = None  # that the files must lie in
    place: str = ""  # in the cloud, where that is where it is

    def written(self, source: _Source) -> dict[str, Any]:
        """Return all keys of the version."""
        tags = self.keys["tags"]
        return {
            **self.keys,
            "type": self.type,
            "path": source.uri,
            "tags": {**tags, HASH: self.content_hash} if self.content_hash else tags,
            "properties": {**self.keys["properties"], **source.noted},
        }


def register(
    connection: Connection,
    kind: AssetKind,
    registration: Registration,
    on_progress: OnProgress,
    find_run: FindRun,
    put: Write = write_version,
) -> Asset:
    """Register a file or folder, which is uploaded, or what is in the cloud already.

    If a version of this name and type has the same content, or the same place, nothing is sent: the
    newest such version is returned, with the other declared keys as far as Azure lets them change.
    Raises as the local workspace does, WrongUsage for a key that Azure does not use, and
    EnvironmentRefused for a role that is missing on the storage.
    """
    check_registration(kind, registration)
    _check_keys(kind, registration)
    wanted = _Wanted(
        kind,
        registration.name,
        registration.type or "",
        {
            "description": registration.description,
            "tags": dict(registration.tags),
            "properties": dict(registration.properties),
            **{key: registration.more.get(key) for key in _WRITTEN[kind]},
        },
        registration.version,
    )
    path = registration.path
    if isinstance(path, Path):
        return _register_files(connection, wanted, path, registration, on_progress, put)
    located = locate(connection, kind, registration)
    wanted = replace(
        wanted,
        type=located.type,
        content_hash=located.content_hash,
        place=located.place,
    )

    def source() -> _Source:
        return _Source(located.uri, _noted(located, find_run))

    return _add_unless_there(connection, wanted, source, put)


def receive(
    connection: Connection, asset: Asset, content: Content, on_progress: OnProgress
) -> Asset:
    """Register a copy of another workspace's asset; files that are there already are not read."""
    kind, content_hash, hashes = asset.kind, asset.content_hash, dict[str, str]()
    if not content_hash:
        # The asset was registered without a hash, which the place of a copy is named by.
        hashes = {file.name: hash_file(file) for file in content.files}
        content_hash = hash_content(content.shape, hashes.items())
    wanted = _Wanted(
        kind,
        asset.name,
        asset.type,
        {
            "description": asset.description,
            "tags": dict(asset.tags),
            "properties": dict(asset.properties),
            "stage": asset.stage,
        },
        content_hash=content_hash,
    )
    versions = list_versions(connection, ASSET_KINDS[kind].segment, asset.name)
    found = _same(connection, wanted, versions)
    if found is not None:
        return asset_record(kind, asset.name, found)
    place, sent = send(connection, asset.base_name, content, hashes, on_progress, content_hash)
    check_copy(asset, sent)
    uri = storage_of(connection).long_uri(place)
    source = _Source(uri, note(asset.job, asset.origin))
    return _add(connection, wanted, versions, source, write_version)


def send(
    connection: Connection,
    base_name: str,
    content: Content,
    hashes: Mapping[str, str],
    on_progress: OnProgress,
    content_hash: str | None = None,
    datastore: str | None = None,
) -> tuple[Place, str]:
    """Upload files to a datastore; return their place and the hash of the files as they were read.

    `hashes` are the known hashes of files, and `content_hash` is that of all of them, which is
    needed where not all are known. Without a datastore, the default one is used. Raises NotFound
    for a datastore that is not there.
    """
    from runner.azureml.uploads import upload

    storage = storage_of(connection)
    store = datastore or storage.default_name
    named = content_hash or hash_content(content.shape, hashes.items())
    root = f"LocalUpload/{named}"
    folder = f"{root}/{base_name}" if content.shape == "folder" else root
    sent = upload(
        storage.container(store),
        folder,
        content,
        hashes,
        lambda done: on_progress(Transfer("uploading", base_name, done, content.size)),
    )
    inside = folder if content.shape == "folder" else f"{root}/{content.files[0].name}"
    return Place(store, inside), sent.content_hash


def send_unchanged(
    connection: Connection,
    path: Path,
    content: Content,
    hashes: Mapping[str, str],
    on_progress: OnProgress,
    again: str,
    datastore: str | None = None,
) -> Place:
    """Upload the files of a path, all of whose hashes are known, and return their place.

    Raises EnvironmentRefused where a file changes meanwhile, which tells to do `again`.
    """
    base_name = path.absolute().name
    place, sent = send(connection, base_name, content, hashes, on_progress, datastore=datastore)
    if sent != hash_content(content.shape, hashes.items()):
        raise EnvironmentRefused(f"{path} changed while it was being sent: {again}")
    return place


def contents(connection: Connection, asset: Asset) -> Content:
    """Return the files of an asset, which must lie in one of the workspace's datastores.

    Raises EnvironmentRefused for an asset that lies elsewhere.
    """
    from runner.azureml.downloads import find_content

    try:
        if is_job_address(asset.path):
            place = job_place(connection, parse_job_address(asset.path))
        else:
            place = parse_place(asset.path)
    except WrongUsage:
        raise EnvironmentRefused(
            f"{asset.reference} is at {asset.path}, outside of the workspace's datastores:"
            " fetch it from there, and register the copy with --path"
        ) from None
    workspace = connection.outputs.workspace.lower()
    if "/workspaces/" in asset.path and f"/workspaces/{workspace}/" not in asset.path.lower():
        raise EnvironmentRefused(
            f"{asset.reference} is in a datastore of another workspace ({asset.path}):"
            " fetch it with that workspace's environment"
        )
    return find_content(storage_of(connection).container(place.datastore), place.path)


def _check_keys(kind: AssetKind, registration: Registration) -> None:
    """Raise WrongUsage for a declared key that a workspace does not use."""
    noun = ASSET_KINDS[kind].noun
    for key in registration.more:
        if key == "datastore" and not isinstance(registration.path, Path):
            raise WrongUsage(
                f"datastore says where files of this machine go, and {noun} {registration.name!r}"
                f" lies in the cloud already: take datastore out"
            )
        if key not in ("datastore", *_WRITTEN[kind]):
            raise WrongUsage(
                f"{key} of {noun} {registration.name!r} is for registries, and a workspace drops"
                " it: take it out"
            )


def _register_files(
    connection: Connection,
    wanted: _Wanted,
    path: Path,
    registration: Registration,
    on_progress: OnProgress,
    put: Write,
) -> Asset:
    named = registration.more.get("datastore")
    store = storage_of(connection).named(str(named)) if named else None
    base_name = path.absolute().name
    content = scan(path, registration.names)
    content_hash, hashes = hash_files(content, base_name, on_progress)

    def source() -> _Source:
        place = send_unchanged(
            connection, path, content, hashes, on_progress, "register it again", store
        )
        return _Source(storage_of(connection).long_uri(place))

    type_ = wanted.type or ASSET_KINDS[wanted.kind].guess_type(path)
    keys = wanted.keys
    if type_ == "mltable":
        keys = {**keys, "referenced_uris": referenced_uris(path)}
    wanted = replace(wanted, type=type_, keys=keys, content_hash=content_hash, datastore=store)
    return _add_unless_there(connection, wanted, source, put)


def _noted(located: Located, find_run: FindRun) -> dict[str, str]:
    """Return the properties that keep a version's origin: its place, its job and the job's run."""
    origin = located.origin
    if origin is None and located.job is not None:
        # The origin is worth keeping, but not worth failing for.
        with suppress(EnvironmentRefused, NotFound):
            run = find_run(located.job)
            origin = origin_of(run) if run else None
    told = {} if located.place == located.uri else {PATH: located.place}
    return note(located.job, origin) | told


def _add_unless_there(
    connection: Connection, wanted: _Wanted, source: Callable[[], _Source], put: Write
) -> Asset:
    """Return the equal version, or add one; only for a new one is `source` called."""
    versions = list_versions(connection, ASSET_KINDS[wanted.kind].segment, wanted.name)
    found = _same(connection, wanted, versions)
    if found is None:
        return _add(connection, wanted, versions, source(), put)
    return asset_record(wanted.kind, wanted.name, _amended(connection, wanted, found))


def _matches(connection: Connection, wanted: _Wanted, properties: Mapping[str, Any]) -> bool:
    """Tell whether a version has the same files, or the same place."""
    storage, uri = storage_of(connection), str(properties[ASSET_KINDS[wanted.kind].uri_key])
    if wanted.place:
        told = (properties.get("properties") or {}).get(PATH, uri)
        return any(storage.same_place(wanted.place, known) for known in (uri, told))
    if (properties.get("tags") or {}).get(HASH) != wanted.content_hash:
        return False
    return wanted.datastore is None or f"/datastores/{wanted.datastore}/" in uri


def _same(connection: Connection, wanted: _Wanted, versions: list[Version]) -> Version | None:
    """Return the newest equal version, or only the version that is asked for by number.

    Raises EnvironmentRefused where the version that is asked for is another.
    """
    for version in versions:
        properties = version["properties"]
        type_ = properties.get(ASSET_KINDS[wanted.kind].type_key)
        matches = _matches(connection, wanted, properties)
        meant = wanted.version in (None, version["name"])
        if matches and meant and type_ == wanted.type and not archived(version):
            return version
        if version["name"] == wanted.version:
            differing = "path" if wanted.place else "content"
            other = f"type, {type_}" if matches else differing
            raise taken_version(wanted.kind, wanted.name, version["name"], other)
    return None


def _add(
    connection: Connection, wanted: _Wanted, versions: list[Version], source: _Source, put: Write
) -> Asset:
    added = add_version(
        connection,
        ASSET_KINDS[wanted.kind].segment,
        wanted.name,
        versions,
        wanted.written(source),
        lambda found: _same(connection, wanted, found),
        wanted.version,
        lambda connection, _, name, version, keys: put(
            connection, wanted.kind, name, version, keys
        ),
    )
    return asset_record(wanted.kind, wanted.name, added)


def _amended(connection: Connection, wanted: _Wanted, version: Version) -> Version:
    """Add to a version the keys that a later registration of the same content declares.

    azure-ai-ml can't do this, as it drops the keys of a version that it does not know. Raises
    EnvironmentRefused for a property that has another value already.
    """
    facts, old = ASSET_KINDS[wanted.kind], version["properties"]
    given = wire_properties(wanted.kind, wanted.written(_Source(old[facts.uri_key])))
    kept = {key: value for key, value in old.items() if value and key not in _READ_ONLY}
    tags = old.get("tags") or {}
    known = {HASH: tags[HASH]} if HASH in tags else {}
    new = {
        **kept,
        **given,
        facts.uri_key: old[facts.uri_key],
        "tags": {**wanted.keys["tags"], **known} if wanted.keys["tags"] else tags,
        "properties": _amended_properties(wanted, old.get("properties") or {}),
    }
    if _NOTHING_GIVEN | kept == new:
        return version
    return put_version(connection, facts.segment, wanted.name, version["name"], new)


def _amended_properties(wanted: _Wanted, old: Mapping[str, str]) -> dict[str, str]:
    declared: dict[str, str] = wanted.keys["properties"]
    for name, value in declared.items():
        if old.get(name, value) != value:
            raise EnvironmentRefused(
                f"property {name!r} of {wanted.name!r} is {old[name]!r}, and properties of a"
                " version never change: give --version to register another version"
            )
    return {**declared, **old}
