"""Models and data assets of a workspace.

A version that the runner registers has the hash of its content as a tag; one that others
registered has none, and is shown and fetched all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.asset_kinds import ASSET_KINDS, AssetKind
from runner.asset_rules import (
    check_copy,
    check_registration,
    parse_asset,
    taken_version,
    unknown_name,
    unknown_version,
)
from runner.azureml.storage import Place, parse_place, storage_of
from runner.azureml.versions import (
    HASH,
    Version,
    add_version,
    archived,
    created_at,
    latest_version,
    list_versions,
)
from runner.content import Content, counted, hash_content, hash_file, scan, scan_whole
from runner.errors import EnvironmentRefused, WrongUsage
from runner.workspace import Asset, Registration, Transfer

if TYPE_CHECKING:
    from runner.azureml.connection import Connection

Tell = Callable[[Transfer], None]

_KEPT = ("properties", "flavors", "jobName", "stage", "isAnonymous", "isArchived")
_ASKED = 8  # names whose latest version is asked for at once


def register(
    connection: Connection, kind: AssetKind, registration: Registration, tell: Tell
) -> Asset:
    """Upload a file or folder to the default datastore and register it.

    Content that is registered under this name and type already gives that version back, the
    newest where there are several, without a byte sent; its description and tags become the ones
    given, if any. Raises as the local workspace does, and EnvironmentRefused for a role that is
    missing on the storage.
    """
    check_registration(kind, registration)
    path = registration.path
    if not isinstance(path, Path):
        raise EnvironmentRefused(f"{path} is not on this machine; fetch it and name the copy")
    base_name = path.absolute().name
    # Of what a job wrote all counts, as on Azure, where it is not sent.
    content = scan(path, registration.names) if registration.job is None else scan_whole(path)
    read = counted(content, lambda done: tell(Transfer("reading", base_name, done, content.size)))
    hashes = {file.name: hash_file(file) for file in read.files}
    content_hash = hash_content(content.shape, hashes.items())
    segment = ASSET_KINDS[kind].segment
    versions = list_versions(connection, segment, registration.name)
    found = _same(kind, versions, registration, content_hash)
    if found is not None:
        return _asset(kind, registration.name, _amended(connection, kind, registration, found))
    place, sent = send(connection, base_name, content, hashes, tell)
    if sent != content_hash:
        raise EnvironmentRefused(
            f"{registration.path} changed while it was being sent: register it again"
        )
    return _add(connection, kind, registration, versions, place, content_hash)


def receive(connection: Connection, asset: Asset, content: Content, tell: Tell) -> Asset:
    """Register a copy of another workspace's asset; content that is there already is not read."""
    registration = Registration(
        asset.name,
        Path(asset.base_name),
        asset.type,
        description=asset.description,
        tags=asset.tags,
    )
    kind, content_hash, hashes = asset.kind, asset.content_hash, dict[str, str]()
    if not content_hash:
        # Whoever registered it took no hash, and the place of a copy is named by it.
        hashes = {file.name: hash_file(file) for file in content.files}
        content_hash = hash_content(content.shape, hashes.items())
    versions = list_versions(connection, ASSET_KINDS[kind].segment, asset.name)
    found = _same(kind, versions, registration, content_hash)
    if found is not None:
        return _asset(kind, asset.name, found)
    place, sent = send(connection, asset.base_name, content, hashes, tell, content_hash)
    check_copy(asset, sent)
    return _add(connection, kind, registration, versions, place, content_hash)


def send(
    connection: Connection,
    base_name: str,
    content: Content,
    hashes: Mapping[str, str],
    tell: Tell,
    content_hash: str | None = None,
) -> tuple[Place, str]:
    """Upload a content to the default datastore; return its place and the hash of what was read.

    `hashes` are those of the files that are known; `content_hash` that of all, where not all are.
    """
    from runner.azureml.uploads import upload

    storage = storage_of(connection)
    named = content_hash or hash_content(content.shape, hashes.items())
    root = f"LocalUpload/{named}"
    folder = f"{root}/{base_name}" if content.shape == "folder" else root
    sent = upload(
        storage.container(storage.default_name),
        folder,
        content,
        hashes,
        lambda done: tell(Transfer("uploading", base_name, done, content.size)),
    )
    inside = folder if content.shape == "folder" else f"{root}/{content.files[0].name}"
    return Place(storage.default_name, inside), sent.content_hash


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
        return _asset(kind, wanted.name, found)
    versions = [one.version for one in listing(connection, kind, wanted.name)]
    raise unknown_version(kind, wanted.name, wanted.version, versions)


def listing(connection: Connection, kind: AssetKind, name: str | None = None) -> list[Asset]:
    """Return all versions of a name, newest first, or the latest version of every name.

    Raises NotFound for an unknown name.
    """
    segment = ASSET_KINDS[kind].segment
    if name is not None:
        versions = [one for one in list_versions(connection, segment, name) if not archived(one)]
        if not versions:
            raise unknown_name(kind, name, _names(connection, kind))
        return [_asset(kind, name, one) for one in versions]
    names = _names(connection, kind)
    with ThreadPoolExecutor(_ASKED) as pool:
        latest = list(pool.map(lambda one: latest_version(connection, segment, one), names))
    return [_asset(kind, one, found) for one, found in zip(names, latest, strict=True) if found]


def contents(connection: Connection, asset: Asset) -> Content:
    """The files of an asset that lies in one of the workspace's datastores.

    Raises EnvironmentRefused for one that lies elsewhere.
    """
    from runner.azureml.downloads import find_content

    try:
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


def download(
    connection: Connection, kind: AssetKind, reference: str, target: Path, tell: Tell
) -> Path:
    """Copy an asset to `target` and return it.

    Raises WrongUsage where the target exists, and EnvironmentRefused where it can't be written
    or the files are not those that were registered.
    """
    from runner.atomic import check_absent
    from runner.azureml.downloads import fresh_folder, write

    check_absent(target)
    asset = find(connection, kind, reference)
    content = contents(connection, asset)

    def show(done: int) -> None:
        tell(Transfer("downloading", asset.reference, done, content.size))

    only = content.files[0].name if content.shape == "file" else None
    with fresh_folder(target, only) as folder:
        check_copy(asset, write(content, folder, show))
    return target


def _names(connection: Connection, kind: AssetKind) -> list[str]:
    return sorted(asset["name"] for asset in connection.arm.pages(ASSET_KINDS[kind].segment))


def _same(
    kind: AssetKind, versions: list[Version], registration: Registration, content_hash: str
) -> Version | None:
    """The newest version with this content; only the one asked for, where one is."""
    for one in versions:
        properties = one["properties"]
        other_content = (properties.get("tags") or {}).get(HASH) != content_hash
        same = not other_content and properties.get(ASSET_KINDS[kind].type_key) == registration.type
        if same and not archived(one) and registration.version in (None, one["name"]):
            return one
        if one["name"] == registration.version:
            other = (
                "content"
                if other_content
                else f"type, {properties.get(ASSET_KINDS[kind].type_key)}"
            )
            raise taken_version(kind, registration.name, one["name"], other)
    return None


def _add(
    connection: Connection,
    kind: AssetKind,
    registration: Registration,
    versions: list[Version],
    place: Place,
    content_hash: str,
) -> Asset:
    properties: dict[str, Any] = {
        ASSET_KINDS[kind].type_key: registration.type,
        ASSET_KINDS[kind].uri_key: storage_of(connection).long_uri(place),
        "description": registration.description,
        "tags": {**registration.tags, HASH: content_hash},
        "isAnonymous": False,
        "isArchived": False,
    }
    if registration.job is not None:
        properties["jobName"] = registration.job
    added = add_version(
        connection,
        ASSET_KINDS[kind].segment,
        registration.name,
        versions,
        properties,
        lambda found: _same(kind, found, registration, content_hash),
        registration.version,
    )
    return _asset(kind, registration.name, added)


def _amended(
    connection: Connection, kind: AssetKind, registration: Registration, version: Version
) -> Version:
    """Give a version the description and tags of a later registration of the same content."""
    old = version["properties"]
    tags = {**registration.tags, HASH: old["tags"][HASH]} if registration.tags else old["tags"]
    description = registration.description or old.get("description") or ""
    if tags == old["tags"] and description == (old.get("description") or ""):
        return version
    kept = {
        key: old[key]
        for key in (ASSET_KINDS[kind].type_key, ASSET_KINDS[kind].uri_key, *_KEPT)
        if old.get(key)
    }
    amended: Version = connection.arm.put(
        ASSET_KINDS[kind].segment,
        registration.name,
        "versions",
        version["name"],
        body={"properties": {**kept, "description": description, "tags": tags}},
    )
    return amended


def _asset(kind: AssetKind, name: str, version: Version) -> Asset:
    properties = version["properties"]
    tags = dict(properties.get("tags") or {})
    path = str(properties.get(ASSET_KINDS[kind].uri_key) or "")
    return Asset(
        kind=kind,
        name=name,
        version=version["name"],
        type=str(properties.get(ASSET_KINDS[kind].type_key) or ""),
        content_hash=tags.pop(HASH, ""),
        path=path,
        base_name=path.rstrip("/").rpartition("/")[2],
        created_at=created_at(version),
        description=properties.get("description") or "",
        tags=tags,
        job=properties.get("jobName"),
    )
