"""The store's files that were checked against their hashes, with what they looked like then.

    <home>/checked.db    the inode, size and times of each file whose content was read

A file is read again only if one of these has changed, as with git's index. If the database is lost,
all files are read again. Damage that changes none of these, such as that of a failing disk, is
found only by reading all files again.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path

from runner.files.privacy import make_private_file

_FILE = "checked.db"
_AT_ONCE = 500  # hashes in a query
_BUSY_SECONDS = 0.1  # the database can be done without
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)

Kept = tuple[Path, str]  # a file, and the SHA-256 that its bytes should have
_Fingerprint = tuple[str, str, int, int, int]  # hash, inode, bytes, times of change


def find_unsound(home: Path, files: Sequence[Kept], *, again: bool = False) -> list[Kept]:
    """Return the files that are missing, can't be read or do not have their hash.

    With `again` all are read, also those that have not changed.
    """
    known = set() if again else _recall(home, {content_hash for _, content_hash in files})
    read: dict[_Fingerprint, bool] = {}
    unsound = []
    for path, content_hash in files:
        fingerprint = _fingerprint(path, content_hash)
        if fingerprint is not None and fingerprint not in known and fingerprint not in read:
            read[fingerprint] = _hash(path) == content_hash
        if fingerprint is None or not read.get(fingerprint, True):
            unsound.append((path, content_hash))
    _remember(home, [fingerprint for fingerprint, sound in read.items() if sound])
    return unsound


def remember(home: Path, files: Iterable[Kept]) -> None:
    """Note that files have their hashes, as they were just written, or linked, here."""
    fingerprints = {_fingerprint(path, content_hash) for path, content_hash in files}
    _remember(home, [fingerprint for fingerprint in fingerprints if fingerprint is not None])


def _fingerprint(path: Path, content_hash: str) -> _Fingerprint | None:
    """Return the size, times and inode of a file; None if there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    # Inodes may be greater than what SQLite has for a number.
    inode = str(found.st_ino)
    return content_hash, inode, found.st_size, found.st_ctime_ns, found.st_mtime_ns


def _hash(path: Path) -> str | None:
    """Return the hash of a file's bytes; None if it can't be read."""
    import hashlib

    try:
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _recall(home: Path, hashes: Iterable[str]) -> set[_Fingerprint]:
    file = home / _FILE
    known: set[_Fingerprint] = set()
    if not file.exists():
        return known
    left = iter(hashes)
    with _harmless(file), closing(_open(file)) as connection:
        while some := list(islice(left, _AT_ONCE)):
            places = ", ".join("?" * len(some))
            known.update(
                connection.execute(
                    f"SELECT * FROM checked WHERE hash IN ({places})",  # noqa: S608 - only marks
                    some,
                )
            )
    return known


def _remember(home: Path, fingerprints: Sequence[_Fingerprint]) -> None:
    if not fingerprints:
        return
    file = home / _FILE
    with _harmless(file), closing(_open(file)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS checked (hash TEXT, inode TEXT, size INTEGER,"
            " changed INTEGER, modified INTEGER, PRIMARY KEY (hash, inode)) WITHOUT ROWID"
        )
        connection.executemany(
            "INSERT OR REPLACE INTO checked VALUES (?, ?, ?, ?, ?)", fingerprints
        )


def _open(file: Path) -> sqlite3.Connection:
    with suppress(OSError):
        make_private_file(file)
    connection = sqlite3.connect(file, timeout=_BUSY_SECONDS)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


@contextmanager
def _harmless(file: Path) -> Iterator[None]:
    """Go on without the database if something is wrong with it; a damaged one is removed."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            with suppress(OSError):
                file.unlink()
