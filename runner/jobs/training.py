"""Finds the declared job that a training request means, and lays the call's inputs over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.declarations import (
    AssetReference,
    Catalog,
    JobInput,
    OtherJob,
    ProgramJob,
    parse_reference,
    read,
)
from runner.declarations.kinds import KINDS
from runner.declarations.references import PREFIX
from runner.errors import NotFound, WrongUsage
from runner.jobs.input_paths import check_type, existing
from runner.nearest import nearest

if TYPE_CHECKING:
    from runner.declarations.job import Job
    from runner.workspace import TrainingRequest

_IDS = ("/subscriptions/", f"{PREFIX}/subscriptions/")


def find_training_job(catalog: Catalog, request: TrainingRequest) -> Job:
    """Return the declared job that a training request means, with the request's inputs.

    Raises NotFound for a folder without such a job, WrongUsage where one of several has to be
    named and for an unknown input, and DeclarationError for the request's own file.
    """
    job = _declared(catalog, request)
    unknown = [name for name in request.inputs if name not in job.inputs]
    if unknown:
        raise WrongUsage(
            f"{job.file.name} has no input {unknown[0]!r}{nearest(unknown[0], job.inputs)}"
        )
    if isinstance(job, OtherJob):
        return replace(job, inputs={**job.inputs, **request.inputs})
    given = {name: _given(job.inputs[name], value) for name, value in request.inputs.items()}
    return replace(job, inputs={**job.inputs, **given})


def folder_of(job: Job) -> str:
    """Return the model folder that declares a job: what it trains goes by this name."""
    return job.file.parent.name


def local_inputs(job: ProgramJob) -> dict[str, Path]:
    """Return the inputs that are files or folders of this machine, by name.

    Raises NotFound for one that is not there, and WrongUsage for one of another type than declared.
    """
    files = {}
    for name, given in job.inputs.items():
        if isinstance(given, JobInput) and isinstance(given.path, Path):
            files[name] = _existing(name, given.path)
            check_type(files[name], given.type)
    return files


def other_input(name: str) -> str:
    """Return the way out where an input can't be had, as the end of a message."""
    return f"name one that is here with --set {name}=PATH"


def _existing(name: str, path: Path) -> Path:
    """Return the file or folder of an input on this machine. Raises NotFound."""
    found = existing(path)
    if found is None:
        raise NotFound(f"input {name}: no file or folder {path}; {other_input(name)}")
    return found


def _declared(catalog: Catalog, request: TrainingRequest) -> Job:
    if request.file is not None:
        return _read(request.file)
    model = request.model or ""
    jobs = catalog.jobs.get(model)
    if not jobs:
        raise NotFound(f"no job is declared in {catalog.folder / model}{_meant(catalog, model)}")
    if request.job is not None:
        if request.job not in jobs:
            raise NotFound(
                f"{catalog.folder / model} declares no job {request.job!r}"
                f"{_meant_job(request.job, jobs)}"
            )
        return jobs[request.job]
    usual = [job for job in jobs.values() if job.file.stem == "train"]
    chosen = usual or list(jobs.values())
    if len(chosen) > 1:
        raise WrongUsage(
            f"{catalog.folder / model} declares several jobs: name one of"
            f" {', '.join(jobs)}, as in `runner train {model} {next(iter(jobs))}`"
        )
    return chosen[0]


def _meant(catalog: Catalog, word: str) -> str:
    """Return the way out where a word that is no model folder's name stands in its place."""
    if Path(word).is_file():
        return f"; did you mean `runner train --file {word}`?"
    for folder, jobs in catalog.jobs.items():
        if word in jobs:
            return f"; did you mean `runner train {folder} {word}`?"
    return nearest(word, catalog.jobs)


def _meant_job(word: str, jobs: Mapping[str, Job]) -> str:
    """Return the way out where a word is no job's name; it may be that of the file of one."""
    for name, job in jobs.items():
        if word in (job.file.name, job.file.stem):
            return f"; did you mean {name!r}?"
    return nearest(word, jobs) or f"; it declares {', '.join(jobs)}"


def _read(file: Path) -> Job:
    declaration = read(file)
    if not isinstance(declaration, ProgramJob | OtherJob):
        raise WrongUsage(f"{file} declares {KINDS[type(declaration)].noun}, no job: name a job's")
    return declaration


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
