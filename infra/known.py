"""Names that a preview knows before there is what they name.

Azure's plugin says what a resource is called once it is there. This program says it before.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TypeVar

import pulumi

T = TypeVar("T")


def known(value: T, after: pulumi.Output[T]) -> pulumi.Output[T]:
    """Return a value that is known now, and waits for the resources that an output waits for."""
    return pulumi.Output(after.resources(), _at_once(value), _at_once(True))


class KnownNames:
    """Writes names in place of outputs that name the same, as a transformation of a stack."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """Take the names by the inputs of azure-native that they go into."""
        self._names = names

    def __call__(
        self, args: pulumi.ResourceTransformationArgs
    ) -> pulumi.ResourceTransformationResult | None:
        if not args.type_.startswith("azure-native:"):
            return None
        props = dict(args.props)
        for key, name in self._names.items():
            unknown = props.get(key)
            if isinstance(unknown, pulumi.Output):
                props[key] = known(name, unknown)
        return pulumi.ResourceTransformationResult(props, copy(args.opts))


async def _at_once(value: T) -> T:
    return value
