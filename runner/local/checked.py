"""Which files of the store were held against their hashes, and what they looked like then.

    <home>/checked.db    of each content that was read: inode, size and times

A file is read again only where one of these has changed since, as git's index has it. Without the
memory everything is read again and nothing else happens. What changes nothing of them, such as a
disk that goes bad, only reading all again finds.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path

from runner.assets.content import CHUNK
from runner.files.privacy import make_private_file

_FILE = "checked.db"
_AT_ONCE = 500  # hashes in one question
_BUSY_SECONDS = 0.1  # nobody has to wait for what can be done without
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)

Kept = tuple[Path, str]  # a file, and the SHA-256 that its bytes have to have
_Look = tuple[str, str, int, int, int]  # hash, inode, size in bytes, nanoseconds: changed, modified


def find_unsound(home: Path, files: Sequence[Kept], *, again: bool = False) -> list[Kept]:
    """The files that are missing, can't be read or hold something else than they have to.

    With `again` all are read, whatever they look like.
    """
    known = set() if again else _recall(home, {content_hash for _, content_hash in files})
    read: dict[_Look, bool] = {}
    unsound = []
    for path, content_hash in files:
        look = _look(path, content_hash)
        if look is not None and look not in known and look not in read:
            read[look] = _hash(path) == content_hash
        if look is None or not read.get(look, True):
            unsound.append((path, content_hash))
    _remember(home, [look for look, sound in read.items() if sound])
    return unsound


def remember(home: Path, files: Iterable[Kept]) -> None:
    """Note that files hold what they have to: they were just written, or linked, here."""
    looks = {_look(path, content_hash) for path, content_hash in files}
    _remember(home, [look for look in looks if look is not None])


def _look(path: Path, content_hash: str) -> _Look | None:
    """What a file looks like; None where it is none."""
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
    """The hash of a file's bytes; None where the disk does not give them."""
    import hashlib

    known = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                known.update(chunk)
    except OSError:
        return None
    return known.hexdigest()


def _recall(home: Path, hashes: Iterable[str]) -> set[_Look]:
    file = home / _FILE
    known: set[_Look] = set()
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


def _remember(home: Path, looks: Sequence[_Look]) -> None:
    if not looks:
        return
    file = home / _FILE
    with _harmless(file), closing(_open(file)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS checked (hash TEXT, inode TEXT, size INTEGER,"
            " changed INTEGER, modified INTEGER, PRIMARY KEY (hash, inode)) WITHOUT ROWID"
        )
        connection.executemany("INSERT OR REPLACE INTO checked VALUES (?, ?, ?, ?, ?)", looks)


def _open(file: Path) -> sqlite3.Connection:
    with suppress(OSError):
        make_private_file(file)
    connection = sqlite3.connect(file, timeout=_BUSY_SECONDS)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


@contextmanager
def _harmless(file: Path) -> Iterator[None]:
    """Go on without the memory where something is wrong with it; a damaged one is removed."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            with suppress(OSError):
                file.unlink()
