"""Branches of the tree that `pulumi preview` shows: the platform, its access, each endpoint.

Everything was at the top of the tree once. So what is in a branch has an alias there, by which a
stack that was deployed like that takes its resources along, in place of making them anew.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any, Self

import pulumi

_OPEN: ContextVar[Component | None] = ContextVar("component", default=None)


class Component(pulumi.ComponentResource):
    """A branch; what is declared while it is open, with the options of `within`, belongs to it."""

    def __init__(self, kind: str, name: str) -> None:
        """Declare a branch of this kind, such as `Platform`."""
        super().__init__(f"scoring:infra:{kind}", name)
        self._opened: Token[Component | None] | None = None

    def __enter__(self) -> Self:
        self._opened = _OPEN.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._opened is not None
        _OPEN.reset(self._opened)


def within(**more: Any) -> pulumi.ResourceOptions:
    """Return options by which a resource belongs to the branch that is open, if one is.

    `more` as `pulumi.ResourceOptions` takes it; a `parent` among it goes before the branch.
    """
    component = _OPEN.get()
    if component is None or "parent" in more:
        return pulumi.ResourceOptions(**more)
    before = pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)
    return pulumi.ResourceOptions(parent=component, aliases=[before], **more)
