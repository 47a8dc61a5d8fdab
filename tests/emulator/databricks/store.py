"""What a Databricks workspace holds: documents by kind and name, in the cloud's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulator.state import Resource, State

Document = dict[str, Any]


@dataclass(frozen=True)
class Store:
    """The documents of one workspace. Names know no letter case, like Unity Catalog's."""

    state: State
    workspace: str  # its number

    def get(self, kind: str, name: str) -> Document | None:
        """Find a document."""
        found = self.state.get(f"{self._parent(kind)}/{name}")
        return _document(found) if found else None

    def put(self, kind: str, name: str, document: Mapping[str, Any]) -> Document:
        """Write a document; one that is there keeps its place in the order."""
        parent = self._parent(kind)
        body = {"id": f"{parent}/{name}", "document": dict(document)}
        return _document(self.state.put(parent, f"databricks/{kind}", body, {}))

    def delete(self, kind: str, name: str) -> None:
        """Remove a document."""
        self.state.delete(f"{self._parent(kind)}/{name}")

    def all(self, kind: str) -> list[Document]:
        """List the documents of a kind in the order of creation."""
        return [_document(found) for found in self.state.children(self._parent(kind))]

    def next_number(self, kind: str) -> int:
        """Give the next number of a kind; numbers are never given twice."""
        with self.state.transaction():
            name = f"databricks {self.workspace} {kind}"
            number = int(self.state.setting(name) or 0) + 1
            self.state.set_setting(name, str(number))
        return number

    def _parent(self, kind: str) -> str:
        return f"{_root(self.workspace)}/{kind}"


def forget(state: State, workspace: str) -> None:
    """Remove all that a workspace holds."""
    state.delete(_root(workspace))


def _root(workspace: str) -> str:
    return f"/databricks/{workspace}"


def _document(resource: Resource) -> Document:
    document: Document = resource.body["document"]
    return document
