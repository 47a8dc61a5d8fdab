"""Lists for Pulumi what a stack takes over of a workspace that runs already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Adopted:
    """A resource that is taken over."""

    type: str
    name: str  # in the program
    id: str


@dataclass(frozen=True)
class Adoption:
    """The resources that are taken over, the list for `pulumi import --file`, and warnings."""

    adopted: tuple[Adopted, ...]
    imports: Mapping[str, Any]
    warnings: tuple[str, ...]


def import_list(adopted: Iterable[Adopted], listed: Mapping[str, Any]) -> dict[str, Any]:
    """Return Pulumi's own list of what would be made, less what is not taken over.

    The components that the rest is in stay, too. An entry is named apart from others by `name`,
    and as in the program by `logicalName`, where that is another.
    """
    ids = {(resource.type, resource.name): resource.id for resource in adopted}
    entries = {entry["name"]: entry for entry in listed["resources"]}
    kept: dict[str, dict[str, Any]] = {}
    for name, entry in entries.items():
        own_id = ids.get((entry["type"], entry.get("logicalName", name)))
        if own_id is None:
            continue
        kept[name] = {**entry, "id": own_id}
        parent = entry.get("parent")
        while parent in entries and parent not in kept:
            kept[parent] = entries[parent]
            parent = entries[parent].get("parent")
    # In the order of the list, where parents come first.
    return {**listed, "resources": [kept[name] for name in entries if name in kept]}
