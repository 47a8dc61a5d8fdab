"""The time that Azure takes before a role that was just assigned holds everywhere.

A resource between the assignments and what is made with them: Azure refuses in the meantime, for
up to some minutes, and the plugin does not ask again.
Source: Azure's documentation on troubleshooting role assignments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown
from pulumi_azure_native import authorization

from infra.component import within


class RoleDelayProvider(ResourceProvider):
    """Waits where there is an assignment that it has not waited for. Pickled into the state."""

    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Compare the assignments; how long to wait changes nothing that is done."""
        old, new = _assignments(_olds), _assignments(_news)
        # Unknown is what is about to be made anew, under the id that it had.
        anew = isinstance(new, Unknown) or any(isinstance(new.get(name), Unknown) for name in old)
        return DiffResult(
            changes=old != new,
            replaces=["assignments"] if anew else [],
            delete_before_replace=anew,
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait: all assignments are new."""
        _wait(props)
        return CreateResult("settled", _outs(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Wait where one is new, and not where one is gone."""
        if not _assignments(_news).items() <= _assignments(_olds).items():
            _wait(_news)
        return UpdateResult(_outs(_news))


# The type that it has in stacks from before 0.1.0, in a branch of the tree or above all of them.
_FORMER_TYPE = "pulumi-python:dynamic/scoring:Settling"
_FORMER = [
    pulumi.Alias(type_=_FORMER_TYPE),
    pulumi.Alias(type_=_FORMER_TYPE, parent=pulumi.ROOT_STACK_RESOURCE),
]


class RoleDelay(Resource, module="scoring", name="RoleDelay"):
    """Role assignments that hold once this is there."""

    def __init__(
        self, name: str, assignments: Sequence[authorization.RoleAssignment], *, seconds: int
    ) -> None:
        """Declare the wait for these assignments, that long for those that are new."""
        # An id is the same every time; an identity that was made anew is another.
        by_name = {
            assignment.pulumi_resource_name: pulumi.Output.concat(
                assignment.id, " of ", assignment.principal_id
            )
            for assignment in assignments
        }
        props = {"assignments": by_name, "seconds": seconds}
        options = pulumi.ResourceOptions.merge(within(), pulumi.ResourceOptions(aliases=_FORMER))
        super().__init__(RoleDelayProvider(), name, props, options)


def _assignments(props: dict[str, Any]) -> Any:
    return props.get("assignments") or {}


def _outs(props: dict[str, Any]) -> dict[str, Any]:
    return {key: props[key] for key in ("assignments", "seconds")}


def _wait(props: dict[str, Any]) -> None:
    import time

    time.sleep(props["seconds"])
