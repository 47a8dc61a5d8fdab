"""Deletes a compute cluster, which the plugin can't: Azure asks what becomes of its machines.

A resource that depends on the cluster, and is gone before it: the plugin then forgets the cluster.
It is also what refuses a cluster that would be made anew. Azure changes neither size nor tier of
one, and deletes none that a deployment names, so that would fail half way.
"""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
)
from pulumi.output import Unknown

from infra.component import within
from infra.dynamic.resource_manager import ResourceManager, ResourceManagerError, when_asked


class WouldBeMadeAnew(Exception):
    """A change would replace a cluster; one line that says what to write instead."""


class ClusterDeletionProvider(ResourceProvider):
    """Deletes the cluster when it is deleted itself. Pickled into the state, without a secret."""

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Keep where to look settings up. Nobody has signed in yet."""
        self._manager = when_asked(req.config.get)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Refuse a cluster that is about to be made anew, before the old one is touched.

        Raises WouldBeMadeAnew.
        """
        if isinstance(_news.get("cluster"), Unknown):
            raise WouldBeMadeAnew(
                f"the cluster {_short(_id)} would be deleted and made anew, as Azure changes"
                " neither size nor tier of one. Undo that, declare the new one beside it under"
                " another name, name it in `compute` of the deployments, run `pulumi up`, and take"
                " the old one out then; to move a whole platform, run `pulumi destroy` first"
            )
        return DiffResult(changes=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Nothing is done yet."""
        return CreateResult(props["cluster"], {"cluster": props["cluster"]})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look whether the cluster is there; without an id where it is not."""
        if self._manager().get(id_) is None:
            return ReadResult("", {})
        return ReadResult(id_, {"cluster": props["cluster"]})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete the cluster and its machines. Raises ResourceManagerError while they work."""
        delete_cluster(self._manager(), _id)


class ClusterDeletion(Resource, module="scoring", name="ClusterDeletion"):
    """The deletion of a cluster that is to come; what names the cluster depends on it."""

    def __init__(self, name: str, cluster: pulumi.CustomResource) -> None:
        super().__init__(ClusterDeletionProvider(), name, {"cluster": cluster.id}, within())


def delete_cluster(manager: ResourceManager, cluster: str) -> None:
    """Delete a cluster and its machines, unless jobs run on those. Raises ResourceManagerError."""
    found = manager.get(cluster)
    if found is None:
        return
    nodes = (found.body["properties"].get("properties") or {}).get("nodeStateCounts") or {}
    if working := nodes.get("runningNodeCount"):
        raise ResourceManagerError(
            f"the cluster {_short(cluster)} has {working} machines at work, whose jobs would be"
            " lost: run this again when they are done, or cancel them with `runner jobs cancel`"
        )
    manager.delete(cluster, underlyingResourceAction="Delete")


def _short(cluster: str) -> str:
    return cluster.rpartition("/")[2]
