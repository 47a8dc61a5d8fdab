"""The connection to a Databricks workspace that the modules of this package share."""

from __future__ import annotations

from functools import cached_property

from runner.azure.session import Session
from runner.databricks.client import DatabricksClient
from runner.databricks.outputs import Outputs


class Connection(Session):
    """The address of a workspace and the client of its interface, opened when it is first used."""

    def __init__(self, outputs: Outputs) -> None:
        endpoints = outputs.endpoints
        names = {name: known.name for name, known in endpoints.items()}
        super().__init__(outputs.cloud, outputs.subscription_id, names)
        self.outputs = outputs

    @cached_property
    def api(self) -> DatabricksClient:
        """Return the client of the REST interface: `api.get("2.1", "clusters", "list")`."""
        return DatabricksClient(self.outputs, self.credential, self.cloud.resource_manager_scope)
