"""The state of the stand-in, in a SQLite file that outlives the process."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

FILE_NAME = "state.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS resources (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    parent TEXT NOT NULL,
    body TEXT NOT NULL,
    secrets TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS resources_by_parent ON resources (parent, type);
CREATE TABLE IF NOT EXISTS operations (
    id TEXT PRIMARY KEY,
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    polls INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT,
    status TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Resource:
    """A resource: what GET answers, and beside it what only actions like listKeys give away.

    `sequence` is the order of creation; replacing a resource keeps it.
    """

    sequence: int
    key: str  # the id in lower case
    type: str  # lower case
    body: dict[str, Any]
    secrets: dict[str, Any]

    @property
    def properties(self) -> dict[str, Any]:
        """Return the resource's `properties`."""
        properties: dict[str, Any] = self.body.get("properties") or {}
        return properties


class State:
    """The database. Everything is done in `transaction()`, one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        self._depth = 0

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the state in a folder; both are made when missing."""
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            folder / FILE_NAME, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # a killed process loses nothing by it
        connection.executescript(_SCHEMA)
        return cls(connection)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of what follows or, when it raises, nothing. May be nested."""
        with self._lock:
            if self._depth:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            else:
                self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    def setting(self, name: str) -> str | None:
        """Read a setting."""
        with self._lock:
            row = self._connection.execute(
                "SELECT value FROM settings WHERE name = ?", (name,)
            ).fetchone()
        return row[0] if row else None

    def set_setting(self, name: str, value: str) -> None:
        """Write a setting."""
        with self.transaction():
            self._connection.execute("REPLACE INTO settings VALUES (?, ?)", (name, value))

    def get(self, resource_id: str) -> Resource | None:
        """Find a resource by its id, in any case."""
        with self._lock:
            row = self._connection.execute(
                f"{_SELECT} WHERE key = ?", (resource_id.lower(),)
            ).fetchone()
        return _resource(row) if row else None

    def put(
        self, parent: str, resource_type: str, body: Mapping[str, Any], secrets: Mapping[str, Any]
    ) -> Resource:
        """Write a resource under its `id`; one that is there keeps its place in the order."""
        key = str(body["id"]).lower()
        with self.transaction():
            self._connection.execute(
                "INSERT INTO resources (key, type, parent, body, secrets) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET body = excluded.body, secrets = excluded.secrets",
                (
                    key,
                    resource_type.lower(),
                    parent.lower(),
                    json.dumps(body),
                    json.dumps(dict(secrets)),
                ),
            )
            found = self.get(key)
        if found is None:
            raise AssertionError(f"{key} was written and is not there")
        return found

    def update(self, resource: Resource, properties: Mapping[str, Any]) -> Resource:
        """Write some properties of a resource anew."""
        body = {**resource.body, "properties": {**resource.properties, **properties}}
        with self.transaction():
            self._connection.execute(
                "UPDATE resources SET body = ? WHERE key = ?", (json.dumps(body), resource.key)
            )
        return Resource(resource.sequence, resource.key, resource.type, body, resource.secrets)

    def delete(self, resource_id: str) -> None:
        """Remove a resource and all below it."""
        key = resource_id.lower()
        with self.transaction():
            self._connection.execute(
                "DELETE FROM resources WHERE key = ? OR substr(key, 1, ?) = ?",
                (key, len(key) + 1, key + "/"),
            )

    def children(self, parent: str, resource_type: str | None = None) -> list[Resource]:
        """List the resources directly below an id, in the order of creation."""
        with self._lock:
            rows = self._connection.execute(
                f"{_SELECT} WHERE parent = ? AND (? IS NULL OR type = ?) ORDER BY sequence",
                (parent.lower(), resource_type, resource_type and resource_type.lower()),
            ).fetchall()
        return [_resource(row) for row in rows]

    def of_type(self, resource_type: str, below: str = "") -> list[Resource]:
        """List all resources of a type, everywhere or anywhere below an id."""
        prefix = below.lower().rstrip("/") + "/" if below else ""
        with self._lock:
            rows = self._connection.execute(
                f"{_SELECT} WHERE type = ? AND substr(key, 1, ?) = ? ORDER BY sequence",
                (resource_type.lower(), len(prefix), prefix),
            ).fetchall()
        return [_resource(row) for row in rows]

    def below(self, resource_id: str) -> list[Resource]:
        """List everything below an id, in the order of creation."""
        prefix = resource_id.lower().rstrip("/") + "/"
        with self._lock:
            rows = self._connection.execute(
                f"{_SELECT} WHERE substr(key, 1, ?) = ? ORDER BY sequence", (len(prefix), prefix)
            ).fetchall()
        return [_resource(row) for row in rows]

    def add_operation(self, operation: Operation) -> None:
        """Remember a long-running operation, new or changed."""
        with self.transaction():
            self._connection.execute(
                "REPLACE INTO operations VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    operation.id,
                    operation.target.lower(),
                    operation.kind,
                    operation.polls,
                    operation.outcome,
                    json.dumps(operation.error) if operation.error else None,
                    operation.status,
                ),
            )

    def operation(self, operation_id: str) -> Operation | None:
        """Find a long-running operation."""
        return self._operation(f"{_SELECT_OPERATION} WHERE id = ?", operation_id)

    def unfinished_operation(self, target: str) -> Operation | None:
        """Find the operation that is changing a resource."""
        return self._operation(
            f"{_SELECT_OPERATION} WHERE target = ? AND status = 'InProgress'", target.lower()
        )

    def _operation(self, query: str, value: str) -> Operation | None:
        with self._lock:
            row = self._connection.execute(query, (value,)).fetchone()
        if row is None:
            return None
        error = json.loads(row[5]) if row[5] else None
        return Operation(row[0], row[1], row[2], row[3], row[4], error, row[6])


@dataclass(frozen=True)
class Operation:
    """A long-running operation on `target`: InProgress for some polls, then its outcome."""

    id: str
    target: str
    kind: str  # "put", "delete" or "cancel"
    polls: int  # answers of "InProgress" that are left; less than none: never done
    outcome: str  # "Succeeded" or "Failed"
    error: dict[str, Any] | None
    status: str


_SELECT_OPERATION = "SELECT id, target, kind, polls, outcome, error, status FROM operations"
_SELECT = "SELECT sequence, key, type, body, secrets FROM resources"


def _resource(row: tuple[int, str, str, str, str]) -> Resource:
    sequence, key, resource_type, body, secrets = row
    return Resource(sequence, key, resource_type, json.loads(body), json.loads(secrets))
