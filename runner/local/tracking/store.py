"""The workspace's tracking store: MLflow's own, in SQLite, with the artifacts beside it.

<home>/tracking/
    mlflow.db                          experiments, runs, logged and registered models
    artifacts/<run>/artifacts/         what a run logged
    artifacts/models/<id>/artifacts/   a model that a run logged
    lock                               held while the store is made

Reading goes through SQLite alone, so that a command doesn't import MLflow, which takes seconds:
see `reading`. Writing goes through MLflow, in the host of a job.
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
_MISREAD = frozenset("%?")  # characters of a path that mean something else in a store's address


def can_track() -> bool:
    """Whether the packages are there that a job is tracked with; none of them is imported."""
    from importlib.util import find_spec

    return all(find_spec(package) is not None for package in ("mlflow", "sqlalchemy"))


def why_untracked(home: Path) -> str | None:
    """What is said of a job of this workspace that can't be tracked; None where it can."""
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
    """What MLFLOW_TRACKING_URI is for this workspace."""
    return f"sqlite:///{store_file(home).absolute()}"


def artifact_root(home: Path) -> Path:
    """The folder below which MLflow keeps the artifacts of all experiments."""
    return (_folder(home) / "artifacts").absolute()


def open_store(home: Path) -> MlflowClient:
    """Give a client of the store, which is made where there is none.

    MLflow makes its tables in many steps, which two processes at once would break for each other.
    It raises what SQLAlchemy and MLflow raise.
    """
    from mlflow import MlflowClient

    make_private(_folder(home), home)
    with (_folder(home) / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mlflow_store(home)
        with closing(sqlite3.connect(store_file(home), timeout=_BUSY_SECONDS)) as connection:
            # Who reads doesn't wait for who writes, and the other way round.
            connection.execute("PRAGMA journal_mode = WAL")
    return MlflowClient(tracking_uri=store_address(home))


def mlflow_store(home: Path) -> Any:
    """MLflow's own object that stands behind its client; it makes the tables where none are."""
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
        raise NotFound("no job of this workspace has been tracked yet; `runner train` makes one")
    address = f"file:{quote(str(store_file(home).absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def artifact_folder(home: Path, connection: sqlite3.Connection, run: str) -> Path | None:
    """The folder of a run's artifacts; None where the store has no such run."""
    row = connection.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", [run]).fetchone()
    return None if row is None else local_path(home, row[0])


def local_path(home: Path, address: str) -> Path:
    """The file or folder that an artifact's address in the store means.

    What lay in this workspace's store is looked for there, wherever the workspace was moved to.
    """
    from urllib.parse import unquote, urlsplit

    path = unquote(urlsplit(address).path) if address.startswith("file:") else address
    if Path(path).is_relative_to(artifact_root(home)):
        return Path(path)
    _, inside, tail = path.partition("/tracking/artifacts/")
    return artifact_root(home) / tail if inside else Path(path)


def _folder(home: Path) -> Path:
    return home / "tracking"
