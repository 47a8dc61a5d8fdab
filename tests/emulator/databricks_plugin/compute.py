"""Clusters, and the policies that they are held to."""

from __future__ import annotations

import time

from tests.emulator.databricks_plugin.kind import Kind, Properties
from tests.emulator.databricks_plugin.shapes import sent, shown
from tests.emulator.databricks_plugin.workspace import Workspace
from tests.emulator.plugin.provider import Refusal

_CLUSTERS = "2.1/clusters"
_POLICIES = "2.0/policies/clusters"
_PAUSE = 0.05
_SECONDS = 60


class Cluster(Kind):
    name = "Cluster"
    computed = ("clusterId", "defaultTags", "state", "url")
    own = ("isPinned", "noWait", "libraries")

    def create(self, workspace: Workspace, inputs: Properties) -> str:
        made = workspace.post(f"{_CLUSTERS}/create", sent(self.sent(inputs)))
        identifier = str(made["cluster_id"])
        if inputs.get("isPinned"):
            workspace.post(f"{_CLUSTERS}/pin", {"cluster_id": identifier})
        return identifier

    def settle(
        self, workspace: Workspace, identifier: str, inputs: Properties, seconds: float
    ) -> None:
        if not inputs.get("noWait"):
            self._wait(workspace, identifier, seconds, "RUNNING")

    def read(self, workspace: Workspace, identifier: str) -> Properties:
        return shown(workspace.get(f"{_CLUSTERS}/get", cluster_id=identifier))

    def update(self, workspace: Workspace, identifier: str, inputs: Properties) -> None:
        # One that is starting can't be changed.
        self._wait(workspace, identifier, _SECONDS, "RUNNING", "TERMINATED")
        changed = {"cluster_id": identifier, **sent(self.sent(inputs))}
        workspace.post(f"{_CLUSTERS}/edit", changed)

    def delete(self, workspace: Workspace, identifier: str, old: Properties) -> None:
        workspace.post(f"{_CLUSTERS}/permanent-delete", {"cluster_id": identifier})

    def _wait(self, workspace: Workspace, identifier: str, seconds: float, *states: str) -> None:
        deadline = time.monotonic() + seconds
        while (found := self.read(workspace, identifier))["state"] not in states:
            if found["state"] == "TERMINATED" or time.monotonic() > deadline:
                told = found.get("stateMessage")
                raise Refusal(f"cluster {identifier} is {found['state']}: {told}")
            time.sleep(_PAUSE)


class ClusterPolicy(Kind):
    name = "ClusterPolicy"
    computed = ("policyId",)

    def create(self, workspace: Workspace, inputs: Properties) -> str:
        return str(workspace.post(f"{_POLICIES}/create", sent(inputs))["policy_id"])

    def read(self, workspace: Workspace, identifier: str) -> Properties:
        return shown(workspace.get(f"{_POLICIES}/get", policy_id=identifier))

    def update(self, workspace: Workspace, identifier: str, inputs: Properties) -> None:
        workspace.post(f"{_POLICIES}/edit", {"policy_id": identifier, **sent(inputs)})

    def delete(self, workspace: Workspace, identifier: str, old: Properties) -> None:
        workspace.post(f"{_POLICIES}/delete", {"policy_id": identifier})
