"""What the modules of this package ask Databricks through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, TypeVar

from runner.azure.clouds import find_cloud
from runner.azure.credentials import Credential
from runner.azure.errors import ServiceError
from runner.azure.sdk_logs import tame_loggers
from runner.clouds import Cloud
from runner.databricks.client import DatabricksClient
from runner.databricks.outputs import Outputs
from runner.errors import NotFound
from runner.nearest import nearest

Part = TypeVar("Part")


class Connection:
    """A client of a workspace's interface, and where the workspace is.

    It is opened when it is first used. What one command learns of the workspace besides belongs to
    the module that learns it and is kept here, by `once`.
    """

    def __init__(self, outputs: Outputs) -> None:
        self.outputs = outputs
        self._parts: dict[Callable[[Connection], Any], Any] = {}
        tame_loggers()

    def once(self, make: Callable[[Connection], Part]) -> Part:
        """What `make` makes of this connection: made on the first call, then always the same."""
        if make not in self._parts:
            self._parts.setdefault(make, make(self))
        part: Part = self._parts[make]
        return part

    @cached_property
    def cloud(self) -> Cloud:
        return find_cloud(self.outputs.cloud)

    @cached_property
    def credential(self) -> Credential:
        return Credential(self.cloud)

    @cached_property
    def api(self) -> DatabricksClient:
        """The workspace's REST interface: `api.get("2.1", "clusters", "list")`."""
        return DatabricksClient(self.outputs, self.credential, self.cloud.resource_manager_scope)

    def missing(self, noun: str, name: str, names: Callable[[], Iterable[str]]) -> NotFound:
        """The error for a name that the workspace lacks, with the nearest of those it has."""
        try:
            hint = nearest(name, list(names()))
        except ServiceError:
            hint = ""
        return NotFound(f"no {noun} {name!r}{hint}")

    def actual_name(self, endpoint: str) -> str:
        """An endpoint's name in the workspace, of its logical name; others stay as they are."""
        known = self.outputs.endpoints.get(endpoint)
        return known.name if known else endpoint

    def logical_name(self, endpoint: str) -> str:
        """An endpoint's logical name, of its name in the workspace; one without stays as it is."""
        for logical, known in self.outputs.endpoints.items():
            if known.name == endpoint:
                return logical
        return endpoint
