"""Where an environment's workspace is: the stack output `runner`, or a `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from runner.clouds import CURRENT_CLOUD, PUBLIC
from runner.errors import WrongUsage
from runner.stack_output import (
    Malformed,
    StackOutput,
    mapping,
    read_json,
    text,
    text_or_none,
    texts,
)

_CONFIG_KEYS = ("subscription_id", "resource_group", "workspace_name")


@dataclass(frozen=True)
class EndpointOutput:
    """One endpoint as the stack deployed it."""

    kind: Literal["batch", "online"]
    name: str  # in Azure, where it is unique in its region
    scoring_uri: str | None = None
    deployments: tuple[str, ...] = ()
    default: str | None = None  # batch
    traffic: Mapping[str, int] = field(default_factory=dict)  # online, percent


@dataclass(frozen=True)
class Outputs:
    """A workspace's address, and what the stack deployed there by logical name."""

    subscription_id: str
    resource_group: str
    workspace: str
    source: str  # where this was read, for messages
    stack: str | None = None  # whose output it is, where that is said
    cloud: str = PUBLIC
    location: str | None = None
    tracking_uri: str | None = None
    endpoints: Mapping[str, EndpointOutput] | None = None  # None: Pulumi doesn't manage them

    @property
    def resource_id(self) -> str:
        """The workspace's id in Resource Manager."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )


def outputs_of(output: StackOutput) -> Outputs:
    """The record of a stack's output `runner`. Raises WrongUsage."""
    content = output.content
    try:
        return Outputs(
            subscription_id=text(content, "subscription_id"),
            resource_group=text(content, "resource_group"),
            workspace=text(content, "workspace"),
            source=output.source,
            stack=output.stack,
            cloud=text(content, "cloud", PUBLIC),
            location=text(content, "location"),
            tracking_uri=text_or_none(content, "tracking_uri"),
            endpoints={
                name: _endpoint(endpoint)
                for name, endpoint in mapping(content, "endpoints").items()
            },
        )
    except Malformed as problem:
        raise output.malformed(problem) from None


def read_config(file: Path) -> Outputs:
    """Read the address of a workspace that Pulumi doesn't manage. Raises WrongUsage."""
    import os

    content = read_json(file)
    cloud = os.environ.get(CURRENT_CLOUD) or PUBLIC
    if isinstance(content, dict):
        scope = str(content.get("Scope") or "").split("/")
        values = [content.get(key) for key in _CONFIG_KEYS]
        if len(scope) > 8:  # as the first SDK wrote it: a resource id
            values = [scope[2], scope[4], scope[8]]
        if all(isinstance(value, str) and value for value in values):
            subscription, group, workspace = (str(value) for value in values)
            return Outputs(subscription, group, workspace, source=str(file), cloud=cloud)
    raise WrongUsage(f"{file} lacks {', '.join(_CONFIG_KEYS[:-1])} or {_CONFIG_KEYS[-1]}")


def _endpoint(content: object) -> EndpointOutput:
    if not isinstance(content, dict):
        raise Malformed("an endpoint is not an object")
    kind = content.get("kind")
    if kind not in ("batch", "online"):
        raise Malformed(f"an endpoint's kind is {kind!r}, allowed: batch, online")
    return EndpointOutput(
        kind=kind,
        name=text(content, "name"),
        scoring_uri=text_or_none(content, "scoring_uri"),
        deployments=texts(content, "deployments"),
        default=text_or_none(content, "default"),
        traffic=mapping(content, "traffic"),
    )
