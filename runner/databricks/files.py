"""Single files of a workspace by their path: /Volumes/<catalog>/<schema>/<volume>/...

A file is written whole or not at all. It can't be appended to, and a folder can't be renamed.
https://docs.databricks.com/api/azure/workspace/files
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.azure.errors import Missing, ServiceError
from runner.databricks.connection import Connection
from runner.errors import EnvironmentRefused

if TYPE_CHECKING:
    from runner.assets.content import ContentFile

PIECE = 8 << 20  # bytes fetched at a time, and of files that are sent from memory
LARGEST = 5 << 30  # bytes of a file that the interface takes
_EXISTS = ("ALREADY_EXISTS", "FILE_ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS")


@dataclass(frozen=True)
class Entry:
    """A file or a folder in a listed folder."""

    path: str  # whole
    name: str
    is_folder: bool
    size: int  # bytes; 0 of a folder


def list_folder(connection: Connection, path: str) -> list[Entry]:
    """List what lies directly in a folder, by name; nothing where there is no folder."""
    found = connection.api.listing("2.0", "fs", "directories", *_parts(path), key="contents")
    try:
        entries = [
            Entry(
                path=str(content["path"]).rstrip("/"),
                name=str(content["path"]).rstrip("/").rpartition("/")[2],
                is_folder=bool(content.get("is_directory")),
                size=int(content.get("file_size") or 0),
            )
            for content in found
        ]
    except Missing:
        return []
    return sorted(entries, key=lambda entry: os.fsencode(entry.name))


def file_size(connection: Connection, path: str) -> int | None:
    """Return the size of a file in bytes; None where there is none."""
    api = connection.api
    answer = api.send("HEAD", api.url("2.0", "fs", "files", *_parts(path)), accept=(404,))
    if answer.status_code == 404:
        return None
    return int(answer.headers.get("content-length") or 0)


def read_file(connection: Connection, path: str) -> bytes | None:
    """Return the bytes of a small file; None where there is none."""
    api = connection.api
    answer = api.send("GET", api.url("2.0", "fs", "files", *_parts(path)), accept=(404,))
    return None if answer.status_code == 404 else answer.content


def read_pieces(connection: Connection, path: str, size: int) -> Iterator[bytes]:
    """Yield the bytes of a file of a known size, piece after piece.

    Raises EnvironmentRefused where the file is another one by now.
    """
    api = connection.api
    url = api.url("2.0", "fs", "files", *_parts(path))
    modified: str | None = None
    for start in range(0, size, PIECE):
        end = min(start + PIECE, size)
        headers = {"Range": f"bytes={start}-{end - 1}"} if size > PIECE else {}
        if modified:
            headers["If-Unmodified-Since"] = modified
        answer = api.send("GET", url, headers=headers, accept=(412, 416))
        piece = answer.content
        if answer.status_code in (412, 416) or len(piece) != end - start:
            raise EnvironmentRefused(f"{path} changed while it was being read: try again")
        modified = answer.headers.get("Last-Modified")
        yield piece


def write_file(connection: Connection, path: str, content: bytes) -> None:
    """Write a file in the place of whatever is there."""
    _put(connection, path, content, overwrite=True)


def create_file(connection: Connection, path: str, content: bytes) -> bool:
    """Write a file unless there is one; return whether it was written.

    Where an answer is lost, False may be said of what was written: look whose it is.
    """
    try:
        _put(connection, path, content, overwrite=False)
    except ServiceError as error:
        if error.status == 409 or error.code in _EXISTS:
            return False
        raise
    return True


def send_file(
    connection: Connection, path: str, file: ContentFile, count: Callable[[int], None]
) -> str:
    """Write a file of this machine, of any size, and return the hash of the bytes that were sent.

    `count` is told how many bytes more have been sent, or fewer where they are sent again.
    """
    from hashlib import sha256

    if file.size > PIECE:
        body = _Body(file, count)
        _put(connection, path, body, overwrite=True)
        return body.digest
    content = b"".join(file.read())
    write_file(connection, path, content)
    count(len(content))
    return sha256(content).hexdigest()


def make_folder(connection: Connection, path: str) -> None:
    """Make a folder and those above it, unless they are there."""
    api = connection.api
    api.send("PUT", api.url("2.0", "fs", "directories", *_parts(path)))


def remove_file(connection: Connection, path: str) -> None:
    """Remove a file; it need not be there."""
    with suppress(Missing):
        connection.api.send("DELETE", connection.api.url("2.0", "fs", "files", *_parts(path)))


def remove_folder(connection: Connection, path: str) -> None:
    """Remove a folder with all below it; it need not be there."""
    for entry in list_folder(connection, path):
        (remove_folder if entry.is_folder else remove_file)(connection, entry.path)
    with suppress(Missing):
        connection.api.send("DELETE", connection.api.url("2.0", "fs", "directories", *_parts(path)))


class _Body:
    """A file's bytes as the body of a request, which can be sent again from the beginning."""

    def __init__(self, file: ContentFile, count: Callable[[int], None]) -> None:
        self._file = file
        self._count = count
        self._begin()

    def _begin(self) -> None:
        from hashlib import sha256

        self._chunks = self._file.read()
        self._rest = b""
        self._sent = 0
        self._hash = sha256()

    def __len__(self) -> int:
        return self._file.size

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(1 << 20):
            yield chunk

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = self._file.size
        while len(self._rest) < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._rest += chunk
        piece, self._rest = self._rest[:size], self._rest[size:]
        self._hash.update(piece)
        self._sent += len(piece)
        if piece:
            self._count(len(piece))
        return piece

    def tell(self) -> int:
        return self._sent

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        if position == self._sent and whence == os.SEEK_SET:
            return position
        if (position, whence) != (0, os.SEEK_SET):
            raise OSError("only the beginning can be gone back to")
        if self._sent:
            self._count(-self._sent)
        self._begin()
        return 0

    @property
    def digest(self) -> str:
        """Return the hash of the bytes that were read since the beginning."""
        return self._hash.hexdigest()


def _put(connection: Connection, path: str, content: bytes | _Body, *, overwrite: bool) -> None:
    api = connection.api
    api.send(
        "PUT",
        api.url("2.0", "fs", "files", *_parts(path)),
        params={"overwrite": str(overwrite).lower()},
        content=content,
        headers={"Content-Type": "application/octet-stream"},
    )


def _parts(path: str) -> list[str]:
    return path.strip("/").split("/")
