"""Declares deployments of a batch endpoint that run a pipeline instead of a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from runner.declarations.deployment import Compute
from runner.declarations.document import MappingNode, Node, ScalarNode
from runner.declarations.names import DeploymentName, EndpointName
from runner.declarations.problem import refusal
from runner.declarations.reader import (
    Declared,
    Texts,
    Using,
    joined,
    read_path,
    read_record,
    read_str,
    refused,
)
from runner.declarations.references import FORMS, PREFIX, AssetReference, is_uri, parse_reference
from runner.errors import WrongUsage

KEYS = ("component", "job_definition")  # that no deployment of a model has
_SEGMENT = "components"


def read_component(node: Node, key: str) -> AssetReference | Path:
    """Read a component's reference, or the local file that declares it."""
    text = read_str(node, key)
    if text.startswith(PREFIX):
        try:
            reference = parse_reference(text)
        except WrongUsage as error:
            raise refusal(node.place, key, str(error)) from None
        if reference.kind not in (None, _SEGMENT):
            raise refusal(node.place, key, f"found one of {reference.kind}, allowed: {_SEGMENT}")
        return reference
    if is_uri(text):
        raise refused(node, key, f"{FORMS}, or a path")
    return read_path(node, key)


@dataclass(frozen=True)
class PipelineSettings:
    """The settings of a pipeline's runs, as the SDK's PipelineJobSettings has them."""

    default_compute: Compute | None = None  # of the steps that name none
    default_datastore: str | None = None
    continue_on_step_failure: bool | None = None
    force_rerun: bool | None = None


@dataclass(frozen=True, kw_only=True)
class PipelineDeployment(Declared):
    """A deployment of a pipeline, as the SDK's PipelineComponentBatchDeploymentSchema has it."""

    name: DeploymentName
    endpoint_name: EndpointName
    component: Annotated[AssetReference | Path, Using(read_component)]
    type: Literal["pipeline"] = "pipeline"
    description: str = ""
    tags: Texts = field(default_factory=dict)
    settings: PipelineSettings = field(default_factory=PipelineSettings)

    @property
    def pinned(self) -> bool:
        """Return whether it always runs the same version of its component, which Azure has."""
        return isinstance(self.component, AssetReference) and self.component.exact


def is_pipeline(entries: Mapping[str, Node]) -> bool:
    """Return whether keys are a pipeline deployment's; as for Azure's reader, `type` decides."""
    kind = entries.get("type")
    if isinstance(kind, ScalarNode):
        return kind.text.lower() == "pipeline"
    return bool(entries.keys() & set(KEYS))


def pipeline_deployment_from(node: MappingNode, key: str = "") -> PipelineDeployment:
    """Read a pipeline deployment. Raises DeclarationError."""
    if "job_definition" in node.entries:
        raise refusal(
            node.key_places["job_definition"],
            joined(key, "job_definition"),
            "a job's steps can't be deployed as code, allowed: component",
        )
    return read_record(node, PipelineDeployment, key)
