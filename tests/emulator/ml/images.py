"""The image of an environment: who builds it, and whether that one may.

Where a workspace names a cluster for it, that cluster does, with its own identity; elsewhere it is
the registry, asked by the workspace.
"""

from __future__ import annotations

from tests.emulator import authorization
from tests.emulator.kinds import Change
from tests.emulator.ml import references
from tests.emulator.ml.references import workspace_of
from tests.emulator.state import Resource, State

FAILED = "ImageBuildFailure"
# Words that are quoted in how-to-troubleshoot-online-endpoints; the sentence around is not known.
_UNAUTHORIZED = "container registry authorization failure"
_OUT_OF_REACH = "failed to communicate with the workspace's container registry"
_QUEUE_BUILD = "Microsoft.ContainerRegistry/registries/listBuildSourceUploadUrl/action"


def build_fails(change: Change, workspace: Resource) -> str | None:
    """Say why the image of a deployment can't be built; None where it can, or none is."""
    state = change.cloud.state
    registry = state.get(str(workspace.properties.get("containerRegistry")))
    if registry is None or not _is_built(change):
        return None
    cluster = workspace.properties.get("imageBuildCompute")
    if not cluster:
        builder = authorization.identity_of(state, workspace)
        if authorization.lacks(state, builder, _QUEUE_BUILD, registry.key):
            return f"Image build failed: {_UNAUTHORIZED}."
        return None
    return _cluster_fails(state, workspace, registry, str(cluster))


def _is_built(change: Change) -> bool:
    """Return whether it is another image than the last, made from a list of packages."""
    properties, old = change.properties, change.old
    names = ("environmentId", "model")
    if old is not None and all(properties.get(name) == old.properties.get(name) for name in names):
        return False
    reference = properties.get("environmentId")
    if not reference:
        return True  # made from the packages of the model
    place = "properties.environmentId"
    workspace = workspace_of(change.id)
    found = references.asset(change.cloud, workspace, reference, "environments", place)
    return found is not None and bool(
        found.properties.get("condaFile") or found.properties.get("build")
    )


def _cluster_fails(
    state: State, workspace: Resource, registry: Resource, cluster: str
) -> str | None:
    compute = state.get(f"{workspace.key}/computes/{cluster}")
    if compute is None:
        return f"Image build failed: {_OUT_OF_REACH}."
    builder = authorization.identity_of(state, compute)
    storage = str(workspace.properties["storageAccount"])
    if authorization.lacks(state, builder, authorization.READ_BLOBS, storage, data=True):
        return f"Image build failed: {': '.join(authorization.STORAGE_MISMATCH)}"
    if authorization.lacks(state, builder, authorization.PUSH_IMAGES, registry.key):
        return (
            f"Image build failed: {_UNAUTHORIZED}: denied: requested access to the resource is"
            " denied"
        )
    return None
