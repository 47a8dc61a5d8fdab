"""The contents of assets in a volume: files and folders, sent and fetched in parallel."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Literal

from runner.assets.content import Content, ContentFile, hash_content, hash_file
from runner.assets.fetching import checked_name, write
from runner.databricks.connection import Connection
from runner.databricks.files import (
    LARGEST,
    Entry,
    file_size,
    list_folder,
    make_folder,
    read_pieces,
    send_file,
)
from runner.errors import NotFound, WrongUsage
from runner.parallel import all_or_first_error

_AT_ONCE = 8  # files on their way, and folders that are listed


def upload(
    connection: Connection,
    folder: str,
    content: Content,
    hashes: Mapping[str, str],
    on_progress: Callable[[int], None],
    *,
    again: bool = False,
) -> str:
    """Send a content's files into a folder of a volume, and return the hash of what was read.

    `hashes` are those of files that are known already, by name. `on_progress` is called with the
    bytes that are done, from any thread. With `again` the same was sent there before and cut off:
    a file that is there has been sent whole, and is not sent once more. Raises WrongUsage for a
    file that is too large, before anything is sent, and EnvironmentRefused.
    """
    for file in content.files:
        if file.size > LARGEST:
            raise WrongUsage(
                f"{file.name} has {file.size >> 30} GiB and a volume takes files of up to"
                f" {LARGEST >> 30} GiB in one piece: split it, or copy it there by other means and"
                " register its /Volumes path"
            )
    lock, done = Lock(), 0

    def count(size: int) -> None:
        nonlocal done
        with lock:
            done += size
            now = done
        on_progress(now)

    there = {} if not again else _sizes(connection, folder)

    def send(file: ContentFile) -> str:
        if there.get(file.name) == file.size:
            count(file.size)
            return hashes.get(file.name) or hash_file(file)
        return send_file(connection, f"{folder}/{file.name}", file, count)

    with ThreadPoolExecutor(_AT_ONCE, "upload") as pool:
        parents = {f"{folder}/{file.name}".rpartition("/")[0] for file in content.files}
        # The folders above come into being with the deepest ones.
        deepest = [path for path in parents if not any(o.startswith(f"{path}/") for o in parents)]
        list(pool.map(partial(make_folder, connection), deepest))
        with all_or_first_error(pool, str) as begin:
            sent = [begin(send, file) for file in content.files]
    digests = [
        (file.name, digest.result()) for file, digest in zip(content.files, sent, strict=True)
    ]
    return hash_content(content.shape, digests)


def type_at(connection: Connection, path: str) -> Literal["uri_file", "uri_folder"]:
    """Return the type of what lies at a path of a volume. Raises NotFound for nothing."""
    if list_folder(connection, path):
        return "uri_folder"
    if file_size(connection, path) is not None:
        return "uri_file"
    raise NotFound(f"there is nothing at {path}: it was deleted, or never written")


def find_content(connection: Connection, path: str) -> Content:
    """Return what lies at a path of a volume: a file, or all below it as a folder.

    Raises NotFound where there is nothing, and EnvironmentRefused for a file whose name would
    climb out of a folder.
    """
    path = path.rstrip("/")
    files = _files_below(connection, path)
    if files:
        return Content(
            "folder",
            sorted(
                (_content_file(connection, path, entry) for entry in files),
                key=lambda file: os.fsencode(file.name),
            ),
        )
    size = file_size(connection, path)
    if size is None:
        raise NotFound(f"there is nothing at {path}: it was deleted, or never written")
    name = checked_name(path.rpartition("/")[2], f"the file {path!r}")
    return Content("file", [ContentFile(name, size, partial(read_pieces, connection, path, size))])


def fetch(
    connection: Connection, path: str, folder: Path, on_progress: Callable[[int, int], None]
) -> list[Path]:
    """Write what lies at a path of a volume into a folder, and return the files.

    A single file keeps its name there. `on_progress` gets the bytes done and all. Raises as
    `find_content`, and EnvironmentRefused where the folder can't be written.
    """
    content = find_content(connection, path)
    write(content, folder, lambda done: on_progress(done, content.size))
    return [folder / file.name for file in content.files]


def _sizes(connection: Connection, folder: str) -> dict[str, int]:
    files = _files_below(connection, folder)
    return {entry.path.removeprefix(f"{folder}/"): entry.size for entry in files}


def _files_below(connection: Connection, folder: str) -> list[Entry]:
    """List every file below a folder; folders of one depth are listed at once."""
    found: list[Entry] = []
    folders = [folder]
    with ThreadPoolExecutor(_AT_ONCE, "list") as pool:
        while folders:
            listed = pool.map(partial(list_folder, connection), folders)
            entries = [entry for listing in listed for entry in listing]
            found += [entry for entry in entries if not entry.is_folder]
            folders = [entry.path for entry in entries if entry.is_folder]
    return found


def _content_file(connection: Connection, folder: str, entry: Entry) -> ContentFile:
    name = checked_name(entry.path.removeprefix(f"{folder}/"), f"the file {entry.path!r}")
    return ContentFile(name, entry.size, partial(read_pieces, connection, entry.path, entry.size))
