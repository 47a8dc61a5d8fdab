"""Folders of the workspace."""

from __future__ import annotations

from tests.emulator.databricks_plugin.kind import Kind, Properties
from tests.emulator.databricks_plugin.shapes import shown
from tests.emulator.databricks_plugin.workspace import Workspace

_PATH = "2.0/workspace"


class Directory(Kind):
    name = "Directory"
    fixed = ("path",)
    computed = ("objectId", "workspacePath")
    own = ("deleteRecursive",)

    def create(self, workspace: Workspace, inputs: Properties) -> str:
        path = str(inputs["path"])
        workspace.post(f"{_PATH}/mkdirs", {"path": path})
        return path

    def read(self, workspace: Workspace, identifier: str) -> Properties:
        found = shown(workspace.get(f"{_PATH}/get-status", path=identifier))
        return {**found, "workspacePath": f"/Workspace{identifier}"}

    def update(self, workspace: Workspace, identifier: str, inputs: Properties) -> None:
        """Change nothing but what only the plugin knows."""

    def delete(self, workspace: Workspace, identifier: str, old: Properties) -> None:
        recursive = bool(old.get("deleteRecursive"))
        workspace.post(f"{_PATH}/delete", {"path": identifier, "recursive": recursive})
