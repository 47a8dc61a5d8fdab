"""The local workspace's database is one SQLite file, used by any number of processes at once."""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from runner.errors import EnvironmentRefused
from runner.files.privacy import make_private_file
from runner.local.home import make_home

FILE_NAME = "workspace.db"
SCHEMA_VERSION = 3
BUSY_SECONDS = 30.0  # how long to wait while another process writes
_ROOM_SECONDS = 3.0  # how long to wait for room on a full disk

# `sequence` is the order of creation, as times can be equal, or go back. `origin` describes the job
# that made an asset, and outlives that job. `projects` are those that registered it, in JSON; NULL
# stands for every project.
_ASSETS = """
    CREATE TABLE assets (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        version TEXT NOT NULL,
        type TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        base_name TEXT NOT NULL,
        created_at TEXT NOT NULL,
        description TEXT NOT NULL,
        tags TEXT NOT NULL,
        properties TEXT NOT NULL,
        stage TEXT,
        job TEXT,
        origin TEXT,
        projects TEXT,
        UNIQUE (kind, name, version)
    )
    """
_SCHEMA = (
    """
    CREATE TABLE jobs (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL,
        status TEXT NOT NULL,
        created_at TEXT NOT NULL,
        started_at TEXT,
        ended_at TEXT,
        endpoint TEXT,
        deployment TEXT,
        model TEXT,
        input TEXT,
        output TEXT,
        error TEXT
    )
    """,
    _ASSETS,
)
# The changes of the schema of a workspace that an older runner made.
_FROM_1 = (
    "ALTER TABLE assets RENAME TO assets_1",
    _ASSETS,
    """
    INSERT INTO assets
        (sequence, kind, name, version, type, content_hash, base_name, created_at, description,
         tags, properties, job)
    SELECT sequence, kind, name, version, type, content_hash, base_name, created_at, description,
           tags, '{}', job
    FROM assets_1
    """,
    "DROP TABLE assets_1",
)
_FROM_2 = ("ALTER TABLE assets ADD COLUMN projects TEXT",)
_STATEMENTS = {0: _SCHEMA, 1: _FROM_1, 2: _FROM_2}  # by the version of the file; 0 is a new one

_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


@contextmanager
def opened(home: Path, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
    """Give a connection to the database of the workspace in `home`, made there if there is none.

    Rows come as `sqlite3.Row`. A statement stands by itself unless it is in a `transaction`. A
    commit outlives a power cut if it is `durable`; otherwise the file stays sound, and the last
    commits may be lost. A connection must not be carried over a fork. Raises `EnvironmentRefused`
    where the folder or the file can't be used, also for what SQLite finds while it is in use.
    """
    file = home / FILE_NAME
    make_home(home)
    try:
        with closing(_connect(file, durable)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        # The caller handles the other classes (IntegrityError, ProgrammingError, …).
        if type(error) not in (sqlite3.OperationalError, sqlite3.DatabaseError):
            raise
        raise EnvironmentRefused(_describe_failure(error, file)) from error


def keep_open(home: Path, user: object) -> None:
    """Keep a connection open for as long as an object lives. Raises as `opened`.

    Whenever the last connection is closed, SQLite empties and removes its log, which takes it
    several syncs. While one is open, a commit through another takes one sync at the most.
    """
    stack = ExitStack()
    stack.enter_context(opened(home))
    weakref.finalize(user, stack.close)


def _connect(file: Path, durable: bool) -> sqlite3.Connection:
    """Open the file, ready to be used.

    Even to read, SQLite needs room for its index of the WAL. A job that fills the disk frees some
    when it fails and removes what it was writing, so this waits for that.
    """
    deadline = time.monotonic() + _ROOM_SECONDS
    while True:
        # Autocommit: the module's own transactions begin too late to read before they write.
        # The files that SQLite puts beside it have its rights.
        with suppress(OSError):
            make_private_file(file)
        connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            _prepare(connection, file)
        except BaseException as error:
            connection.close()
            if _code(error) not in _NO_ROOM or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do everything inside or nothing, with no other writer in between."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # SQLite has rolled back by itself after some errors, a full disk among them.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def encode(text: str | None) -> str | bytes | None:
    """Turn text into what a column takes: file names may hold bytes that are not UTF-8."""
    if text is None:
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
    return str(text)


def decode(value: str | bytes | None) -> str | None:
    """Turn a column back into the text that `encode` was given."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _prepare(connection: sqlite3.Connection, file: Path) -> None:
    """Check the file's schema: create that of a new file, and bring an older one up to date."""
    if _version(connection, file) == SCHEMA_VERSION:
        return
    _use_wal(connection)
    with transaction(connection):
        found = _version(connection, file)
        if found != SCHEMA_VERSION:  # no other process came first
            for statement in _STATEMENTS[found]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _version(connection: sqlite3.Connection, file: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise EnvironmentRefused(
            f"{file} was made by a newer version of runner (schema {version}, not "
            f"{SCHEMA_VERSION}): bring runner up to date, or set RUNNER_HOME to another folder"
        )
    return version


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, in which readers and a writer don't wait for each other.

    SQLite does not apply its busy timeout to the switch, so two processes that create the same
    workspace would refuse each other.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _code(error) not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _code(error: BaseException) -> int | None:
    """Return SQLite's primary result code, without the second byte, which has details."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _describe_failure(error: sqlite3.Error, file: Path) -> str:
    code = _code(error)
    if code in _DAMAGED:
        return (
            f"{file} is damaged ({error}): put a copy back, or move it away to begin with an "
            "empty workspace"
        )
    if code in _BUSY:
        return f"{file} has been busy for {BUSY_SECONDS:.0f} s: try again, or end what holds it"
    if code in _NO_ROOM:
        return (
            f"no room left for {file}, or its disk is broken ({error}): make room, or set "
            "RUNNER_HOME to a folder elsewhere"
        )
    return (
        f"can't use {file} ({error}): check that it is a file and that you may write to it and "
        "its folder, or set RUNNER_HOME to another folder"
    )
