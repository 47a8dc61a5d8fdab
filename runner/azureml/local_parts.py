"""Finds the parts of a job that lie on this machine, or are names that a workspace must resolve.

azure-ai-ml reads a job as entities. They are walked here, down to the steps of pipelines and the
components that steps take from files of their own. Each part can be replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_TABLE_WAY = "a step is given its data as ${{parent.inputs.NAME}}: make it an input of the pipeline"
_INCLUDES_WAY = "the runner can't send them: put the files into `code`"
_DATA = ("training_data", "validation_data", "test_data")  # of an AutoML job


@dataclass(frozen=True)
class Part:
    """A part of a job, as it is declared."""

    kind: Literal["code", "environment", "input", "output", "compute"]
    key: str  # dotted, from the top of the job's file
    value: Any  # a text, or an environment's entity
    folder: Path  # from which a relative path starts
    put: Callable[[str], None]  # replaces it
    type: str = "uri_folder"  # of an input
    datastore: str | None = None  # to which an input is uploaded


class Unsent(Exception):
    """Raised for a key that would be missing from the request, with what to do instead."""

    def __init__(self, key: str, way: str) -> None:
        super().__init__(f"{key}: {way}")
        self.key = key
        self.way = way


def parts_of(job: Any, folder: Path) -> Iterator[Part]:
    """Yield the parts of a job's entity, whose file lies in a folder. Raises Unsent."""
    yield from _attribute(job, "compute", "compute", folder, "compute")
    if job.type == "automl":
        yield from _tables(job, folder, "")
        yield from _paths("output", job.outputs, "outputs", folder)
        return
    yield from _paths("input", job.inputs, "inputs", folder)
    yield from _paths("output", job.outputs, "outputs", folder)
    if job.type == "pipeline":
        if job.settings:
            yield from _attribute(
                job.settings, "default_compute", "compute", folder, "settings.default_compute"
            )
        yield from _steps(job.jobs, Path(job.component.base_path or folder), "jobs")
    elif job.type == "sweep":
        yield from _code_and_environment(job.trial, folder, "trial")
    else:
        yield from _code_and_environment(job, folder, "")


def _steps(steps: Mapping[str, Any], folder: Path, key: str) -> Iterator[Part]:
    """Yield the parts of a pipeline's steps; their inputs' paths start from its folder."""
    for name, step in steps.items():
        at = f"{key}.{name}"
        if step.type == "automl":
            yield from _attribute(step, "compute", "compute", folder, f"{at}.compute")
            for part in _tables(step, folder, at):
                raise Unsent(part.key, _TABLE_WAY)  # azure-ai-ml would send a text in its place
            continue
        if step.type in ("if_else", "do_while", "parallel_for"):  # they only point to other steps
            continue
        component = step.trial if step.type == "sweep" else step.component
        if step.type != "pipeline":
            yield from _attribute(step, "compute", "compute", folder, f"{at}.compute")
        yield from _paths("input", step.inputs, f"{at}.inputs", folder)
        yield from _paths("output", step.outputs, f"{at}.outputs", folder)
        if isinstance(component, str):  # it is in the workspace, or in a registry
            continue
        inside = Path(component.base_path or folder)
        if component.type == "pipeline":
            yield from _steps(component.jobs, inside, f"{at}.component.jobs")
        else:
            yield from _code_and_environment(component, inside, at)


def _code_and_environment(holder: Any, folder: Path, key: str) -> Iterator[Part]:
    if getattr(holder, "additional_includes", None):
        raise Unsent(_below(key, "additional_includes"), _INCLUDES_WAY)
    yield from _attribute(holder, "code", "code", folder, _below(key, "code"))
    yield from _attribute(holder, "environment", "environment", folder, _below(key, "environment"))


def _attribute(
    holder: Any,
    name: str,
    kind: Literal["code", "environment", "compute"],
    folder: Path,
    key: str,
) -> Iterator[Part]:
    value = getattr(holder, name, None)
    if value is not None and not _is_bound(value):
        yield Part(kind, key, value, folder, lambda other: setattr(holder, name, other))


def _paths(
    kind: Literal["input", "output"], holders: Mapping[str, Any], key: str, folder: Path
) -> Iterator[Part]:
    for name, holder in holders.items():
        yield from _path(kind, holder, f"{key}.{name}", folder)


def _tables(job: Any, folder: Path, key: str) -> Iterator[Part]:
    for name in _DATA:
        yield from _path("input", getattr(job, name, None), _below(key, name), folder)


def _path(kind: Literal["input", "output"], holder: Any, key: str, folder: Path) -> Iterator[Part]:
    """Yield the path of an input or output, unless it is a value or comes from another step."""
    # A job that can be a step wraps the declared input and shows only a part of it.
    declared = getattr(holder, "_data", holder)
    path = getattr(declared, "path", None)
    if not path or _is_bound(path) or _is_bound(declared):
        return
    yield Part(
        kind,
        key,
        str(path),
        folder,
        lambda other: setattr(declared, "path", other),
        declared.type,
        getattr(declared, "datastore", None),
    )


def _is_bound(value: Any) -> bool:
    """Tell whether a pipeline fills a value in."""
    return "${{" in value if isinstance(value, str) else type(value).__name__ == "PipelineInput"


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
