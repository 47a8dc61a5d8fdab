"""Where in a declaration or a stack file a problem is told."""

from __future__ import annotations

from pathlib import Path

from runner.declarations import Problem
from runner.declarations.document import MappingNode, Node
from runner.declarations.reader import Declared


class Say:
    """Makes a problem at the line where a key stands, or the nearest one above it."""

    def __init__(self, stack: Path, declared: Declared, prefix: str) -> None:
        self.stack, self.declared, self.prefix = stack, declared, prefix

    def __call__(self, text: str, *keys: str) -> Problem:
        place = self.declared.source.place
        node: Node | None = self.declared.source
        for key in keys:
            if not isinstance(node, MappingNode) or key not in node.entries:
                break
            place, node = node.key_places[key], node.entries[key]
        key = ".".join(keys)
        return Problem(place, f"{self.prefix}.{key}" if place.file == self.stack else key, text)
