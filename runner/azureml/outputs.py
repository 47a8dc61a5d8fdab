"""Where an environment's workspace is: the stack output `runner`, or a `config.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from runner.clouds import CURRENT_CLOUD, PUBLIC
from runner.errors import EnvironmentRefused, WrongUsage

SCHEMA_VERSION = 1
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


def read_outputs(file: Path) -> Outputs:
    """Read a stack's outputs from a file: the value of `runner`, or all outputs of the stack.

    Raises WrongUsage for a file that isn't there or holds something else, EnvironmentRefused for
    a newer schema.
    """
    if not file.exists():
        raise WrongUsage(f"{file}: No such file; --outputs or RUNNER_OUTPUTS names it")
    content = _read_json(file)
    if isinstance(content, dict) and "runner" in content:
        content = content["runner"]
    return parse_outputs(content, str(file))


def parse_outputs(content: object, source: str) -> Outputs:
    """The record of a `runner` output; `source` is where it comes from, for messages.

    Raises as `read_outputs`.
    """
    if not isinstance(content, dict) or "schema_version" not in content:
        raise WrongUsage(
            f"{source} has no output `runner` of a stack; write it with"
            " `pulumi stack output --json --stack ENV > FILE`"
        )
    version = content["schema_version"]
    if not isinstance(version, int) or isinstance(version, bool):
        raise WrongUsage(f"{source}: schema_version is {version!r}, allowed: a whole number")
    if version > SCHEMA_VERSION:
        raise EnvironmentRefused(
            f"{source} has schema_version {version} and this runner reads up to"
            f" {SCHEMA_VERSION}; upgrade the runner"
        )
    try:
        return Outputs(
            subscription_id=_text(content, "subscription_id"),
            resource_group=_text(content, "resource_group"),
            workspace=_text(content, "workspace"),
            source=source,
            stack=_text_or_none(content, "stack"),
            cloud=_text(content, "cloud", PUBLIC),
            location=_text(content, "location"),
            tracking_uri=_text_or_none(content, "tracking_uri"),
            endpoints={
                name: _endpoint(one) for name, one in _mapping(content, "endpoints").items()
            },
        )
    except _Malformed as problem:
        raise WrongUsage(
            f"{source}: {problem}; it is written by `pulumi stack output --json --stack ENV`"
        ) from None


def read_config(file: Path) -> Outputs:
    """Read the address of a workspace that Pulumi doesn't manage. Raises WrongUsage."""
    import os

    content = _read_json(file)
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


class _Malformed(Exception):
    pass


def _endpoint(content: object) -> EndpointOutput:
    if not isinstance(content, dict):
        raise _Malformed("an endpoint is not an object")
    kind = content.get("kind")
    if kind not in ("batch", "online"):
        raise _Malformed(f"an endpoint's kind is {kind!r}, allowed: batch, online")
    return EndpointOutput(
        kind=kind,
        name=_text(content, "name"),
        scoring_uri=_text_or_none(content, "scoring_uri"),
        deployments=_texts(content, "deployments"),
        default=_text_or_none(content, "default"),
        traffic=_mapping(content, "traffic"),
    )


def _text(content: Mapping[str, Any], key: str, absent: str | None = None) -> str:
    value = content.get(key, absent)
    if not isinstance(value, str) or not value:
        raise _Malformed(f"{key} is {value!r}, allowed: text")
    return value


def _text_or_none(content: Mapping[str, Any], key: str) -> str | None:
    return None if content.get(key) is None else _text(content, key)


def _texts(content: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = content.get(key) or []
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise _Malformed(f"{key} is {values!r}, allowed: a list of texts")
    return tuple(values)


def _mapping(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key) or {}
    if not isinstance(value, dict):
        raise _Malformed(f"{key} is not an object")
    return value


def _read_json(file: Path) -> object:
    try:
        # Windows' shells write redirected text with a byte order mark.
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise WrongUsage(f"{file}: {error.strerror or error}") from None
    except ValueError as error:  # a UnicodeDecodeError is one, too
        raise WrongUsage(f"{file} is not JSON: {error}") from None
