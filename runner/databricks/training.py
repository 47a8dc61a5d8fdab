"""Training on a cluster: an MLflow run, the job's request in the volume, and one submitted run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from runner.assets.kinds import is_folder
from runner.azure.errors import ServiceError
from runner.databricks.codes import send_code
from runner.databricks.files import make_folder, read_file, write_file
from runner.databricks.inputs import Input, find_input
from runner.databricks.job_runs import name_job, submit
from runner.databricks.jobs import job_record
from runner.databricks.requests import TrainRequest
from runner.databricks.tracked import end_run, experiment_id, make_run
from runner.declarations import JobInput, SparkJob
from runner.declarations.job import name_of
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.jobs.kinds import JOB_KINDS
from runner.jobs.polling import first_pause
from runner.jobs.run_tags import run_tags, usual_experiment
from runner.jobs.spark_program import check_entry, program_of
from runner.jobs.training import find_training_job, folder_of, local_inputs
from runner.nearest import nearest
from runner.workspace import Assets, Job, JobStatus, OnProgress, TrainingRequest

if TYPE_CHECKING:
    from runner.databricks.connection import Connection
    from runner.declarations import Catalog

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


def train(
    connection: Connection,
    catalog: Catalog,
    request: TrainingRequest,
    assets: Assets,
    on_progress: OnProgress,
) -> Job:
    """Submit a model folder's Spark job once, and return it as it was begun.

    Its code and its inputs are sent first, each once, and its MLflow run is made. Raises as
    `find_training_job` and `begin_run`, WrongUsage, NotFound and EnvironmentRefused; then there is
    no job, or the error names it.
    """
    first_pause()  # so that an error in it comes before there is a job
    declared = find_training_job(catalog, request)
    if not isinstance(declared, SparkJob):
        raise EnvironmentRefused(
            f"{declared.file} declares {JOB_KINDS[declared.type].noun}, and a cluster of Databricks"
            " runs programs that are signed in to its MLflow: declare `type: spark` with"
            " `entry: {file: train.py}`, or name an environment of Azure ML with --env"
        )
    check_entry(declared)
    program = program_of(declared)
    cluster = _cluster(connection, declared)
    local_inputs(declared)  # refused before anything is sent
    code = declared.code
    assert isinstance(code, Path)  # as was checked
    model = folder_of(declared)
    name = name_job(f"{model}-{name_of(declared)}")
    inputs = dict(_inputs(connection, catalog, declared, assets))
    sent = send_code(connection, code, on_progress)
    bootstrap = _send_bootstrap(connection)
    experiment = f"{connection.outputs.experiments}/" + (
        declared.experiment_name or usual_experiment()
    )
    found = experiment_id(connection, experiment)
    given = {key: value.shown for key, value in inputs.items() if isinstance(value, Input)}
    asked = TrainRequest(
        job=name,
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        model=model,
        cluster=cluster,
        bootstrap=bootstrap,
        run_id=make_run(connection, found, name, run_tags(declared)),
        experiment_id=found,
        experiment=experiment,
        code=sent,
        program=tuple(program),
        inputs={
            key: value.path if isinstance(value, Input) else value for key, value in inputs.items()
        },
        files=tuple(given),
        outputs={key: f"jobs/{name}/named-outputs/{key}" for key in declared.outputs},
        folders=tuple(key for key, output in declared.outputs.items() if is_folder(output.type)),
        given=given,
        modules=declared.py_files,
    )
    try:
        run = submit(connection, asked)
    except ServiceError:  # refused, so that nothing will ever end the MLflow run
        end_run(connection, asked, JobStatus.FAILED)
        raise
    job = job_record(connection, asked, run)
    return replace(job, notices=tuple(_notices(declared)))


def _cluster(connection: Connection, job: SparkJob) -> str:
    """Return the id of the cluster that a job names, else of the stack's only one.

    Raises WrongUsage where one of several has to be named, NotFound for one that is not there.
    """
    clusters = connection.outputs.clusters
    name = str(job.compute).removeprefix("azureml:") if job.compute else None
    if name is not None and name in clusters:
        return clusters[name]
    if len(clusters) == 1:
        return next(iter(clusters.values()))
    if name is not None:
        raise NotFound(f"{job.file}: no cluster {name!r}{nearest(name, clusters)}")
    if clusters:
        raise WrongUsage(
            f"{job.file} names none of several clusters: give it `compute: azureml:NAME`, one of"
            f" {', '.join(clusters)}"
        )
    stack = connection.outputs.stack or "ENV"
    raise EnvironmentRefused(
        f"stack {stack} has no cluster that trains: declare one as scoring:clusters in"
        f" Pulumi.{stack}.yaml and deploy it with `pulumi up --stack {stack}`"
    )


def _inputs(
    connection: Connection, catalog: Catalog, job: SparkJob, assets: Assets
) -> Iterator[tuple[str, Input | str]]:
    for name, given in job.inputs.items():
        if isinstance(given, JobInput):
            yield name, find_input(connection, catalog, str(given.path), given.type, assets)
        else:
            yield name, str(given)


def _send_bootstrap(connection: Connection) -> str:
    """Send the program that runs a job's own, once by content; return its path in the volume."""
    content, volume = _BOOTSTRAP.read_bytes(), connection.outputs.volume
    path = f"runner/train-{sha256(content).hexdigest()[:16]}.py"
    if read_file(connection, f"{volume}/{path}") is None:
        make_folder(connection, f"{volume}/runner")
        write_file(connection, f"{volume}/{path}", content)
    return path


def _notices(job: SparkJob) -> Iterator[str]:
    named = [key for key, output in job.outputs.items() if output.name]
    if named:
        yield (
            f"output {', '.join(named)} of {job.file} is not registered by itself on Databricks:"
            " register it with `runner models register --from-job` once the job is Completed"
        )
    given = [key for key in ("jars", "files", "archives") if getattr(job, key)]
    if given:
        yield f"{', '.join(given)} of {job.file}: install them on the cluster instead"
