"""Whoever pushes images decides what endpoints run."""

from collections.abc import Iterator
from typing import Final

from infra.policies.rule import Resource, Rule, words

_PUSH = "8311e382-0749-4cb8-b61a-304f252e45ec"  # Azure's built-in AcrPush

PUSHERS: Final = words(
    "pushers", ["builder"], "Who may push, as the names of role assignments begin with."
)


def _pushed_by_builder(resource: Resource) -> Iterator[str]:
    role = resource.read("roleDefinitionId")
    if resource.kind != "authorization:RoleAssignment" or not isinstance(role, str):
        return
    pushers = PUSHERS.of(resource)
    if role.lower().endswith(_PUSH) and not any(
        resource.name.startswith(f"{pusher}-") for pusher in pushers
    ):
        yield (
            f"{resource.name} lets somebody push the images that endpoints run; give AcrPull in"
            f" infra/foundation/access.py, or name who pushes in this policy's {PUSHERS.key}"
        )


PUSHED_BY_BUILDER: Final = Rule(
    "images-are-pushed-by-the-builder",
    "Nobody but the builder may push images, and no job runs with the builder's identity.",
    _pushed_by_builder,
    (PUSHERS,),
)
