"""Checks the stack output `runner`, wherever it is read; each platform reads its part of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner.errors import EnvironmentRefused, WrongUsage
from runner.project import AZUREML, STACK_OUTPUT, Source

if TYPE_CHECKING:
    from runner.project import Project

SCHEMA_VERSION = 1


class Malformed(Exception):
    """A value of the output is not what it should be; the text names it."""


@dataclass(frozen=True)
class EndpointOutput:
    """One endpoint as a stack deployed it, on whatever platform."""

    kind: Literal["batch", "online"]
    name: str  # in the workspace; on Azure Machine Learning unique in its region
    scoring_uri: str | None = None
    deployments: tuple[str, ...] = ()
    default: str | None = None  # batch
    traffic: Mapping[str, int] = field(default_factory=dict)  # online, percent


@dataclass(frozen=True)
class StackOutput:
    """The stack output `runner` as JSON, and where it was read, for messages."""

    content: Mapping[str, Any]
    source: str

    @property
    def stack(self) -> str | None:
        """Return the stack's name, where the output has it. Raises Malformed."""
        return find_text(self.content, "stack")

    @property
    def platform(self) -> str:
        """Return the stack's platform: `azureml`, unless it says otherwise. Raises Malformed."""
        return get_text(self.content, "platform", AZUREML)

    def malformed(self, problem: Malformed) -> WrongUsage:
        """Return the error for a value that is not what it should be."""
        return WrongUsage(
            f"{self.source}: {problem}; it is written by `pulumi stack output --json --stack ENV`"
        )


def read_source(project: Project, environment: str, source: Source) -> StackOutput:
    """Read the output of an environment's stack, from its state or from the file of a source.

    Raises WrongUsage, NotFound, EnvironmentRefused.
    """
    if source.kind == "stack":
        from runner.stacks.pulumi_cli import read_stack_output

        printed = read_stack_output(project.root, environment)
        return check_output(printed, f"stack {environment}")
    assert source.file is not None
    output = read_output_file(source.file)
    if output.stack not in (None, environment):
        raise WrongUsage(
            f"{source.file} is the output of stack {output.stack!r}, not of {environment!r}: use"
            f" --env {output.stack}, or name another file in --stack-output or {STACK_OUTPUT}"
        )
    return output


def read_output_file(file: Path) -> StackOutput:
    """Read a stack's output from a file: the value of `runner`, or all outputs of the stack.

    Raises WrongUsage for a file that isn't there or holds something else, EnvironmentRefused for
    a newer schema.
    """
    if not file.exists():
        raise WrongUsage(f"{file}: No such file; --stack-output or {STACK_OUTPUT} names it")
    content = read_json(file)
    if isinstance(content, dict) and "runner" in content:
        content = content["runner"]
    return check_output(content, str(file))


def check_output(content: object, source: str) -> StackOutput:
    """Return the output `runner` as it was read, if it is one. Raises as `read_output_file`."""
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
    return StackOutput(content, source)


def get_text(content: Mapping[str, Any], key: str, absent: str | None = None) -> str:
    """Return a text of an output that must be there, or have a default. Raises Malformed."""
    value = content.get(key, absent)
    if not isinstance(value, str) or not value:
        raise Malformed(f"{key} is {value!r}, allowed: text")
    return value


def find_text(content: Mapping[str, Any], key: str) -> str | None:
    """Return a text that may be missing or null. Raises Malformed."""
    return None if content.get(key) is None else get_text(content, key)


def get_texts(content: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return a list of texts; empty where it is missing. Raises Malformed."""
    values = content.get(key) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Malformed(f"{key} is {values!r}, allowed: a list of texts")
    return tuple(values)


def get_mapping(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object; empty where it is missing. Raises Malformed."""
    value = content.get(key) or {}
    if not isinstance(value, dict):
        raise Malformed(f"{key} is not an object")
    return value


def read_endpoint(content: object) -> EndpointOutput:
    """Read an endpoint of the output. Raises Malformed."""
    if not isinstance(content, dict):
        raise Malformed("an endpoint is not an object")
    kind = content.get("kind")
    if kind not in ("batch", "online"):
        raise Malformed(f"an endpoint's kind is {kind!r}, allowed: batch, online")
    return EndpointOutput(
        kind=kind,
        name=get_text(content, "name"),
        scoring_uri=find_text(content, "scoring_uri"),
        deployments=get_texts(content, "deployments"),
        default=find_text(content, "default"),
        traffic=get_mapping(content, "traffic"),
    )


def read_json(file: Path) -> object:
    """Read the JSON in a file. Raises WrongUsage."""
    try:
        # Windows' shells write redirected text with a byte order mark.
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise WrongUsage(f"{file}: {error.strerror or error}") from None
    except ValueError as error:  # a UnicodeDecodeError is one, too
        raise WrongUsage(f"{file} is not JSON: {error}") from None
