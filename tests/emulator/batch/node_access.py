"""The access of a cluster's nodes to what a job needs, by the identity of the cluster."""

from __future__ import annotations

from tests.emulator import authorization
from tests.emulator.batch.task import INVOCATION
from tests.emulator.batch.work import Failed, Work
from tests.emulator.state import Resource, State


def require_access(state: State, job: Resource, work: Work) -> None:
    """Raise Failed where the job's cluster was given an identity that lacks a role for the work."""
    identity = authorization.identity_of(state, _cluster(state, job))
    if identity is None:
        return
    workspace = state.get(work.workspace)
    registry = state.get(str(workspace.properties.get("containerRegistry"))) if workspace else None
    if registry and authorization.lacks(state, identity, authorization.PULL_IMAGES, registry.key):
        raise Failed(_not_pulled(registry))
    for place, action in work.needs():
        account = authorization.account_named(state, place.account)
        if account and authorization.lacks(state, identity, action, account.key, data=True):
            raise Failed(f"{': '.join(authorization.STORAGE_MISMATCH)} ({action} on {account.key})")


def _cluster(state: State, job: Resource) -> Resource | None:
    invoked = job.secrets.get(INVOCATION)
    target = invoked["compute"]["target"] if invoked else job.properties.get("computeId")
    return state.get(str(target)) if target else None


def _not_pulled(registry: Resource) -> str:
    """Say it as https://github.com/Azure/azureml-examples/issues/3463 tells."""
    return (
        f"Failed to pull Docker image {registry.properties['loginServer']}/azureml/azureml_0. This"
        " error may occur because the compute could not authenticate with the Docker registry to"
        " pull the image. If using ACR please ensure the ACR has Admin user enabled or a Managed"
        " Identity with `AcrPull` access to the ACR is assigned to the compute. If the ACR Admin"
        " user's password was changed recently it may be necessary to synchronize the workspace"
        " keys."
    )
