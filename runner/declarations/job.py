"""Declares jobs: commands, Spark programs, and the kinds of job that only Azure runs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from runner.assets.kinds import AssetType
from runner.declarations.deployment import Compute, Resources, Variables, stays_inside
from runner.declarations.document import MappingNode, Node, ScalarNode, shown
from runner.declarations.environment import EnvironmentSource
from runner.declarations.names import AssetName, Version
from runner.declarations.problem import DeclarationError, Problem
from runner.declarations.reader import (
    Check,
    Declared,
    Open,
    Text,
    Texts,
    Using,
    at_least,
    joined,
    plain,
    read_record,
    read_str,
    refused,
)
from runner.declarations.references import (
    PREFIX,
    AssetReference,
    Location,
    parse_reference,
    read_location,
)
from runner.errors import WrongUsage
from runner.jobs.kinds import JOB_KINDS, DeclaredJobType
from runner.nearest import nearest

Literals = str | int | float | bool

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_input_path(node: Node, key: str) -> AssetReference | Path | str:
    """Read a reference to an asset, a local path, or an address."""
    text = read_str(node, key)
    if text.startswith(PREFIX):
        try:
            return parse_reference(text)
        except WrongUsage:
            if not text.startswith(PREFIX + "//"):
                raise refused(node, key, "azureml:<name>:<version>, a path or an address") from None
    return read_location(node, key)


@dataclass(frozen=True)
class JobInput:
    """Files that a command reads."""

    path: Annotated[AssetReference | Path | str, Using(read_input_path)]
    type: AssetType = "uri_folder"
    mode: Literal["ro_mount", "download", "direct", "eval_mount", "eval_download"] | None = None
    datastore: str | None = None
    path_on_compute: str | None = None


@dataclass(frozen=True)
class JobOutput:
    """Files that a command writes; with a name they become an asset."""

    type: AssetType = "uri_folder"
    path: Location | None = None
    mode: Literal["rw_mount", "upload", "mount", "direct"] = "rw_mount"
    name: AssetName | None = None
    version: Version | None = None


def read_input(node: Node, key: str) -> Literals | JobInput:
    """Read a value written in place, {value: ...}, or files as {type, path, mode}."""
    if isinstance(node, ScalarNode) and node.kind != "null":
        value: Literals = plain(node)
        return value
    if isinstance(node, MappingNode) and node.entries.keys() == {"value"}:
        return read_input(node.entries["value"], joined(key, "value"))
    if isinstance(node, MappingNode):
        return read_record(node, JobInput, key)
    raise refused(node, key, "a value, or a mapping with type and path")


def read_output(node: Node, key: str) -> JobOutput:
    """Read an output; one with nothing said about it is a folder."""
    if isinstance(node, ScalarNode) and node.kind == "null":
        return JobOutput()
    return read_record(node, JobOutput, key)


@dataclass(frozen=True)
class JobLimits:
    """The time after which a job is given up."""

    timeout: Annotated[int, at_least(1)] | None = None  # seconds


@dataclass(frozen=True, kw_only=True)
class ProgramJob(Declared):
    """The keys of command jobs and Spark jobs alike, which every environment runs.

    Their command or arguments have ${{inputs.<name>}} and ${{outputs.<name>}} where values and
    paths go.
    """

    name: AssetName | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    description: str = ""
    tags: Texts = field(default_factory=dict)
    properties: Texts = field(default_factory=dict)
    code: Location | None = None
    compute: Compute | None = None
    inputs: Mapping[str, Annotated[Literals | JobInput, Using(read_input)]] = field(
        default_factory=dict
    )
    outputs: Mapping[str, Annotated[JobOutput, Using(read_output)]] = field(default_factory=dict)
    identity: Open | None = None
    services: Open | None = None


@dataclass(frozen=True, kw_only=True)
class CommandJob(ProgramJob):
    """A job that runs a command, as the SDK's CommandJobSchema has it."""

    command: Annotated[str, Check(lambda text: bool(text.strip()), "a command")]
    environment: EnvironmentSource
    type: Literal["command"] = "command"
    resources: Resources = field(default_factory=Resources)
    environment_variables: Variables = field(default_factory=dict)
    limits: JobLimits = field(default_factory=JobLimits)
    distribution: Open | None = None
    queue_settings: Open | None = None
    parent_job_name: Text | None = None


@dataclass(frozen=True)
class SparkEntry:
    """The program of a Spark job: a Python file in its code, or a class in its jars."""

    file: Annotated[str, Check(stays_inside, "a path inside the code folder")] | None = None
    class_name: str | None = None


def read_entry(node: Node, key: str) -> SparkEntry:
    entry = read_record(node, SparkEntry, key)
    if (entry.file is None) == (entry.class_name is None):
        raise refused(node, key, "file or class_name")
    return entry


@dataclass(frozen=True)
class SparkResources:
    """The machines of Azure's own that a Spark job runs on, where it names no compute."""

    instance_type: str | None = None
    runtime_version: Text | None = None


Files = Annotated[
    tuple[str, ...], Check(lambda files: len(set(files)) == len(files), "each file once")
]


@dataclass(frozen=True, kw_only=True)
class SparkJob(ProgramJob):
    """A Spark job, as the SDK's SparkJobSchema has it; paths start from the code folder."""

    entry: Annotated[SparkEntry, Using(read_entry)]
    type: Literal["spark"] = "spark"
    args: str = ""
    py_files: Files = ()
    jars: Files = ()
    files: Files = ()
    archives: Files = ()
    conf: Texts = field(default_factory=dict)  # Spark's own properties
    environment: EnvironmentSource | None = None
    resources: SparkResources | None = None


@dataclass(frozen=True, kw_only=True)
class OtherJob(Declared):
    """A job of a kind that only Azure runs; azure-ai-ml checks its other keys when it is sent."""

    type: DeclaredJobType
    name: AssetName | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)


Job = CommandJob | SparkJob | OtherJob


def name_of(job: Job) -> str:
    """Return a job's name among those of its folder: its own, else its file's."""
    return job.name or job.file.stem


def job_type_of(node: MappingNode) -> str | None:
    """Return the kind of job that a document's `type` names, or None for none of them.

    Azure's own reader takes a job without a type for a command job.
    """
    declared = node.entries.get("type")
    if not isinstance(declared, ScalarNode):
        return "command" if declared is None else None
    return declared.text.lower() if declared.text.lower() in JOB_KINDS else None


def other_job_from(node: MappingNode) -> OtherJob:
    """Read the keys of a job that the runner itself needs. Raises DeclarationError."""
    known = {key: node.entries[key] for key in ("type", "name", "inputs") if key in node.entries}
    return replace(read_record(replace(node, entries=known), OtherJob), source=node)


def command_job_from(node: MappingNode) -> CommandJob:
    """Read a command job, and check what its command refers to. Raises DeclarationError."""
    job = read_record(node, CommandJob)
    _check_names(job, "command", job.command)
    return job


def spark_job_from(node: MappingNode) -> SparkJob:
    """Read a Spark job, and check what its arguments refer to. Raises DeclarationError."""
    job = read_record(node, SparkJob)
    _check_names(job, "args", job.args)
    return job


def _check_names(job: ProgramJob, key: str, text: str) -> None:
    """Raise DeclarationError for names of inputs and outputs that are not there or can't be."""
    entries = job.source.entries
    problems = [Problem(entries[key].place, key, wrong) for wrong in _wrong_names(job, text)]
    for kind in ("inputs", "outputs"):
        declared = entries.get(kind)
        if isinstance(declared, MappingNode):
            problems += [
                Problem(
                    place,
                    joined(kind, name),
                    f"found the name {shown(name)}, allowed: "
                    "letters, digits and underscores, not beginning with a digit",
                )
                for name, place in declared.key_places.items()
                if not _NAME.fullmatch(name)
            ]
    if problems:
        raise DeclarationError(problems)


def _wrong_names(job: ProgramJob, text: str) -> Iterator[str]:
    for found in _EXPRESSION.finditer(text):
        kind, _, name = found[1].strip().partition(".")
        declared = {"inputs": job.inputs, "outputs": job.outputs}.get(kind)
        whole = " ".join(found[0].split())
        if declared is None:
            yield f"found {whole}, allowed: ${{{{inputs.<name>}}}} and ${{{{outputs.<name>}}}}"
        elif name not in declared:
            yield f"found {whole}, but {kind} has no {shown(name)}" + nearest(name, declared)
