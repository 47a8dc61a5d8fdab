"""The files that a job made are found here: outputs, its run's artifacts, logged models."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.jobs.addresses import (
    ARTIFACTS,
    JobAddress,
    JobOutput,
    RegisteredModel,
    RunArtifact,
)
from runner.jobs.folder import job_folder
from runner.jobs.logged_models import only_model
from runner.local.jobs import find_output, show_job
from runner.local.tracking.record import read_record, tracked_run
from runner.local.tracking.store import artifact_folder, local_path, reading, store_file
from runner.nearest import nearest
from runner.workspace import Run


def find_artifact(home: Path, address: JobAddress) -> Path:
    """Return the file or folder on this machine that an address means.

    Raises NotFound if there is none, WrongUsage for a path that leads out of its folder, also by a
    link, and EnvironmentRefused where the tracking store can't be read.
    """
    if isinstance(address, JobOutput) and address.output != ARTIFACTS:
        output = find_output(home, address.job, address.output)
        return _inside(output, address.path, str(address))
    # First, so that a missing job is reported as such, also if nothing is tracked yet.
    run = run_of(home, address.job) if isinstance(address, JobOutput) else None
    try:
        with reading(home) as connection:
            if isinstance(address, RegisteredModel):
                return _registered(home, connection, address)
            if isinstance(address, RunArtifact):
                return _of_runs(home, connection, (address.run,), address.path, str(address))
            assert run is not None
            runs = (run.id, *run.children)
            return _of_runs(home, connection, runs, address.path, str(address), run)
    except sqlite3.Error as error:
        raise EnvironmentRefused(
            f"the tracking store {store_file(home)} can't be read ({error}): put a copy back, or"
            " name the files by their path"
        ) from error


def model_address(home: Path, name: str) -> str:
    """Return the address of a job's model: its output `model`, else the only one it logged.

    Raises NotFound for a job that tracks nothing, and as `only_model`.
    """
    made = JobOutput(name, "model")
    job = show_job(home, name)
    with suppress(NotFound):
        output = find_artifact(home, made)
        if output.is_file() or any(output.iterdir()):
            return str(made)
    return str(only_model(job, run_of(home, name)))


def logged_files(home: Path, job: str) -> dict[str, Path]:
    """Return the artifacts and models that a job's run logged, by name; none without a run."""
    record = read_record(job_folder(home, job))
    if record is None:
        return {}
    names = {path.partition("/")[0] for path in record.artifacts}
    names |= {model.name for model in record.models if model.id}
    found = {}
    for name in sorted(names):
        with suppress(NotFound, WrongUsage, EnvironmentRefused):
            found[name] = find_artifact(home, JobOutput(job, ARTIFACTS, name))
    return found


def run_of(home: Path, name: str) -> Run:
    """Return the run of a job. Raises NotFound, also for a job that isn't tracked."""
    job = show_job(home, name)
    run = tracked_run(home, name)
    if run is None:
        raise NotFound(
            f"job {name!r}, which is {job.status}, has no run in MLflow: name an output that it"
            " wrote, with --output-name"
            if job.type != "batch"
            else f"job {name!r} is a {job.type} job, which tracks nothing: name a training job"
        )
    return run


def _of_runs(
    home: Path,
    connection: sqlite3.Connection,
    runs: tuple[str, ...],
    path: str,
    shown: str,
    known: Run | None = None,
) -> Path:
    """Find a path in the first of some runs that has it, as an artifact or in a logged model."""
    found = False
    for run in runs:
        folder = artifact_folder(home, connection, run)
        if folder is None:
            continue
        found = True
        if (folder / path).exists():
            return _inside(folder, path, shown)
        models = connection.execute(
            "SELECT name, artifact_location FROM logged_models WHERE source_run_id = ?"
            " AND lifecycle_stage = 'active' ORDER BY creation_timestamp_ms DESC",
            [run],
        ).fetchall()
        for model in models:
            if path == model["name"] or path.startswith(f"{model['name']}/"):
                location = local_path(home, model["artifact_location"])
                rest = path[len(model["name"]) :].strip("/")
                if (location / rest).exists():
                    return _inside(location, rest, shown)
    if not found:
        raise NotFound(f"{shown}: the tracking store of this workspace has no run {runs[0]!r}")
    names = [model.name for model in known.models] + list(known.artifacts) if known else []
    tip = nearest(path, names)
    raise NotFound(f"{shown}: there is no such artifact{tip or '; `runner jobs show` lists them'}")


def _registered(home: Path, connection: sqlite3.Connection, address: RegisteredModel) -> Path:
    """Return the files of a logged model, or of a version in MLflow's own registry."""
    if address.id:
        row = connection.execute(
            "SELECT artifact_location AS place FROM logged_models WHERE model_id = ?", [address.id]
        ).fetchone()
        return _kept(home, row, str(address))
    version: str | None = address.version
    if address.alias and address.alias != "latest":
        row = connection.execute(
            "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?",
            [address.name, address.alias],
        ).fetchone()
        if row is None:
            raise NotFound(f"{address}: model {address.name!r} has no alias {address.alias!r}")
        version = str(row["version"])
    elif address.alias == "latest" or version == "latest":
        row = connection.execute(
            "SELECT MAX(version) AS version FROM model_versions WHERE name = ?", [address.name]
        ).fetchone()
        version = str(row["version"])
    row = connection.execute(
        "SELECT COALESCE(storage_location, source) AS place FROM model_versions"
        " WHERE name = ? AND CAST(version AS TEXT) = ?",
        [address.name, version],
    ).fetchone()
    if row is None:
        names = connection.execute("SELECT DISTINCT name FROM model_versions").fetchall()
        tip = nearest(address.name or "", [found["name"] for found in names])
        raise NotFound(f"{address}: MLflow's registry of this workspace has no such model{tip}")
    return _kept(home, row, str(address))


def _kept(home: Path, row: sqlite3.Row | None, shown: str) -> Path:
    place = local_path(home, row["place"]) if row else None
    if place is None or not place.exists():
        raise NotFound(f"{shown}: the tracking store has no files of such a model")
    return place


def _inside(folder: Path, path: str, shown: str) -> Path:
    """Return a path in a folder. Raises NotFound, and WrongUsage if it or a link leads out."""
    found = folder
    for part in Path(path).parts:
        if not (found / part).exists():
            there = [other.name for other in found.iterdir()] if found.is_dir() else []
            raise NotFound(f"{shown}: there is no {part!r}{nearest(part, there)}")
        found /= part
    if not found.resolve().is_relative_to(folder.resolve()):
        raise WrongUsage(f"{shown} leads out of {folder} by a link: put a copy in its place")
    return found
