"""From a model folder's declared training job to the command that runs it here."""

from __future__ import annotations

from pathlib import Path

from runner.asset_kinds import is_folder
from runner.declarations import AssetReference, Catalog, CommandJob, JobInput, OtherJob
from runner.declarations.job import name_of
from runner.errors import EnvironmentRefused
from runner.job_kinds import JOB_KINDS
from runner.local.command_job import Command, write_command
from runner.local.home import make_folder
from runner.local.invocation import find_data
from runner.local.job_folder import job_folder, now
from runner.local.jobs import begin_job, name_job
from runner.training_job import find_training_job, folder_of, local_inputs, other_input
from runner.workspace import Assets, Job, JobStatus, TrainingRequest


def train(home: Path, catalog: Catalog, request: TrainingRequest, assets: Assets) -> Job:
    """Begin a declared job. Raises as `plan_training`; then there is no job."""
    job = find_training_job(catalog, request)
    if isinstance(job, OtherJob):
        raise EnvironmentRefused(
            f"{job.file} declares {JOB_KINDS[job.type].noun}, which only Azure runs: name an"
            " environment of Azure with --env"
        )
    command = plan_training(catalog, job, assets)
    model = folder_of(job)
    name = name_job(f"{model}-{name_of(job)}")
    folder = make_folder(home, job_folder(home, name))
    write_command(command, folder)
    return begin_job(home, Job(name, "command", JobStatus.QUEUED, now(), model=model))


def plan_training(catalog: Catalog, job: CommandJob, assets: Assets) -> Command:
    """Make the command of a job.

    Raises as `local_inputs`, and EnvironmentRefused for what is not on this machine.
    """
    if job.code is not None and not isinstance(job.code, Path):
        raise EnvironmentRefused(f"the code of {job.file} is not on this machine ({job.code})")
    files = local_inputs(job)
    return Command(
        command=job.command,
        code=str(job.code) if job.code else None,
        inputs={
            name: str(files[name].absolute())
            if name in files
            else _value(assets, catalog, name, given)
            for name, given in job.inputs.items()
        },
        outputs={name: is_folder(output.type) for name, output in job.outputs.items()},
        environment_variables=job.environment_variables,
        timeout=job.limits.timeout,
    )


def _value(assets: Assets, catalog: Catalog, name: str, given: object) -> str:
    if not isinstance(given, JobInput):
        return str(given)
    if isinstance(given.path, AssetReference):
        return find_data(assets, catalog, given.path).path
    raise EnvironmentRefused(
        f"input {name}: {given.path} can't be reached from the local environment;"
        f" {other_input(name)}"
    )
