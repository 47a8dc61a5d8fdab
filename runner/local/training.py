"""From a model folder's declared training job to the command that runs it here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runner.declarations import AssetReference, Catalog, CommandJob, JobInput
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.input_path import existing
from runner.local.command_job import Command
from runner.local.invocation import find_data
from runner.nearest import nearest

_FOLDERS = ("uri_folder", "mlflow_model", "custom_model", "triton_model", "mltable")


def plan_training(home: Path, catalog: Catalog, model: str, inputs: Mapping[str, str]) -> Command:
    """Make the command of a model folder's training job, `inputs` laid over the declared ones.

    Raises NotFound for a folder without a declared job, WrongUsage for an unknown input and
    EnvironmentRefused for files that are not on this machine.
    """
    job = _job(catalog, model)
    unknown = [name for name in inputs if name not in job.inputs]
    if unknown:
        raise WrongUsage(
            f"{job.file.name} has no input {unknown[0]!r}{nearest(unknown[0], job.inputs)}"
        )
    if job.code is not None and not isinstance(job.code, Path):
        raise EnvironmentRefused(f"the code of {job.file} is not on this machine ({job.code})")
    values = {name: _declared(home, catalog, name, one) for name, one in job.inputs.items()}
    given = {
        name: _given(home, catalog, name, value, isinstance(job.inputs[name], JobInput))
        for name, value in inputs.items()
    }
    return Command(
        command=job.command,
        code=str(job.code) if job.code else None,
        inputs=values | given,
        outputs={name: one.type in _FOLDERS for name, one in job.outputs.items()},
        environment_variables=job.environment_variables,
        timeout=job.limits.timeout,
    )


def _job(catalog: Catalog, model: str) -> CommandJob:
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


def _declared(home: Path, catalog: Catalog, name: str, value: object) -> str:
    if not isinstance(value, JobInput):
        return str(value)
    if isinstance(value.path, AssetReference):
        return find_data(home, catalog, value.path).path
    return _local(name, value.path)


def _given(home: Path, catalog: Catalog, name: str, value: str, is_path: bool) -> str:
    if not is_path:
        return value
    if value.startswith("azureml:") and not value.startswith("azureml://"):
        from runner.declarations import parse_reference

        return find_data(home, catalog, parse_reference(value, "data")).path
    return _local(name, Path(value))


def _local(name: str, path: Path | str) -> str:
    way_out = f"name one that is here with --set {name}=PATH"
    if not isinstance(path, Path):
        raise EnvironmentRefused(
            f"input {name}: {path} can't be reached from the local environment; {way_out}"
        )
    found = existing(path)
    if found is None:
        raise NotFound(f"input {name}: no file or folder {path}; {way_out}")
    return str(found.absolute())
