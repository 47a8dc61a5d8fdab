"""Models and data assets of a workspace: models are Unity Catalog's, data lies in the volume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from runner.assets.content import Content
from runner.assets.fetching import fresh_folder, write
from runner.assets.kinds import AssetKind
from runner.assets.rules import check_copy
from runner.databricks import data, models
from runner.files.atomic import check_absent
from runner.workspace import Asset, OnProgress, Registration, Run, Transfer

if TYPE_CHECKING:
    from runner.databricks.connection import Connection


def register(
    connection: Connection,
    home: Path,
    kind: AssetKind,
    registration: Registration,
    on_progress: OnProgress,
    find_run: Callable[[str], Run | None],
    declared: Callable[[str], str | None],
) -> Asset:
    """Register a file or folder, or what lies in the cloud; see the modules of the kinds.

    `home` is a folder of this machine for what is on its way, and `declared` says where a model of
    a name is declared.
    """
    if kind == "data":
        return data.register(connection, registration, on_progress)
    from runner.databricks.model_writing import register

    return register(connection, home, registration, on_progress, find_run, declared)


def receive(
    connection: Connection, home: Path, asset: Asset, content: Content, on_progress: OnProgress
) -> Asset:
    """Register a copy of another workspace's asset; content that is there already is not read."""
    if asset.kind == "data":
        return data.receive(connection, asset, content, on_progress)
    from runner.databricks.model_writing import receive

    return receive(connection, home, asset, content, on_progress)


def find(connection: Connection, kind: AssetKind, reference: str) -> Asset:
    """Return the version that a reference means. Raises WrongUsage, and NotFound."""
    found = data.find if kind == "data" else models.find
    return found(connection, reference)


def listing(connection: Connection, kind: AssetKind, name: str | None = None) -> list[Asset]:
    """Return all versions of a name, newest first, or the latest version of every name.

    Raises NotFound for an unknown name.
    """
    found = data.listing if kind == "data" else models.listing
    return found(connection, name)


def contents(connection: Connection, home: Path, asset: Asset) -> Content:
    """The files of an asset; those of a model are fetched, and go with what is returned."""
    if asset.kind == "data":
        return data.contents(connection, asset)
    from runner.databricks.model_files import fetched_content

    return fetched_content(connection, home, asset)


def download(
    connection: Connection,
    home: Path,
    kind: AssetKind,
    reference: str,
    target: Path,
    on_progress: OnProgress,
) -> Path:
    """Copy an asset to `target` and return it.

    Raises WrongUsage where the target exists, and EnvironmentRefused where it can't be written
    or the files are not those that were registered.
    """
    check_absent(target)
    asset = find(connection, kind, reference)
    content = contents(connection, home, asset)

    def show(done: int) -> None:
        on_progress(Transfer("downloading", asset.reference, done, content.size))

    only = content.files[0].name if content.shape == "file" else None
    with fresh_folder(target, only) as folder:
        check_copy(asset, write(content, folder, show))
    return target
