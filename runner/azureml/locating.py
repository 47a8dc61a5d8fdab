"""Finds models and data that are in the cloud already, so that they are registered where they are.

Nothing is moved. A model that a job made is registered by the job's own address, with which Azure
keeps the job's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runner.assets.kinds import ASSET_KINDS, AssetKind
from runner.azureml.registered import get_asset
from runner.azureml.storage import ARTIFACTS, Place, first_blob, is_address, storage_of
from runner.declarations.references import parse_reference
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.jobs.addresses import ARTIFACTS as LOGGED
from runner.jobs.addresses import (
    JobAddress,
    JobOutput,
    RegisteredModel,
    RunArtifact,
    is_job_address,
    parse_job_address,
)
from runner.workspace import JobStatus

if TYPE_CHECKING:
    from runner.azureml.connection import Connection
    from runner.workspace import Origin, Registration

_REGISTRY = "azureml://registries/"
_FILE = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_FORMS = (
    "a path, azureml://datastores/NAME/paths/PATH, azureml://jobs/JOB/outputs/OUTPUT/paths/PATH,"
    " runs:/RUN/PATH, models:/NAME/VERSION, azureml://registries/NAME/{plural}/NAME/versions/VERSION,"
    " https://..."
)


@dataclass(frozen=True)
class Located:
    """A model or data in the cloud, as it can be registered."""

    uri: str  # that Azure is given
    type: str
    place: str  # the same, however the address is written
    job: str | None = None  # that made it, or its run where no job is known
    origin: Origin | None = None  # if it is known without asking the job's run
    content_hash: str = ""


def locate(connection: Connection, kind: AssetKind, registration: Registration) -> Located:
    """Return what is at an address, and its type: as declared, else as it looks.

    Raises WrongUsage for an address that can't be registered, NotFound where there is nothing at
    it, and EnvironmentRefused.
    """
    address, declared = str(registration.path), registration.type
    if address.startswith(_REGISTRY):
        return _in_registry(connection, kind, address, declared)
    if is_job_address(address):
        return _of_job(connection, kind, parse_job_address(address), declared)
    if address.startswith(("azureml:", "/")) and "/datastores/" in address:
        place = storage_of(connection).own_place(address)
        uri = storage_of(connection).long_uri(place)
        storage_of(connection).container(place.datastore)  # raises NotFound with the nearest name
        return Located(uri, declared or look(connection, kind, place), uri)
    if is_address(address):
        return Located(address, declared or _looks_like(kind, address), address)
    forms = _FORMS.format(plural=ASSET_KINDS[kind].segment)
    raise WrongUsage(f"{address.partition('?')[0]!r} can't be registered, allowed: {forms}")


def job_place(connection: Connection, address: JobAddress) -> Place:
    """Return the place of a job's output. Raises NotFound, and EnvironmentRefused while it runs."""
    from runner.azureml.job_outputs import get_output
    from runner.azureml.jobs import get_job, job_record

    if isinstance(address, RunArtifact):
        return _artifact(address.run, address.path)
    assert isinstance(address, JobOutput)
    job = job_record(connection, get_job(connection, address.job))
    if address.output == LOGGED and job.status.final:
        return _artifact(address.job, address.path)  # a job may fail with a good model logged
    if job.status is not JobStatus.COMPLETED:
        raise EnvironmentRefused(
            f"job {job.name!r} is {job.status}: only a completed one has results"
        )
    place = get_output(connection, job, address.output)
    path = "/".join(part.strip("/") for part in (place.path, address.path) if part.strip("/"))
    return replace(place, path=path)


def look(connection: Connection, kind: AssetKind, place: Place) -> str:
    """Return the type of what lies at a place. Raises NotFound where there is nothing."""
    container = storage_of(connection).container(place.datastore)
    path = place.path.strip("/")
    folder = f"{path}/" if path else ""
    if kind == "model" and first_blob(container, f"{folder}MLmodel") == f"{folder}MLmodel":
        return "mlflow_model"
    if folder and first_blob(container, folder) is not None:
        return "custom_model" if kind == "model" else "uri_folder"
    if path and first_blob(container, path) == path:
        return "custom_model" if kind == "model" else "uri_file"
    raise NotFound(f"there is nothing at {place.short_uri}; check the path")


def _of_job(
    connection: Connection, kind: AssetKind, address: JobAddress, declared: str | None
) -> Located:
    if isinstance(address, RegisteredModel):
        return _registered(connection, kind, address, declared)
    place = job_place(connection, address)
    try:
        found = look(connection, kind, place)
    except NotFound:
        raise NotFound(
            f"there is nothing at {address}; `runner jobs show` says what the job made"
        ) from None
    if declared == "mlflow_model" != found:
        raise WrongUsage(
            f"{address} is not an MLflow model, it has no file MLmodel: name the folder that has"
            " one, or register it as custom_model"
        )
    uri = storage_of(connection).long_uri(place)
    job = address.run if isinstance(address, RunArtifact) else address.job
    # Azure takes a job's address for models only.
    return Located(str(address) if kind == "model" else uri, declared or found, uri, job)


def _registered(
    connection: Connection, kind: AssetKind, address: RegisteredModel, declared: str | None
) -> Located:
    """Return a registered model of the workspace, to be registered under another name."""
    if kind != "model":
        raise WrongUsage(f"{address} is a model: register it with `runner models register`")
    if address.version is None:
        kinds = f"alias {address.alias!r}" if address.alias else "id"
        raise WrongUsage(
            f"{address} names a model by its {kinds}, which Azure does not keep: write"
            " models:/NAME/VERSION"
        )
    found = get_asset(connection, "model", f"azureml:{address.name}:{address.version}")
    return Located(
        found.path, declared or found.type, found.path, found.job, found.origin, found.content_hash
    )


def _in_registry(
    connection: Connection, kind: AssetKind, address: str, declared: str | None
) -> Located:
    from runner.azureml.registries import find_shared

    wanted = parse_reference(address, ASSET_KINDS[kind].segment)
    if wanted.registry is None or wanted.version is None:
        raise WrongUsage(
            f"{address} names no version: write"
            f" {_REGISTRY}NAME/{ASSET_KINDS[kind].segment}/{wanted.name}/versions/VERSION"
        )
    found = find_shared(connection, wanted.registry, kind, wanted.name, wanted.version)
    if found is None:
        raise NotFound(f"registry {wanted.registry!r} has no {ASSET_KINDS[kind].noun} {address}")
    return Located(address, declared or found.type, address, None, found.origin, found.content_hash)


def _looks_like(kind: AssetKind, address: str) -> str:
    """Return the type that the end of an address suggests, where nothing can be listed."""
    if kind == "model":
        return "custom_model"
    path = address.partition("?")[0]
    return "uri_file" if _FILE.search(path.rpartition("/")[2]) else "uri_folder"


def _artifact(run: str, path: str) -> Place:
    root = f"ExperimentRun/dcid.{run}"
    return Place(ARTIFACTS, f"{root}/{path}" if path else root)
