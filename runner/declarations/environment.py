"""Reads declared environments: the image and the packages that code runs in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from runner.declarations.auto_delete import AutoDelete
from runner.declarations.document import MappingNode, Node, ScalarNode, read_document
from runner.declarations.names import AssetName, Version
from runner.declarations.problem import refusal
from runner.declarations.reader import (
    Check,
    Declared,
    Text,
    Texts,
    Using,
    between,
    plain,
    read_path,
    read_record,
    read_str,
    refused,
)
from runner.declarations.references import (
    FORMS,
    PREFIX,
    AssetReference,
    Location,
    is_uri,
    read_reference,
)


def read_conda_file(node: Node, key: str) -> Path | Mapping[str, Any]:
    """Read the path of a conda file, or its content written in place."""
    if isinstance(node, MappingNode):
        content: Mapping[str, Any] = plain(node)
        return content
    if isinstance(node, ScalarNode) and node.kind == "text":
        return read_path(node, key)
    raise refused(node, key, "a path, or the content of a conda file")


@dataclass(frozen=True)
class Route:
    """A port and path of an inference server."""

    port: Annotated[int, between(1, 65535)]
    path: str


@dataclass(frozen=True)
class InferenceConfig:
    """The routes to the server that an environment starts by itself."""

    liveness_route: Route
    scoring_route: Route
    readiness_route: Route


@dataclass(frozen=True)
class Build:
    """A Docker build: `path` is the folder that is its context."""

    path: Location
    dockerfile_path: str = "Dockerfile"


@dataclass(frozen=True, kw_only=True)
class Environment(Declared):
    """A declared environment, as the SDK's EnvironmentSchema has it; in place it needs no name."""

    name: AssetName | None = None
    version: Version | None = None
    image: Annotated[str, Check(str.isprintable, "the name of an image")] | None = None
    conda_file: Annotated[Path | Mapping[str, Any], Using(read_conda_file)] | None = None
    build: Build | None = None
    os_type: Literal["linux", "windows"] = "linux"
    inference_config: InferenceConfig | None = None
    description: str = ""
    tags: Texts = field(default_factory=dict)
    datastore: Text | None = None
    auto_delete_setting: AutoDelete | None = None


def environment_from(node: MappingNode) -> Environment:
    """Read an environment's own file, where a name is required. Raises DeclarationError."""
    environment = _environment(node, "")
    if environment.name is None:
        raise refusal(node.place, "name", "missing, and required")
    return environment


def read_environment_source(node: Node, key: str) -> AssetReference | Environment:
    """Read a reference, an environment written in place, or the path of an environment's file."""
    if not isinstance(node, ScalarNode) or node.kind != "text":
        return _environment(node, key)
    text = read_str(node, key)
    if text.startswith(PREFIX):
        return read_reference(node, key, "environments")
    path = read_path(node, key)
    if is_uri(text) or path.suffix not in (".yml", ".yaml"):
        raise refusal(
            node.place,
            key,
            f"found {text!r}, allowed: {FORMS}, the path of a YAML file, or a mapping",
        )
    return _environment(read_document(path), "")


def _environment(node: Node, key: str) -> Environment:
    environment = read_record(node, Environment, key)
    if environment.image and environment.build:
        raise refusal(node.place, key, "found both image and build, allowed: one of them")
    if not environment.image and not environment.build:
        raise refusal(node.place, key, "found neither image nor build, allowed: one of them")
    if environment.conda_file and environment.build:
        raise refusal(
            node.place, key, "found conda_file with build, allowed: conda_file with image"
        )
    return environment


EnvironmentSource = Annotated[AssetReference | Environment, Using(read_environment_source)]
