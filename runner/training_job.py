"""The training job that a model folder declares, with the inputs of one call laid over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from runner.declarations import AssetReference, Catalog, CommandJob, JobInput, parse_reference
from runner.declarations.references import PREFIX
from runner.errors import NotFound, WrongUsage
from runner.input_path import check_type, existing
from runner.nearest import nearest

_IDS = ("/subscriptions/", f"{PREFIX}/subscriptions/")


def find_training_job(catalog: Catalog, model: str, inputs: Mapping[str, str]) -> CommandJob:
    """The job of a model folder; `inputs` are values, paths, references or addresses.

    Raises NotFound for a folder without a declared job, WrongUsage for one with several and for
    an unknown input.
    """
    job = _declared(catalog, model)
    unknown = [name for name in inputs if name not in job.inputs]
    if unknown:
        raise WrongUsage(
            f"{job.file.name} has no input {unknown[0]!r}{nearest(unknown[0], job.inputs)}"
        )
    given = {name: _given(job.inputs[name], value) for name, value in inputs.items()}
    return replace(job, inputs={**job.inputs, **given})


def local_inputs(job: CommandJob) -> dict[str, Path]:
    """The inputs that are files or folders of this machine, by name.

    Raises NotFound for one that is not there, and WrongUsage for one of another type than declared.
    """
    files = {}
    for name, given in job.inputs.items():
        if isinstance(given, JobInput) and isinstance(given.path, Path):
            files[name] = _existing(name, given.path)
            check_type(files[name], given.type)
    return files


def other_input(name: str) -> str:
    """The way out where an input can't be had, as the end of a message."""
    return f"name one that is here with --set {name}=PATH"


def _existing(name: str, path: Path) -> Path:
    """The file or folder of an input on this machine. Raises NotFound."""
    found = existing(path)
    if found is None:
        raise NotFound(f"input {name}: no file or folder {path}; {other_input(name)}")
    return found


def _declared(catalog: Catalog, model: str) -> CommandJob:
    jobs = catalog.jobs.get(model, ())
    if not jobs:
        raise NotFound(
            f"no training job (type: command) is declared in {catalog.folder / model}"
            f"{nearest(model, catalog.jobs)}"
        )
    if len(jobs) > 1:
        files = ", ".join(one.file.name for one in jobs)
        raise WrongUsage(f"{catalog.folder / model} declares several jobs ({files}); keep one")
    return jobs[0]


def _given(declared: object, value: str) -> str | JobInput:
    if not isinstance(declared, JobInput):
        return value
    # An id is left as it is to the workspace, which knows of what.
    whole = declared.type.startswith("uri_") and value.startswith(_IDS)
    return replace(declared, path=value if whole else _path(value))


def _path(value: str) -> AssetReference | Path | str:
    if value.startswith(PREFIX):
        try:
            return parse_reference(value)
        except WrongUsage:
            if not value.startswith(PREFIX + "//"):
                raise
    if "://" in value and not value.startswith("file://"):
        return value
    return Path(value.removeprefix("file://"))
