"""The values of a job's secrets are found again when it is resumed, as none is in its folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from runner.declarations import Catalog, CommandJob
from runner.declarations.job import name_of
from runner.declarations.secret_references import is_reference
from runner.engine.plan import read_plan
from runner.errors import EnvironmentRefused, JobFailed, RunnerError
from runner.jobs.folder import job_folder
from runner.jobs.secrets import DECLARED
from runner.local.command_job import read_command
from runner.local.pipeline import variables_of
from runner.workspace import Job


def find_secret_values(home: Path, catalog: Callable[[], Catalog], job: Job) -> dict[str, str]:
    """Return the values of a job's variables that are written nowhere.

    They are taken from what is declared now, and from the shell for variables that are no longer
    declared or were set by the call. Raises EnvironmentRefused for a value that neither has.
    """
    names = _names(job_folder(home, job.name), job)
    if not names:
        return {}
    declared: Mapping[str, str] = {}
    with suppress(RunnerError, KeyError):  # a declaration that is gone or unreadable
        declared = _declared(catalog(), job)
    found = {
        name: value
        for name, origin in names.items()
        if (value := _value(name, declared if origin == DECLARED else {})) is not None
    }
    if missing := sorted(names.keys() - found.keys()):
        raise EnvironmentRefused(
            f"job {job.name!r} can't go on without the value of {', '.join(missing)}, which looks"
            " like a secret and so is kept nowhere, and is declared no longer or was given in the"
            f" call: give it again, as `export {missing[0]}=...`"
        )
    return found


def _names(folder: Path, job: Job) -> Mapping[str, str]:
    """Return the names and sources; none for a damaged folder, which the job's host will refuse."""
    with suppress(OSError, JobFailed):
        if job.type == "batch":
            return read_plan(folder / "plan.json").secrets
        return read_command(folder).secrets
    return {}


def _value(name: str, declared: Mapping[str, str]) -> str | None:
    value = declared.get(name)
    # By now a reference may be declared in place of the value.
    return os.environ.get(name) if value is None or is_reference(value) else value


def _declared(catalog: Catalog, job: Job) -> Mapping[str, str]:
    """Return the variables that are declared now for the job."""
    endpoint, deployment = job.endpoint or "", job.deployment or ""
    if job.type == "batch":
        return catalog.batch_deployments[endpoint][deployment].settings.environment_variables
    if job.type == "pipeline":
        return variables_of(catalog.pipeline_deployments[endpoint][deployment])
    begun_as = job.name.rpartition("-")[0]
    for declared in catalog.jobs.get(job.model or "", {}).values():
        if isinstance(declared, CommandJob) and begun_as == f"{job.model}-{name_of(declared)}":
            return declared.environment_variables
    return {}
