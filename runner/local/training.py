"""A declared training job of a model folder becomes the command that runs it here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from runner.assets.content import Content, scan_code
from runner.assets.kinds import ASSET_KINDS, is_folder, kind_of_type
from runner.declarations import (
    AssetReference,
    Catalog,
    CommandJob,
    JobInput,
    OtherJob,
    ProgramJob,
    SparkJob,
)
from runner.declarations.job import name_of
from runner.errors import EnvironmentRefused
from runner.files.atomic import remove
from runner.jobs.folder import code_folder, job_folder, now
from runner.jobs.interpreter import differing
from runner.jobs.kinds import JOB_KINDS
from runner.jobs.run_tags import run_tags, usual_experiment
from runner.jobs.secrets import unwritten
from runner.jobs.spark_program import check_entry
from runner.jobs.training import find_training_job, folder_of, local_inputs, other_input
from runner.local.command_job import Command, NamedOutput, write_command
from runner.local.home import make_folder
from runner.local.interpreters import EnvironmentSource, Interpreters
from runner.local.invocation import find_data
from runner.local.jobs import begin_job, name_job
from runner.local.spark_job import settle_spark, words_of
from runner.local.tracking.plan import RunInput, RunPlan
from runner.local.tracking.store import why_untracked
from runner.local.venvs import keep_interpreter
from runner.spark import asked_master, check_spark
from runner.venvs.interpreter import Interpreter
from runner.venvs.needs import script_needs
from runner.workspace import Assets, Job, JobStatus, TrainingRequest

_ON_AZURE = "name an environment of Azure with --env"


def train(
    home: Path,
    catalog: Catalog,
    request: TrainingRequest,
    assets: Assets,
    interpreters: Interpreters,
    project: str,
) -> Job:
    """Begin a declared job. Raises as `plan_training`; then there is no job.

    `project` registers the assets that the job makes. The job runs a copy of the code as it is now.
    """
    job = find_training_job(catalog, request)
    if isinstance(job, OtherJob):
        raise EnvironmentRefused(
            f"{job.file} declares {JOB_KINDS[job.type].noun}, which only Azure runs: {_ON_AZURE}"
        )
    model = folder_of(job)
    name = name_job(f"{model}-{name_of(job)}")
    command = plan_training(catalog, job, name, assets)
    code = scan_code(job.code, home) if isinstance(job.code, Path) else None
    interpreter = _interpreter(job, interpreters)
    python = interpreter.python
    if isinstance(job, SparkJob):
        check_spark(asked_master(), python)
        command = replace(command, command=words_of(job, python))
    command = replace(command, python=python, project=project)
    folder = make_folder(home, job_folder(home, name))
    try:
        if code is not None and isinstance(job.code, Path):
            copy_code(job.code, code, code_folder(folder))
        else:
            code_folder(folder).mkdir()
        if isinstance(job, SparkJob):
            variables = settle_spark(job, folder / "spark", code_folder(folder), python)
            command = replace(command, environment_variables=variables)
        write_command(command, folder)
        keep_interpreter(home, interpreter, folder)
    except OSError as error:
        remove(folder)
        raise EnvironmentRefused(
            f"the code of {job.file} can't be copied to {folder} ({error.strerror}): make room"
            " there, or set RUNNER_HOME to a folder elsewhere"
        ) from error
    except BaseException:
        remove(folder)  # no job knows of it
        raise
    begun = begin_job(
        home,
        Job(name, job.type, JobStatus.QUEUED, now(), model=model),
        {name: command.environment_variables[name] for name in command.secrets},
    )
    return replace(begun, notices=(*_notices(home, job), *differing(interpreter)))


def _interpreter(job: CommandJob | SparkJob, interpreters: Interpreters) -> Interpreter:
    """Return the Python that runs a job, made of what it declares.

    A Spark job's environment need not declare pyspark, as on Azure.
    """
    code = job.code if isinstance(job.code, Path) else None
    needs = replace(script_needs(code), runs_runner=False)
    brought = (_pyspark(),) if isinstance(job, SparkJob) else ()
    return interpreters.choose(
        EnvironmentSource(f"job {name_of(job)!r}", job.environment, needs, unless_declared=brought)
    )


def _pyspark() -> str:
    """Return the requirement of the runner's own version of pyspark, or of any if it has none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"pyspark=={version('pyspark')}"
    except PackageNotFoundError:
        return "pyspark"


def plan_training(
    catalog: Catalog, job: CommandJob | SparkJob, name: str, assets: Assets
) -> Command:
    """Make the command of a job.

    Raises as `local_inputs`, and EnvironmentRefused for what is not on this machine, or only Azure
    does.
    """
    _refuse(job)
    files = local_inputs(job)
    read = {
        key: RunInput(str(given.path), str(files[key].absolute()))
        if key in files
        else _asset(assets, catalog, key, given)
        for key, given in job.inputs.items()
        if isinstance(given, JobInput)
    }
    values = {key: str(value) for key, value in job.inputs.items() if key not in read}
    variables = job.environment_variables if isinstance(job, CommandJob) else {}
    return Command(
        command=job.command if isinstance(job, CommandJob) else words_of(job),
        run=RunPlan(
            experiment=job.experiment_name or usual_experiment(),
            name=job.display_name or name,
            tags=run_tags(job),
            parameters=values,
            inputs=read,
        ),
        inputs={key: read[key].path if key in read else values[key] for key in job.inputs},
        outputs={key: is_folder(output.type) for key, output in job.outputs.items()},
        registered={
            key: NamedOutput(kind_of_type(output.type), output.name, output.type, output.version)
            for key, output in job.outputs.items()
            if output.name
        },
        environment_variables=variables,
        secrets=unwritten(variables),
        timeout=job.limits.timeout if isinstance(job, CommandJob) else None,
    )


def _asset(assets: Assets, catalog: Catalog, name: str, given: JobInput) -> RunInput:
    if isinstance(given.path, AssetReference):
        asset = find_data(assets, catalog, given.path)
        return RunInput(asset.reference, asset.path, asset.content_hash)
    raise EnvironmentRefused(
        f"input {name}: {given.path} can't be reached from the local environment;"
        f" {other_input(name)}"
    )


def copy_code(source: Path, code: Content, target: Path) -> None:
    """Copy code with its rights, so that private files and folders stay private."""
    made: set[Path] = set()
    for file in code.files:
        for folder in reversed(Path(file.name).parents):  # the top one is `.`
            if folder not in made:
                (target / folder).mkdir(mode=_mode(source / folder) | 0o700)
                made.add(folder)
        # The copy can be written to.
        opener = partial(os.open, mode=_mode(source / file.name) | 0o200)
        with open(target / file.name, "xb", opener=opener) as written:
            written.writelines(file.read())


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _refuse(job: ProgramJob) -> None:
    """Raise EnvironmentRefused for declared features that this machine lacks."""
    if job.code is not None and not isinstance(job.code, Path):
        raise EnvironmentRefused(f"the code of {job.file} is not on this machine ({job.code})")
    if isinstance(job, CommandJob):
        _refuse_several(job)
    elif isinstance(job, SparkJob):
        check_entry(job)
    for name, output in job.outputs.items():
        if output.name and output.type in ASSET_KINDS["data"].azure_only:
            raise EnvironmentRefused(
                f"output {name} of {job.file} becomes an asset of type {output.type}, which only"
                " Azure reads: declare it as uri_folder"
            )


def _refuse_several(job: CommandJob) -> None:
    """Raise EnvironmentRefused for a job that wants several machines or processes."""
    if job.resources.instance_count > 1:
        raise EnvironmentRefused(
            f"{job.file} wants {job.resources.instance_count} machines (resources.instance_count),"
            f" and this is one: {_ON_AZURE}"
        )
    distribution = job.distribution if isinstance(job.distribution, dict) else {}
    for key in ("process_count_per_instance", "worker_count", "parameter_server_count"):
        if (count := distribution.get(key)) and str(count) != "1":
            raise EnvironmentRefused(
                f"{job.file} wants several processes (distribution.{key}: {count}), which only"
                f" Azure starts: {_ON_AZURE}"
            )


def _notices(home: Path, job: ProgramJob) -> Iterator[str]:
    if untracked := why_untracked(home):
        yield untracked
    idle = list(_without_meaning(job))
    if idle:
        yield f"on this machine {', '.join(idle)} of {job.file} {_mean(idle)} nothing"


def _mean(keys: list[str]) -> str:
    return "mean" if len(keys) > 1 else "means"


def _without_meaning(job: ProgramJob) -> Iterator[str]:
    """Yield the declared keys that have an effect only on Azure.

    `compute` and the size of its machines are left out, as every job has them.
    """
    for key in ("identity", "services", "queue_settings", "parent_job_name", "distribution"):
        if getattr(job, key, None):
            yield key
    if isinstance(job, CommandJob):
        for key in ("properties", "shm_size", "docker_args"):
            if getattr(job.resources, key):
                yield f"resources.{key}"
    for name, given in job.inputs.items():
        for key in ("datastore", "path_on_compute"):
            if isinstance(given, JobInput) and getattr(given, key):
                yield f"inputs.{name}.{key}"
    for name, output in job.outputs.items():
        if output.path is not None:
            yield f"outputs.{name}.path"
