"""Resources that act on Azure before another one goes, as its plugin deletes it in no other way.

Each depends on the resource that it is for, and so is deleted before it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource
from pulumi.output import Unknown

from infra.component import within
from infra.dynamic.resource_manager import ResourceManagerError, SignedInProvider


class WouldBeMadeAnew(Exception):
    """A change would replace a cluster; one line that says what to write instead."""


class DeletionProvider(SignedInProvider):
    """Does nothing but look before it is deleted itself."""

    key: ClassVar[str]  # of the input with the id of the resource that it is for

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Keep the id; nothing is done yet."""
        return CreateResult(props[self.key], {self.key: props[self.key]})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look whether the resource is there; without an id where it is not."""
        if self._manager().get(id_) is None:
            return ReadResult("", {})
        return ReadResult(id_, {self.key: props[self.key]})


class ClusterDeletionProvider(DeletionProvider):
    """Deletes a cluster, and refuses one that would be made anew.

    The plugin can't delete it, as Azure asks what becomes of its machines, and then forgets it.
    Azure changes neither size nor tier of a cluster, and deletes none that a deployment names, so
    to make it anew would fail half way.
    """

    key = "cluster"

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

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete the cluster and its machines. Raises ResourceManagerError while they work."""
        manager = self._manager()
        found = manager.get(_id)
        if found is None:
            return
        nodes = (found.body["properties"].get("properties") or {}).get("nodeStateCounts") or {}
        if working := nodes.get("runningNodeCount"):
            raise ResourceManagerError(
                f"the cluster {_short(_id)} has {working} machines at work, whose jobs would be"
                " lost: run this again when they are done, or cancel them with `runner jobs cancel`"
            )
        manager.delete(_id, underlyingResourceAction="Delete")


class ScheduleDisablingProvider(DeletionProvider):
    """Disables a schedule, as Azure deletes none that is enabled."""

    key = "schedule"

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Replace this resource where the schedule has another id."""
        anew = _news.get("schedule") != _id
        return DiffResult(
            changes=anew, replaces=["schedule"] if anew else [], delete_before_replace=anew
        )

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Disable the schedule, if it is there. Raises ResourceManagerError."""
        manager = self._manager()
        found = manager.get(_id)
        if found is None or not found.body["properties"].get("isEnabled", True):
            return
        properties = {**found.body["properties"], "isEnabled": False}
        properties.pop("provisioningState", None)
        manager.put(_id, {"properties": properties}, found.etag)


class ClusterDeletion(Resource, module="scoring", name="ClusterDeletion"):
    """The deletion of a cluster that is to come; what names the cluster depends on it."""

    def __init__(self, name: str, cluster: pulumi.CustomResource) -> None:
        super().__init__(ClusterDeletionProvider(), name, {"cluster": cluster.id}, within())


class ScheduleDisabling(Resource, module="scoring", name="ScheduleDisabling"):
    """The disabling of a schedule that is to come before its deletion."""

    def __init__(self, name: str, schedule: pulumi.CustomResource) -> None:
        super().__init__(ScheduleDisablingProvider(), name, {"schedule": schedule.id}, within())


def _short(cluster: str) -> str:
    return cluster.rpartition("/")[2]
