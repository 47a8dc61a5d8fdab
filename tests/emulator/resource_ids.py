"""Resource Manager's ids: a path of types and names, in any letter case."""

from __future__ import annotations

from dataclasses import dataclass

from tests.emulator.messages import Refusal

GROUP_TYPE = "Microsoft.Resources/resourceGroups"
SUBSCRIPTION_TYPE = "Microsoft.Resources/subscriptions"


@dataclass(frozen=True)
class ResourceId:
    """A resource's address, or with an empty `name` that of a collection of its siblings.

    `parent` is the id it is nested below: a resource for `workspaces/models`, the resource group
    for `workspaces`, the scope for an extension resource such as a role assignment.
    """

    parent: str
    type: str
    segment: str  # the last type's name as it stands in the path, with its provider if it has one
    name: str

    @property
    def id(self) -> str:
        """Return the whole id."""
        return f"{self.parent}/{self.segment}" + (f"/{self.name}" if self.name else "")

    @property
    def subscription(self) -> str:
        """Return the subscription's name."""
        return self.id.split("/")[2]

    @property
    def group(self) -> str | None:
        """Return the id of the resource group it lies in."""
        parts = self.id.split("/")
        if len(parts) > 4 and parts[3].lower() == "resourcegroups":
            return "/".join(parts[:5])
        return None

    @property
    def group_name(self) -> str:
        """Return the resource group's name, empty for what lies in none."""
        return self.group.rpartition("/")[2] if self.group else ""

    @property
    def path_in_provider(self) -> str:
        """Types and names as Azure's messages name it: `Microsoft.X/workspaces/w/models/m`."""
        return self.id.rpartition("/providers/")[2]

    def child(self, segment: str, name: str) -> ResourceId:
        """Give the id of a nested resource."""
        return ResourceId(self.id, f"{self.type}/{segment}", segment, name)


def parse(path: str) -> ResourceId:
    """Read a path of Resource Manager. Raises `Refusal` for one that is none."""
    parts = path.strip("/").split("/")
    if "" in parts or parts[0].lower() != "subscriptions":
        raise Refusal(404, "InvalidResourceType", f"The path '{path}' addresses no resource type.")
    current = ResourceId("", SUBSCRIPTION_TYPE, "subscriptions", parts[1] if parts[1:] else "")
    rest = parts[2:]
    while rest:
        if rest[0].lower() == "providers":
            if len(rest) < 3:
                raise Refusal(400, "InvalidResourceNamespace", f"'{path}' names no resource type.")
            segment = f"providers/{rest[1]}/{rest[2]}"
            current = ResourceId(current.id, f"{rest[1]}/{rest[2]}", segment, "".join(rest[3:4]))
            rest = rest[4:]
        elif rest[0].lower() == "resourcegroups" and current.type == SUBSCRIPTION_TYPE:
            current = ResourceId(current.id, GROUP_TYPE, "resourceGroups", "".join(rest[1:2]))
            rest = rest[2:]
        else:
            current = current.child(rest[0], "".join(rest[1:2]))
            rest = rest[2:]
    return current
