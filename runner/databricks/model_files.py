"""The files of a model's version, fetched through MLflow's own client."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from runner.assets.content import Content, scan
from runner.databricks.mlflow_client import fetch_artifacts
from runner.files.atomic import remove
from runner.workspace import Asset

if TYPE_CHECKING:
    from runner.databricks.connection import Connection


def fetched_content(connection: Connection, home: Path, asset: Asset) -> Content:
    """The files of a version, which lie on this machine until nothing holds them any more."""
    folder = home / f"model-{uuid4().hex}"
    try:
        found = fetch_artifacts(connection, asset.path, folder)
        names = sorted(str(path.relative_to(found)) for path in found.rglob("*") if path.is_file())
        content = scan(found, names)  # all of them: ignore files of the model are part of it
    except BaseException:
        remove(folder)
        raise
    weakref.finalize(content, remove, folder)
    return content
