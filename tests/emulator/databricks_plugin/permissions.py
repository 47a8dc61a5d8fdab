"""The permissions of an object of the workspace."""

from __future__ import annotations

from typing import Any

from tests.emulator.databricks_plugin.kind import Kind, Properties
from tests.emulator.databricks_plugin.shapes import sent
from tests.emulator.databricks_plugin.workspace import Workspace

_OBJECTS = {
    "clusterId": "clusters",
    "clusterPolicyId": "cluster-policies",
    "directoryId": "directories",
    "jobId": "jobs",
    "servingEndpointId": "serving-endpoints",
}
_WHO = ("group_name", "service_principal_name", "user_name")


class Permissions(Kind):
    """All permissions on one object but those of its owner and of administrators."""

    name = "Permissions"
    fixed = tuple(_OBJECTS)
    computed = ("objectType",)

    def create(self, workspace: Workspace, inputs: Properties) -> str:
        ((key, thing),) = ((name, inputs[name]) for name in _OBJECTS if name in inputs)
        identifier = f"/{_OBJECTS[key]}/{thing}"
        self.update(workspace, identifier, inputs)
        return identifier

    def read(self, workspace: Workspace, identifier: str) -> Properties:
        _, segment, thing = identifier.split("/")
        (key,) = (key for key, found in _OBJECTS.items() if found == segment)
        told = workspace.get(f"2.0/permissions{identifier}")
        controls = [
            _control(entry, level["permission_level"])
            for entry in told.get("access_control_list", ())
            if entry.get("group_name") != "admins"
            for level in entry["all_permissions"]
            if not level.get("inherited") and level["permission_level"] != "IS_OWNER"
        ]
        return {key: thing, "accessControls": controls, "objectType": told.get("object_type")}

    def update(self, workspace: Workspace, identifier: str, inputs: Properties) -> None:
        controls = [sent(control) for control in inputs["accessControls"]]
        workspace.put(f"2.0/permissions{identifier}", {"access_control_list": controls})

    def delete(self, workspace: Workspace, identifier: str, old: Properties) -> None:
        workspace.put(f"2.0/permissions{identifier}", {"access_control_list": []})


def _control(entry: dict[str, Any], level: str) -> dict[str, str]:
    ((name, who),) = ((name, entry[name]) for name in _WHO if entry.get(name))
    camel = {"group_name": "groupName", "user_name": "userName"}.get(name, "servicePrincipalName")
    return {camel: who, "permissionLevel": level}
