"""Reads declarations of models: their files, and the form those are stored in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from runner.assets.kinds import ModelType, guess_model_type
from runner.declarations.document import MappingNode, Node, ScalarNode
from runner.declarations.names import AssetName, Version
from runner.declarations.problem import refusal
from runner.declarations.reader import (
    Declared,
    Open,
    Texts,
    Using,
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


@dataclass(frozen=True)
class _Template:
    """A reference as the SDK's DeploymentTemplateReferenceSchema has it."""

    asset_id: str


def read_template(node: Node, key: str) -> Mapping[str, str]:
    """Read a deployment template of a registry, as az ml takes it."""
    return dict(vars(read_record(node, _Template, key)))


Template = Annotated[Mapping[str, str], Using(read_template)]


@dataclass(frozen=True, kw_only=True)
class Model(Declared):
    """A model, as the SDK's ModelSchema has it; inside a deployment it needs no name."""

    path: Location
    name: AssetName | None = None
    version: Version | None = None
    type: ModelType = "custom_model"
    description: str = ""
    tags: Texts = field(default_factory=dict)
    properties: Texts = field(default_factory=dict)
    stage: str | None = None
    flavors: Open = field(default_factory=dict)
    datastore: str | None = None
    system_metadata: Open = field(default_factory=dict)
    default_deployment_template: Template | None = None
    allowed_deployment_templates: tuple[Template, ...] = ()


def model_from(node: MappingNode) -> Model:
    """Read a model's own file, where a name is required. Raises DeclarationError."""
    model = read_record(node, Model)
    if model.name is None:
        raise refusal(node.place, "name", "missing, and required")
    return model


def read_model_source(node: Node, key: str) -> AssetReference | Model:
    """Read a deployment's model: a reference, a mapping, or the local path of a model.

    A path alone is an MLflow model when it holds a file named MLmodel.
    """
    if isinstance(node, MappingNode):
        return read_record(node, Model, key)
    allowed = f"{FORMS}, a path beginning with ./, or a mapping"
    if not isinstance(node, ScalarNode) or node.kind != "text":
        raise refused(node, key, allowed)
    text = read_str(node, key)
    if text.startswith(PREFIX):
        return read_reference(node, key, "models")
    if is_uri(text) or not _looks_local(text):
        raise refusal(node.place, key, f"found {text!r}, allowed: {allowed}")
    path = read_path(node, key)
    source = MappingNode(node.place, {"path": node}, {"path": node.place}, 2)
    return Model(path=path, type=guess_model_type(path), file=node.place.file, source=source)


def _looks_local(text: str) -> bool:
    return text.startswith(("./", "../", "/", "file:")) or Path(text).name != text


ModelSource = Annotated[AssetReference | Model, Using(read_model_source)]
