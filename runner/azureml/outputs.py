"""Reads the address of an environment's workspace, of a stack's output or a `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runner.clouds import CURRENT_CLOUD, PUBLIC, choose_cloud, environment_setting
from runner.errors import WrongUsage
from runner.stacks.output import (
    EndpointOutput,
    Malformed,
    StackOutput,
    find_text,
    get_mapping,
    get_text,
    read_endpoint,
    read_json,
)

_CONFIG_KEYS = ("subscription_id", "resource_group", "workspace_name")


@dataclass(frozen=True)
class Outputs:
    """A workspace's address, and what the stack deployed there by logical name."""

    subscription_id: str
    resource_group: str
    workspace: str
    source: str  # of this record, for messages
    stack: str | None = None  # whose output it is, if that is known
    cloud: str = PUBLIC
    location: str | None = None
    tracking_uri: str | None = None
    endpoints: Mapping[str, EndpointOutput] | None = None  # None: Pulumi doesn't manage them

    @property
    def resource_id(self) -> str:
        """Return the workspace's id in Resource Manager."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )


def outputs_of(output: StackOutput) -> Outputs:
    """Return the record of a stack's output `runner`. Raises WrongUsage."""
    content = output.content
    try:
        return Outputs(
            subscription_id=get_text(content, "subscription_id"),
            resource_group=get_text(content, "resource_group"),
            workspace=get_text(content, "workspace"),
            source=output.source,
            stack=output.stack,
            cloud=get_text(content, "cloud", PUBLIC),
            location=get_text(content, "location"),
            tracking_uri=find_text(content, "tracking_uri"),
            endpoints={
                name: read_endpoint(given)
                for name, given in get_mapping(content, "endpoints").items()
            },
        )
    except Malformed as problem:
        raise output.malformed(problem) from None


def read_config(file: Path) -> Outputs:
    """Read the address of a workspace that Pulumi doesn't manage. Raises WrongUsage."""
    content = read_json(file)
    cloud = environment_setting("", CURRENT_CLOUD) or choose_cloud(environment_setting)[0] or PUBLIC
    if isinstance(content, dict):
        scope = str(content.get("Scope") or "").split("/")
        values = [content.get(key) for key in _CONFIG_KEYS]
        if len(scope) > 8:  # as the first SDK wrote it: a resource id
            values = [scope[2], scope[4], scope[8]]
        if all(isinstance(value, str) and value for value in values):
            subscription, group, workspace = (str(value) for value in values)
            return Outputs(subscription, group, workspace, source=str(file), cloud=cloud)
    raise WrongUsage(f"{file} lacks {', '.join(_CONFIG_KEYS[:-1])} or {_CONFIG_KEYS[-1]}")
