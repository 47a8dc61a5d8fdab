"""Kinds of resource: their properties, and the requests to a workspace for them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.emulator.databricks_plugin.workspace import Workspace
from tests.emulator.plugin.sdk import Declared, Sdk

SDK = Sdk("pulumi_databricks")
Properties = Mapping[str, Any]


class Kind(ABC):
    """One kind, by the name that the SDK's type has. All properties are as a program has them.

    `fixed`: a change takes a new resource. `computed`: outputs that Databricks chooses. `own`:
    inputs that only the plugin knows.
    """

    name: ClassVar[str]
    fixed: ClassVar[tuple[str, ...]] = ()
    computed: ClassVar[tuple[str, ...]] = ()
    own: ClassVar[tuple[str, ...]] = ()

    @property
    def declared(self) -> Declared:
        return SDK.declared(self.name)

    @abstractmethod
    def create(self, workspace: Workspace, inputs: Properties) -> str:
        """Make it; give its id. Raises `Refusal`."""

    def settle(  # noqa: B027 - most kinds are there at once
        self, workspace: Workspace, identifier: str, inputs: Properties, seconds: float
    ) -> None:
        """Wait until it is as it was asked for. Raises `Refusal` where it never is."""

    @abstractmethod
    def read(self, workspace: Workspace, identifier: str) -> Properties:
        """Return what Databricks says of it. Raises `Gone`, `Refusal`."""

    @abstractmethod
    def update(self, workspace: Workspace, identifier: str, inputs: Properties) -> None:
        """Change it. Raises `Refusal`."""

    @abstractmethod
    def delete(self, workspace: Workspace, identifier: str, old: Properties) -> None:
        """Delete it. Raises `Gone`, `Refusal`."""

    def sent(self, inputs: Properties) -> dict[str, Any]:
        """Return the inputs that Databricks is told."""
        return {name: value for name, value in inputs.items() if name not in self.own}
