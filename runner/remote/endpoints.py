"""The batch endpoints that a stack deployed, by what its output says of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from runner.stacks.deploying import first_deployment
from runner.stacks.output import EndpointOutput


class StackEndpoints:
    """The part of `runner.invocation.request.BatchEndpoints` that a stack's output answers.

    `chosen` is the default endpoint that the stack file names.
    """

    default_place = "in the stack file and deploy"
    none_yet = "the workspace has no batch endpoint: declare one and deploy it"

    def __init__(
        self, known: Mapping[str, EndpointOutput], stack: str | None, chosen: str | None
    ) -> None:
        self._known = known
        self._stack = stack
        self._chosen = chosen

    def first_deployment(self, endpoint: str) -> str:
        return first_deployment(self._stack, endpoint)

    def names(self) -> Collection[str]:
        return [name for name, known in self._known.items() if known.kind == "batch"]

    def chosen(self) -> str | None:
        return self._chosen

    def is_online(self, name: str) -> bool:
        known = self._known.get(name)
        return known is not None and known.kind == "online"
