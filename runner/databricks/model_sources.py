"""The models that a new version can be made of: those of runs, of jobs, and registered ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.counting import many
from runner.databricks.jobs import output_place
from runner.databricks.mlflow_client import fetch_artifacts
from runner.databricks.volume import fetch
from runner.errors import NotFound, WrongUsage
from runner.jobs.addresses import (
    ARTIFACTS,
    JobOutput,
    RegisteredModel,
    RunArtifact,
    is_job_address,
    parse_job_address,
)

if TYPE_CHECKING:
    from runner.databricks.connection import Connection
    from runner.workspace import Run


@dataclass(frozen=True)
class Source:
    """A model's files on this machine, and where they came from."""

    path: Path
    address: str  # as MLflow calls it
    run: str | None = None  # MLflow's id
    job: str | None = None


def find_source(
    connection: Connection, address: str, folder: Path, find_run: Callable[[str], Run | None]
) -> Source:
    """Fetch what an address means into a folder.

    Raises WrongUsage for an address of nothing that can be registered, NotFound where there is
    nothing at it, and EnvironmentRefused.
    """
    if not is_job_address(address):
        raise WrongUsage(
            f"{address.partition('?')[0]!r} can't be registered, allowed: a path, runs:/RUN/PATH,"
            f" models:/NAME/VERSION, azureml://jobs/JOB/outputs/{ARTIFACTS}/paths/PATH"
        )
    meant = parse_job_address(address)
    if isinstance(meant, RegisteredModel):
        text = _registered(connection, meant)
        return Source(fetch_artifacts(connection, text, folder), text)
    if isinstance(meant, RunArtifact):
        return Source(fetch_artifacts(connection, str(meant), folder), str(meant), run=meant.run)
    return _of_job(connection, meant, folder, find_run)


def _of_job(
    connection: Connection,
    meant: JobOutput,
    folder: Path,
    find_run: Callable[[str], Run | None],
) -> Source:
    run = find_run(meant.job)
    run_id = run.id if run else None
    if meant.output == ARTIFACTS:
        if run is None:
            raise NotFound(f"job {meant.job!r} tracks nothing: name a training job")
        # MLflow 3 keeps the models that a run logged apart from its artifacts.
        ids = {model.name: model.id for model in run.models if model.id}
        logged = ids.get(meant.path)
        address = f"models:/{logged}" if logged else f"runs:/{run.id}/{meant.path}"
        return Source(fetch_artifacts(connection, address, folder), address, run_id, meant.job)
    place = output_place(connection, meant)
    files = fetch(connection, place, folder, lambda *_: None)
    if not (folder / "MLmodel").is_file():
        raise WrongUsage(
            f"output {meant.output!r} of job {meant.job!r} is no MLflow model, its"
            f" {many(len(files), 'file')} have no MLmodel among them: name the folder that has one"
            " with --path, or what the job logged with --artifact"
        )
    return Source(folder, f"dbfs:{place}", run_id, meant.job)


def _registered(connection: Connection, meant: RegisteredModel) -> str:
    """Return the address of a registered model with its whole name."""
    if meant.name is None or meant.name.count(".") == 2:
        return str(meant)
    name = connection.outputs.model_name(meant.name)
    return f"models:/{name}" + (f"/{meant.version}" if meant.version else f"@{meant.alias}")
