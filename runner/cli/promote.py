"""Copying a model from one environment to another."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.workspace import Asset, Workspace

FROM_ENVIRONMENT = "promoted_from"
FROM_VERSION = "promoted_version"
FROM_COMMIT = "promoted_commit"


def promote(source: Workspace, target: Workspace, reference: str, commit: str | None) -> Asset:
    """Copy a version of a model into another workspace, file by file, and return it there.

    Its tags say where it came from: environment, version and, where known, the commit. Content
    that the target has under this name already keeps its version. Raises NotFound and
    EnvironmentRefused; then nothing is registered.
    """
    model = source.asset("model", reference)
    origin = {FROM_ENVIRONMENT: source.environment, FROM_VERSION: model.version}
    if commit:
        origin[FROM_COMMIT] = commit
    copy = replace(model, tags={**model.tags, **origin}, job=None)
    return target.receive(copy, source.contents("model", model.reference))


def current_commit(folder: Path) -> str | None:
    """The commit that is checked out in a folder; None where there is none."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
