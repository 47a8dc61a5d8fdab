"""The behaviour of resource types. A resource of another type is kept as it is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.emulator.cloud import Cloud
from tests.emulator.messages import Refusal, Response
from tests.emulator.resource_ids import ResourceId
from tests.emulator.routes import Call
from tests.emulator.state import Resource


@dataclass
class Change:
    """A PUT or PATCH before it is written.

    `body` is the resource that is to be, with `id`, `name`, `type` and all; hooks change it in
    place. `old` is what is there now. `secrets` goes with the resource, out of GET's sight.
    """

    cloud: Cloud
    call: Call
    id: ResourceId
    old: Resource | None
    body: dict[str, Any]
    secrets: dict[str, Any]
    created: list[Callable[[], None]] = field(default_factory=list)  # called once it is written

    @property
    def properties(self) -> dict[str, Any]:
        """Return the new properties."""
        properties: dict[str, Any] = self.body["properties"]
        return properties

    def parent(self) -> Resource:
        """Return the resource it is nested below."""
        found = self.cloud.state.get(self.id.parent)
        if found is None:
            raise Refusal(404, "ParentResourceNotFound", f"'{self.id.parent}' was not found.")
        return found


ChangeHook = Callable[[Change], None]
DeleteHook = Callable[[Cloud, Call, Resource], None]
View = Callable[[Cloud, Resource], dict[str, Any]]
Action = Callable[[Cloud, Call, Resource], Response]
FreeAction = Callable[[Cloud, Call, ResourceId], Response]
Listing = Callable[[Cloud, Call, list[Resource]], list[Resource]]


def _as_it_is(cloud: Cloud, resource: Resource) -> dict[str, Any]:
    return resource.body


def _all(cloud: Cloud, call: Call, resources: list[Resource]) -> list[Resource]:
    return resources


def _nothing(*_: Any) -> None:
    """Hook of a type that asks for nothing special."""


@dataclass(frozen=True)
class Kind:
    """A resource type.

    `model` and `patch_model` name the SDK's request models that bodies are checked with.
    `prepare` checks a change and fills in what Azure computes; `before_delete` may refuse.
    One that needs no parent makes it (the container of a first version), but what lies above must
    be there; one that `lists_nothing` has an empty list below a parent that is not. `paged` lists
    come in pages. `actions` answer POST requests, by name in lower case;
    `free_actions` those that need no resource to be there. `also` names properties that some API
    version has and the SDK's model has not. `identities` are the kinds of managed identity it can
    have.
    """

    type: str
    model: str | None = None
    patch_model: str | None = None
    prepare: ChangeHook = _nothing
    before_delete: DeleteHook = _nothing
    view: View = _as_it_is
    listing: Listing = _all
    long_running: bool = False
    paged: bool = False
    provisioned: bool = True  # shows a provisioningState
    needs_parent: bool = True
    lists_nothing: bool = False
    writable: bool = True
    etag: bool = True
    actions: dict[str, Action] = field(default_factory=dict)
    free_actions: dict[str, FreeAction] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    identities: tuple[str, ...] = ("SystemAssigned", "UserAssigned")
