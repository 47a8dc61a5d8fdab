"""Handles keys of a job that azure-ai-ml reads from its file and does not write into its request.

They were found by giving each key of each kind of job a unique value, and by searching the requests
of azure-ai-ml 1.35.2 for it. Keys that can be added to the request are added; the others are
refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.declarations.document import ListNode, MappingNode, ScalarNode
from runner.declarations.job import Job as DeclaredJob
from runner.declarations.problem import DeclarationError, Problem

_WAY = "azure-ai-ml reads it and does not send it: take it out"
_LOST: Mapping[str, tuple[str, ...]] = {
    "sweep": ("services", "trial.queue_settings"),
    "spark": ("services", "properties"),
    "automl": ("services", "resources.properties", "queue_settings.priority"),
}
_LOST_OF_STEPS: Mapping[str, tuple[str, ...]] = {
    "command": ("name", "experiment_name", "parent_job_name"),
    "sweep": ("name", "experiment_name", "description", "identity", "services"),
    "spark": ("name", "experiment_name", "services"),
    "parallel": ("name", "experiment_name", "display_name", "description", "tags", "services"),
    "automl": ("name",),
}
_RESOURCES = ("resources", "trial.resources")  # of command and sweep jobs
_LOST_BESIDE_A_LIST = ("locations", "max_instance_count")  # where docker_args is a list


def check_gaps(declared: DeclaredJob) -> None:
    """Raise DeclarationError with all declared keys of a job that would be missing."""
    problems = [
        Problem(holder.key_places[name], f"{above}{name}", _WAY)
        for holder, above, name in _lost_keys(declared.source, declared.type)
    ]
    if problems:
        raise DeclarationError(problems)


def mend_gaps(job: Any) -> None:
    """Mend the parts of a job's entity that azure-ai-ml would write wrongly.

    It would send every output of an AutoML job as a folder, and the settings of its machines in
    the spelling of the file, which Azure does not know.
    """
    if job.type != "automl":
        return
    # As an AutoML job can also be a step of a pipeline, its outputs are wrapped.
    job.outputs = {
        name: getattr(output, "_data", output) for name, output in (job.outputs or {}).items()
    }
    if job.resources is not None:
        names = ("instance_count", "instance_type", "shm_size", "docker_args", *_LOST_BESIDE_A_LIST)
        given = {name: getattr(job.resources, name) for name in names}
        job.resources = {_wire_name(name, value): value for name, value in given.items() if value}
    if job.queue_settings is not None:
        job.queue_settings = {"jobTier": str(job.queue_settings.job_tier).capitalize()}


def _wire_name(name: str, value: object) -> str:
    first, *others = name.split("_")
    plural = "List" if name == "docker_args" and isinstance(value, list) else ""
    return first + "".join(part.capitalize() for part in others) + plural


def _lost_keys(source: MappingNode, kind: str) -> Iterator[tuple[MappingNode, str, str]]:
    """Yield each missing key with the mapping that it stands in and the dotted keys above."""
    yield from _declared(source, _LOST.get(kind, ()), "")
    if kind in ("command", "sweep"):
        for key in _RESOURCES:
            yield from _beside_a_list(source, key)
    jobs = source.entries.get("jobs")
    if kind != "pipeline" or not isinstance(jobs, MappingNode):
        return
    for name, step in jobs.entries.items():
        if isinstance(step, MappingNode):
            type_ = step.entries.get("type")
            step_kind = type_.text if isinstance(type_, ScalarNode) else "command"
            yield from _declared(step, _LOST_OF_STEPS.get(step_kind, ()), f"jobs.{name}.")


def _declared(
    source: MappingNode, keys: tuple[str, ...], above: str
) -> Iterator[tuple[MappingNode, str, str]]:
    for key in keys:
        path, _, name = key.rpartition(".")
        holder = _mapping_at(source, path)
        if holder is not None and name in holder.entries:
            yield holder, f"{above}{path}." if path else above, name


def _beside_a_list(source: MappingNode, key: str) -> Iterator[tuple[MappingNode, str, str]]:
    resources = _mapping_at(source, key)
    if resources is not None and isinstance(resources.entries.get("docker_args"), ListNode):
        yield from _declared(source, tuple(f"{key}.{name}" for name in _LOST_BESIDE_A_LIST), "")


def _mapping_at(source: MappingNode, path: str) -> MappingNode | None:
    node: object = source
    for part in path.split(".") if path else ():
        node = node.entries.get(part) if isinstance(node, MappingNode) else None
    return node if isinstance(node, MappingNode) else None
