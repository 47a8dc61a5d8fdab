"""Problems at the place of a declaration or a stack file that they are about."""

from __future__ import annotations

from pathlib import Path

from runner.declarations import BatchDeployment, OnlineDeployment, PipelineDeployment, Problem
from runner.declarations.catalog import ENDPOINTS
from runner.declarations.document import MappingNode, Node
from runner.declarations.problem import Place
from runner.declarations.reader import Declared


class ProblemAt:
    """Makes a problem at the line where a key stands, or the nearest one above it."""

    def __init__(self, stack: Path, declared: Declared, prefix: str) -> None:
        """Take the stack's file, what is declared, and the dotted key that it has in that file."""
        self.stack, self.declared, self.prefix = stack, declared, prefix

    def __call__(self, text: str, *keys: str) -> Problem:
        """Return the problem of a key."""
        return Problem(*self.where(*keys), text)

    def where(self, *keys: str) -> tuple[Place, str]:
        """Return the place of a key, and its dotted name in the file that has it."""
        place = self.declared.source.place
        node: Node | None = self.declared.source
        for key in keys:
            if not isinstance(node, MappingNode) or key not in node.entries:
                break
            place, node = node.key_places[key], node.entries[key]
        key = ".".join(keys)
        return place, f"{self.prefix}.{key}" if place.file == self.stack else key


def deployment_problem(
    stack: Path, deployment: BatchDeployment | OnlineDeployment | PipelineDeployment
) -> ProblemAt:
    """Return what makes the problems of a deployment."""
    key = f"{ENDPOINTS}.{deployment.endpoint_name}.deployments.{deployment.name}"
    return ProblemAt(stack, deployment, key)
