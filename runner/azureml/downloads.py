"""Fetching blobs: as a content that is read piece by piece, or into a folder, whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from runner.atomic import created
from runner.azure.errors import explained
from runner.azure.ways_out import BLOB_READER
from runner.content import Content, ContentFile, counted, hash_content
from runner.errors import EnvironmentRefused, NotFound

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

PIECE = 4 << 20  # bytes fetched at a time
_FILES = 8  # on their way at once


def find_content(container: ContainerClient, path: str) -> Content:
    """What lies at a path of a container: a blob, or all below it as a folder.

    Raises NotFound where there is nothing, and EnvironmentRefused for a blob whose name would
    climb out of a folder.
    """
    path = path.rstrip("/")
    folder = f"{path}/" if path else ""
    host = container.primary_hostname
    files = []
    with explained(f"list {container.container_name} of {host}", host, BLOB_READER):
        for blob in container.list_blobs(name_starts_with=path, include=["metadata"]):
            # Storage with a hierarchy keeps its folders as blobs, too.
            if (blob.metadata or {}).get("hdi_isfolder") == "true":
                continue
            read = partial(_read, container, blob.name, blob.size, blob.etag)
            if blob.name == path:
                name = path.rpartition("/")[2]
                return Content("file", [ContentFile(_checked(name, path), blob.size, read)])
            if blob.name.startswith(folder):
                name = _checked(blob.name.removeprefix(folder), blob.name)
                files.append(ContentFile(name, blob.size, read))
    if not files:
        raise NotFound(
            f"there is nothing at {path!r} in container {container.container_name} of {host}:"
            " it was deleted, or never uploaded"
        )
    return Content("folder", sorted(files, key=lambda file: os.fsencode(file.name)))


def fetch(
    container: ContainerClient, path: str, folder: Path, tell: Callable[[int, int], None]
) -> list[Path]:
    """Write what lies at a path of a container into a folder, and return the files.

    A single blob keeps its name there. `tell` gets the bytes that are done, and all. Raises as
    `find_content`, and EnvironmentRefused where the folder can't be written.
    """
    content = find_content(container, path)
    write(content, folder, lambda done: tell(done, content.size))
    return [folder / file.name for file in content.files]


def write(content: Content, folder: Path, tell: Callable[[int], None]) -> str:
    """Write a content's files into a folder, and return the hash of what was written."""
    with _writing(folder), ThreadPoolExecutor(_FILES, "download") as pool:
        hashes = list(pool.map(partial(_write, folder), counted(content, tell).files))
    names = [file.name for file in content.files]
    return hash_content(content.shape, zip(names, hashes, strict=True))


@contextmanager
def fresh_folder(target: Path, only: str | None = None) -> Iterator[Path]:
    """Give a folder to write to, which becomes `target` in the end, or nothing at all.

    With `only`, the file of that name in it becomes `target` instead. Raises WrongUsage where the
    target exists and EnvironmentRefused where it can't be written.
    """
    with _writing(target), created(target, only) as folder:
        folder.mkdir()
        yield folder


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EnvironmentRefused(
            f"{target} can't be written ({error.strerror}): make room, or name another place"
        ) from error


def _checked(name: str, blob: str) -> str:
    parts = name.replace("\\", "/").split("/")
    if {"", ".", ".."}.intersection(parts) or ":" in parts[0] or "\0" in name:
        raise EnvironmentRefused(
            f"the blob {blob!r} would be written outside of its folder; nothing is fetched"
        )
    return name


def _read(container: ContainerClient, name: str, size: int, etag: str) -> Iterator[bytes]:
    from azure.core import MatchConditions

    host = container.primary_hostname
    for start in range(0, size, PIECE):
        with explained(f"read {name} from {host}", host, BLOB_READER):
            piece = container.download_blob(
                name,
                offset=start,
                length=min(PIECE, size - start),
                etag=etag,
                match_condition=MatchConditions.IfNotModified,
            ).readall()
        yield piece


def _write(folder: Path, file: ContentFile) -> str:
    path = folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = sha256()
    with path.open("xb") as stream:
        for piece in file.read():
            digest.update(piece)
            stream.write(piece)
    return digest.hexdigest()
