"""The workspace's tracking store is MLflow's own, in SQLite, with the artifacts beside it.

<home>/tracking/
    mlflow.db                          experiments, runs, logged and registered models
    artifacts/<run>/artifacts/         what a run logged
    artifacts/models/<id>/artifacts/   a model that a run logged
    lock                               held while the store is made

Commands read it through SQLite alone (see `reading`), as importing MLflow takes seconds. Only the
host of a job writes to it, through MLflow.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import NotFound
from runner.files.privacy import make_private

if TYPE_CHECKING:
    from mlflow import MlflowClient

_BUSY_SECONDS = 20.0  # as MLflow waits itself
_MISREAD = frozenset("%?")  # characters of a path with another meaning in an address


def can_track() -> bool:
    """Return whether the packages for tracking are installed; none of them is imported."""
    from importlib.util import find_spec

    return all(find_spec(package) is not None for package in ("mlflow", "sqlalchemy"))


def why_untracked(home: Path) -> str | None:
    """Return why jobs of this workspace can't be tracked, for their log; None if they can."""
    if not can_track():
        from runner.installing import installed_by

        return (
            "the job isn't tracked, because MLflow is not installed;"
            f" {installed_by('mlflow', group='mlflow')} adds it"
        )
    if not _MISREAD.isdisjoint(str(home.absolute())):
        return (
            f"the job isn't tracked, because MLflow can't keep its store in {home.absolute()}:"
            " set RUNNER_HOME to a folder without % and ? in its path"
        )
    return None


def store_file(home: Path) -> Path:
    return _folder(home) / "mlflow.db"


def store_address(home: Path) -> str:
    """Return the MLFLOW_TRACKING_URI of this workspace."""
    return f"sqlite:///{store_file(home).absolute()}"


def artifact_root(home: Path) -> Path:
    """Return the folder below which MLflow keeps the artifacts of all experiments."""
    return (_folder(home) / "artifacts").absolute()


def open_store(home: Path) -> MlflowClient:
    """Return a client of the store, which is made if there is none.

    It locks, as MLflow makes its tables in many steps. Raises as SQLAlchemy and MLflow do.
    """
    from mlflow import MlflowClient

    make_private(_folder(home), home)
    with (_folder(home) / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mlflow_store(home)
        with closing(sqlite3.connect(store_file(home), timeout=_BUSY_SECONDS)) as connection:
            # In this mode readers and a writer don't wait for each other.
            connection.execute("PRAGMA journal_mode = WAL")
    return MlflowClient(tracking_uri=store_address(home))


def mlflow_store(home: Path) -> Any:
    """Return the object behind MLflow's client, which makes the tables if there are none."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    make: Any = SqlAlchemyStore  # MLflow gives it no types
    return make(store_address(home), str(artifact_root(home)))


@contextmanager
def reading(home: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection that reads the store's tables; rows come as `sqlite3.Row`.

    Raises NotFound where the workspace has no store yet, and `sqlite3.Error`.
    """
    from urllib.parse import quote

    if not store_file(home).is_file():
        raise NotFound(
            "no job of this workspace has been tracked yet; `runner train MODEL` makes one"
        )
    address = f"file:{quote(str(store_file(home).absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def artifact_folder(home: Path, connection: sqlite3.Connection, run: str) -> Path | None:
    """Return the folder of a run's artifacts; None if the store has no such run."""
    row = connection.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", [run]).fetchone()
    return None if row is None else local_path(home, row[0])


def local_path(home: Path, address: str) -> Path:
    """Return the file or folder that an artifact's address in the store means.

    Files in this workspace's store are found also after the workspace was moved.
    """
    from urllib.parse import unquote, urlsplit

    path = unquote(urlsplit(address).path) if address.startswith("file:") else address
    if Path(path).is_relative_to(artifact_root(home)):
        return Path(path)
    _, inside, tail = path.partition("/tracking/artifacts/")
    return artifact_root(home) / tail if inside else Path(path)


def _folder(home: Path) -> Path:
    return home / "tracking"
