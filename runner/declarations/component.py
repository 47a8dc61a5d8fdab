"""Declares components: commands that are steps of a pipeline, and pipelines of them.

Sources: the SDK's CommandComponentSchema and PipelineComponentSchema.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from runner.declarations.deployment import Variables
from runner.declarations.document import MappingNode, Node, ScalarNode, read_document
from runner.declarations.environment import EnvironmentSource
from runner.declarations.kinds import is_component
from runner.declarations.pipeline_deployment import read_component
from runner.declarations.problem import DeclarationError
from runner.declarations.reader import Declared, Open, Text, Texts, Using, read_record
from runner.declarations.references import AssetReference, Location


@dataclass(frozen=True)
class ComponentInput:
    """An input of a component: files, a model, or a value."""

    type: str
    optional: bool = False
    default: Any = None
    description: str = ""
    mode: str | None = None
    min: Any = None
    max: Any = None
    enum: Any = None


@dataclass(frozen=True)
class ComponentOutput:
    """An output of a component."""

    type: str = "uri_folder"
    description: str = ""
    mode: str | None = None
    path: str | None = None


@dataclass(frozen=True, kw_only=True)
class Component(Declared):
    """The keys that components of every kind have."""

    name: Text | None = None
    version: Text | None = None
    display_name: str | None = None
    description: str = ""
    tags: Texts = field(default_factory=dict)
    is_deterministic: bool = True
    inputs: Mapping[str, ComponentInput] = field(default_factory=dict)
    outputs: Mapping[str, ComponentOutput] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CommandComponent(Component):
    """A command, which has ${{inputs.<name>}} and ${{outputs.<name>}} where values and paths go."""

    command: str
    environment: EnvironmentSource
    type: Literal["command"] = "command"
    code: Location | None = None
    resources: Open | None = None
    distribution: Open | None = None


def read_step_component(node: Node, key: str) -> AssetReference | Path | CommandComponent:
    """Read a step's component: a reference, a file, or a command written in place."""
    if isinstance(node, MappingNode):
        return read_record(node, CommandComponent, key)
    return read_component(node, key)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a pipeline. `inputs` and `outputs` bind the names of its component.

    A name is bound to a value, `${{parent.inputs.NAME}}`, `${{parent.outputs.NAME}}`,
    `${{parent.jobs.STEP.outputs.NAME}}`, or a mapping whose `path` is one of these or an asset's.
    """

    component: Annotated[AssetReference | Path | CommandComponent, Using(read_step_component)]
    type: str = "command"
    inputs: Open = field(default_factory=dict)
    outputs: Open = field(default_factory=dict)
    name: Text | None = None
    display_name: str | None = None
    description: str = ""
    tags: Texts = field(default_factory=dict)
    compute: str | None = None
    resources: Open | None = None
    limits: Open | None = None
    identity: Open | None = None
    environment_variables: Variables = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PipelineComponent(Component):
    """Steps, which run as what they read of each other is there."""

    jobs: Mapping[str, Open]  # each is read as a `Step` once it is known to be a command's
    type: Literal["pipeline"] = "pipeline"
    settings: Open | None = None


def read_pipeline_component(file: Path) -> PipelineComponent:
    """Read a pipeline's own file. Raises DeclarationError."""
    return read_record(read_document(file), PipelineComponent)


def read_command_component(file: Path) -> CommandComponent:
    """Read a command's own file. Raises DeclarationError."""
    return read_record(read_document(file), CommandComponent)


def find_component_file(folder: Path, reference: AssetReference) -> Path | None:
    """Return the file below a folder that declares a component of a reference's name.

    Which version that is nobody knows before it is registered.
    """
    for file in sorted((*folder.rglob("*.yml"), *folder.rglob("*.yaml"))):
        try:
            node = read_document(file)
        except DeclarationError:
            continue
        name = node.entries.get("name")
        if is_component(node) and isinstance(name, ScalarNode) and name.text == reference.name:
            return file
    return None


def step_of(pipeline: PipelineComponent, name: str) -> Step:
    """Return a step of a pipeline. Raises DeclarationError."""
    jobs = pipeline.source.entries["jobs"]
    assert isinstance(jobs, MappingNode)
    return read_record(jobs.entries[name], Step, f"jobs.{name}")
