"""Jobs: what is declared once and run many times."""

from __future__ import annotations

from tests.emulator.databricks_plugin.kind import Kind, Properties
from tests.emulator.databricks_plugin.shapes import sent, shown
from tests.emulator.databricks_plugin.workspace import Workspace

_PATH = "2.2/jobs"


class Job(Kind):
    name = "Job"
    computed = ("url",)
    own = ("alwaysRunning", "controlRunState")

    def create(self, workspace: Workspace, inputs: Properties) -> str:
        return str(workspace.post(f"{_PATH}/create", sent(self.sent(inputs)))["job_id"])

    def read(self, workspace: Workspace, identifier: str) -> Properties:
        return shown(workspace.get(f"{_PATH}/get", job_id=identifier)["settings"])

    def update(self, workspace: Workspace, identifier: str, inputs: Properties) -> None:
        settings = sent(self.sent(inputs))
        workspace.post(f"{_PATH}/reset", {"job_id": int(identifier), "new_settings": settings})

    def delete(self, workspace: Workspace, identifier: str, old: Properties) -> None:
        workspace.post(f"{_PATH}/delete", {"job_id": int(identifier)})
