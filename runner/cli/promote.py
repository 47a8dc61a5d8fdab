"""Copies a model from one environment to another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from runner.workspace.assets import PROMOTED_FROM, PROMOTED_VERSION

if TYPE_CHECKING:
    from runner.workspace import Asset, Workspace

FROM_COMMIT = "promoted_commit"
FROM_JOB = "promoted_job"


def promote(source: Workspace, target: Workspace, reference: str, commit: str | None) -> Asset:
    """Copy a version of a model into another workspace, file by file, and return it there.

    Its tags say where it came from: environment, version and, where known, the commit and the job
    that made it, which only that environment has. Everything else that is known of its origin is
    copied, too. Content that the target has under this name already keeps its version. Raises
    NotFound and EnvironmentRefused; then nothing is registered.
    """
    model = source.asset("model", reference)
    origin = {PROMOTED_FROM: source.environment, PROMOTED_VERSION: model.version}
    if commit:
        origin[FROM_COMMIT] = commit
    if model.job:
        origin[FROM_JOB] = model.job
    copy = replace(model, tags={**model.tags, **origin}, job=None)
    return target.receive(copy, source.contents("model", model.reference))
