"""Downloads blobs, either as contents that are read piece by piece, or into a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runner.assets.content import Content, ContentFile
from runner.assets.fetching import checked_name, write
from runner.azure.errors import translated_errors
from runner.azure.ways_out import BLOB_READER
from runner.azureml.storage import listing_errors
from runner.errors import NotFound

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

PIECE = 4 << 20  # bytes fetched at a time


def find_content(container: ContainerClient, path: str) -> Content:
    """Return the blob at a path of a container, or all blobs below it as a folder.

    Raises NotFound where there is nothing, and EnvironmentRefused for a blob whose name would
    lead out of the folder.
    """
    path = path.rstrip("/")
    folder = f"{path}/" if path else ""
    files = []
    with listing_errors(container):
        for blob in container.list_blobs(name_starts_with=path, include=["metadata"]):
            # Storage with a hierarchy keeps its folders as blobs, too.
            if (blob.metadata or {}).get("hdi_isfolder") == "true":
                continue
            read = partial(_read, container, blob.name, blob.size, blob.etag)
            if blob.name == path:
                name = path.rpartition("/")[2]
                return Content(
                    "file", [ContentFile(checked_name(name, f"the blob {path!r}"), blob.size, read)]
                )
            if blob.name.startswith(folder):
                name = checked_name(blob.name.removeprefix(folder), f"the blob {blob.name!r}")
                files.append(ContentFile(name, blob.size, read))
    if not files:
        raise NotFound(
            f"there is nothing at {path!r} in container {container.container_name} of"
            f" {container.primary_hostname}: it was deleted, or never uploaded"
        )
    return Content("folder", sorted(files, key=lambda file: os.fsencode(file.name)))


def fetch(
    container: ContainerClient, path: str, folder: Path, on_progress: Callable[[int, int], None]
) -> list[Path]:
    """Write the blobs at a path of a container into a folder, and return the files.

    A single blob keeps its name there. `on_progress` is called with the bytes done and the bytes
    of all. Raises as `find_content`, and EnvironmentRefused where the folder can't be written.
    """
    content = find_content(container, path)
    write(content, folder, lambda done: on_progress(done, content.size))
    return [folder / file.name for file in content.files]


def _read(container: ContainerClient, name: str, size: int, etag: str) -> Iterator[bytes]:
    from azure.core import MatchConditions

    host = container.primary_hostname
    for start in range(0, size, PIECE):
        with translated_errors(f"read {name} from {host}", host, BLOB_READER):
            piece = container.download_blob(
                name,
                offset=start,
                length=min(PIECE, size - start),
                etag=etag,
                match_condition=MatchConditions.IfNotModified,
            ).readall()
        yield piece
