"""The places of data: from the addresses of Machine Learning to an account and a path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.emulator.addresses import STORAGE_SUFFIX
from tests.emulator.messages import Refusal
from tests.emulator.state import State

if TYPE_CHECKING:
    # A job's process reads this module, and needs no client of blobs.
    from tests.emulator.blobs import Blobs

_DATASTORE = re.compile(
    r"azureml://(?:subscriptions/.+/workspaces/[^/]+/)?datastores/(?P<store>[^/]+)/paths/(?P<path>.*)",
    re.IGNORECASE,
)
_BLOB = re.compile(
    rf"https://(?P<account>[a-z0-9]+)\.blob\.{re.escape(STORAGE_SUFFIX)}(?::\d+)?"
    r"/(?P<container>[^/?]+)/(?P<path>[^?]*)(?:\?.*)?"
)
_WASBS = re.compile(
    rf"wasbs://(?P<container>[^@/]+)@(?P<account>[a-z0-9]+)\.blob\.{re.escape(STORAGE_SUFFIX)}"
    r"/(?P<path>.*)"
)
_ASSET = re.compile(
    r"(?:azureml:)?/?subscriptions/.+/(?P<kind>data|models)/(?P<name>[^/]+)"
    r"/versions/(?P<version>[^/]+)",
    re.IGNORECASE,
)
_SHORT = re.compile(r"azureml:(?P<name>[^:/@]+)(?::(?P<version>[^:/@]+)|@latest)")


@dataclass(frozen=True)
class Place:
    """A blob, or all blobs below a path, which then ends with a slash or is empty."""

    account: str
    container: str
    path: str

    def as_folder(self) -> Place:
        """Return all blobs below the path."""
        path = self.path.rstrip("/")
        return Place(self.account, self.container, f"{path}/" if path else "")


def find_place(state: State, workspace: str, address: str) -> Place:
    """Find what an address of a workspace means. Raises `Refusal` for one that means nothing."""
    asset = _ASSET.fullmatch(address) or _SHORT.fullmatch(address)
    if asset:
        kind = asset.groupdict().get("kind") or "data"
        address = _asset_uri(state, workspace, kind, asset["name"], asset["version"])
    blob = _BLOB.fullmatch(address) or _WASBS.fullmatch(address)
    if blob:
        return Place(blob["account"], blob["container"], blob["path"])
    stored = _DATASTORE.fullmatch(address)
    if stored is None:
        raise Refusal(400, "BadArgument", f"The input '{address}' is not an address of data.")
    datastore = state.get(f"{workspace}/datastores/{stored['store']}")
    if datastore is None:
        raise Refusal(404, "NotFound", f"Datastore {stored['store']} was not found.")
    properties = datastore.properties
    return Place(properties["accountName"], properties["containerName"], stored["path"])


def download(blobs: Blobs, place: Place, folder: Path) -> Path:
    """Fetch a blob, or everything below a path, into a folder; returns where it lies."""
    container = blobs.client(place.account).get_container_client(place.container)
    if place.path and not place.path.endswith("/"):
        single = container.get_blob_client(place.path)
        if single.exists():
            target = folder / Path(place.path).name
            folder.mkdir(parents=True, exist_ok=True)
            target.write_bytes(single.download_blob().readall())
            return target
    prefix = place.path.rstrip("/") + "/" if place.path.strip("/") else ""
    folder.mkdir(parents=True, exist_ok=True)
    for name in container.list_blob_names(name_starts_with=prefix):
        target = folder / name.removeprefix(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(container.download_blob(name).readall())
    return folder


def model_root(folder: Path, model: Place) -> Path:
    """Return where a model lies below a job's folder: under its own name, as on Azure."""
    return folder / "model" / model.path.rstrip("/").rpartition("/")[2]


def upload(blobs: Blobs, source: Path, place: Place) -> None:
    """Store a file at a path, or every file of a folder below it."""
    container = blobs.client(place.account).get_container_client(place.container)
    files = [source] if source.is_file() else [file for file in source.rglob("*") if file.is_file()]
    for file in sorted(files):
        name = place.path.rstrip("/")
        if file != source:
            name += f"/{file.relative_to(source).as_posix()}"
        with file.open("rb") as content:
            container.upload_blob(name, content, overwrite=True)


def is_empty(blobs: Blobs, place: Place) -> bool:
    """Return whether nothing lies at a place or below it."""
    container = blobs.client(place.account).get_container_client(place.container)
    prefix = place.path.rstrip("/")
    return not any(
        name == prefix or name.startswith(prefix + "/")
        for name in container.list_blob_names(name_starts_with=prefix)
    )


def _asset_uri(state: State, workspace: str, kind: str, name: str, version: str | None) -> str:
    container = f"{workspace}/{kind.lower()}/{name}"
    if version is None:
        versions = state.children(container)
        found = versions[-1] if versions else None
    else:
        found = state.get(f"{container}/versions/{version}")
    if found is None:
        noun = "Data asset" if kind == "data" else "Model"
        raise Refusal(404, "NotFound", f"{noun} {name}:{version or 'latest'} was not found.")
    uri: str = found.properties.get("dataUri") or found.properties["modelUri"]
    return uri
