"""Declares what batch and online deployments, endpoints and jobs have in common."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from runner.declarations.document import ListNode, Node
from runner.declarations.environment import EnvironmentSource
from runner.declarations.model import ModelSource
from runner.declarations.names import DeploymentName, EndpointName
from runner.declarations.reader import (
    Check,
    Declared,
    Open,
    Texts,
    Using,
    at_least,
    read_list,
    read_str,
    refused,
)
from runner.declarations.references import PREFIX, Location

Where = Literal["everywhere", "this machine"]
_MARK = "per_call"
# For `metadata` of a field. A setting without it belongs to the deployment alone.
EVERYWHERE = {_MARK: "everywhere"}
THIS_MACHINE = {_MARK: "this machine"}  # Azure's scoring interface takes it with no call


def per_call(record: Any, prefix: str = "") -> Iterator[tuple[str, Where]]:
    """Yield the dotted keys of a record that a call may change, with where it may."""
    for setting in fields(record):
        key = f"{prefix}{setting.name}"
        if _MARK in setting.metadata:
            yield key, setting.metadata[_MARK]
        elif is_dataclass(setting.type):
            yield from per_call(setting.type, f"{key}.")


def stays_inside(text: str) -> bool:
    """Return whether a relative path leads to something below the folder it starts from."""
    path = PurePosixPath(text.replace("\\", "/"))
    return (
        bool(path.parts)
        and text.isprintable()
        and not path.is_absolute()
        and ".." not in path.parts
    )


def read_compute(node: Node, key: str) -> str:
    """Read the name of a compute target, its ARM id, or `local`; the prefix azureml: is dropped."""
    name = read_str(node, key).removeprefix(PREFIX)
    if not name or not name.isprintable() or " " in name:
        raise refused(node, key, "azureml:<name of a cluster>")
    return name


def read_docker_args(node: Node, key: str) -> str | tuple[str, ...]:
    return read_list(node, str, key) if isinstance(node, ListNode) else read_str(node, key)


def are_variables(variables: Mapping[str, str]) -> bool:
    """Return whether a process can be given these as its environment."""
    return all(name.isprintable() and name and "=" not in name for name in variables)


Compute = Annotated[str, Using(read_compute)]
Variables = Annotated[Texts, Check(are_variables, "variables whose names have no '='")]


@dataclass(frozen=True)
class CodeConfiguration:
    """A scoring script, and the folder of code that is made available to it."""

    code: Location
    scoring_script: Annotated[
        str, Check(stays_inside, "a path inside the code folder, without '..'")
    ]


@dataclass(frozen=True)
class Resources:
    """The number of machines, and their size."""

    instance_count: Annotated[int, at_least(1)] = field(default=1, metadata=EVERYWHERE)
    instance_type: str | None = None
    properties: Open = field(default_factory=dict)
    locations: tuple[str, ...] = ()
    shm_size: str | None = None
    max_instance_count: Annotated[int, at_least(1)] | None = None
    docker_args: Annotated[str | tuple[str, ...], Using(read_docker_args)] | None = None


@dataclass(frozen=True)
class Identity:
    """The identity an endpoint acts with. Source: the SDK's IdentitySchema."""

    type: Literal["system_assigned", "user_assigned", "none"]
    principal_id: str | None = None
    tenant_id: str | None = None
    user_assigned_identities: tuple[Texts, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Endpoint(Declared):
    """The keys that endpoints of every kind have, as in the SDK's EndpointSchema."""

    name: EndpointName
    description: str = ""
    tags: Texts = field(default_factory=dict)
    properties: Texts = field(default_factory=dict)
    identity: Identity | None = None
    location: str | None = None


@dataclass(frozen=True, kw_only=True)
class Deployment(Declared):
    """The keys that deployments of models have, as in the SDK's DeploymentSchema.

    `pinned` is True once a stack file gives the model an exact version.
    """

    name: DeploymentName
    endpoint_name: EndpointName
    description: str = ""
    tags: Texts = field(default_factory=dict)
    properties: Texts = field(default_factory=dict)
    model: ModelSource | None = None
    code_configuration: CodeConfiguration | None = None
    environment: EnvironmentSource | None = None
    pinned: bool = field(default=False, metadata={"given": True})
