"""Training in a workspace of Azure: one declared command job, submitted once."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.asset_kinds import INPUT_TYPES, kind_of_type
from runner.azureml.assets import Tell, send
from runner.azureml.beginning import UNCERTAIN, begin_job, name_job
from runner.azureml.codes import SEGMENT as CODES
from runner.azureml.codes import register_code
from runner.azureml.command_jobs import Parts, asset_input, check_keys, job_properties, literal
from runner.azureml.environments import environment_id
from runner.azureml.following import first_pause
from runner.azureml.inputs import asset_id, find_input
from runner.azureml.jobs import job_record
from runner.azureml.registered import find
from runner.azureml.storage import storage_of
from runner.content import hash_content, hash_file, scan
from runner.declarations import AssetReference, JobInput, OtherJob
from runner.declarations.catalog import place_of
from runner.declarations.job import name_of
from runner.declarations.problem import refusal
from runner.errors import EnvironmentRefused, WrongUsage
from runner.job_kinds import JOB_KINDS
from runner.training_job import find_training_job, folder_of, local_inputs

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

    from runner.azureml.connection import Connection
    from runner.declarations import Catalog, CommandJob
    from runner.workspace import Assets, Job, TrainingRequest

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9]+")


def train(
    connection: Connection,
    catalog: Catalog,
    request: TrainingRequest,
    assets: Assets,
    tell: Tell,
) -> Job:
    """Submit a model folder's training job, and return it as Azure accepted it.

    Its code, environment and files are registered first; the same content again is not. The job
    is named here, so a lost answer leaves no second one. Raises as `find_training_job` and
    `environment_id`, WrongUsage, NotFound, EnvironmentRefused and Interrupted; then there is no
    job, or the error names it.
    """
    first_pause()  # who follows the job wants no error of their settings once there is one
    job = find_training_job(catalog, request)
    if isinstance(job, OtherJob):
        raise EnvironmentRefused(f"{job.file} declares {JOB_KINDS[job.type].noun}")
    check_keys(job)
    files = local_inputs(job)  # before anything is sent
    stem = _NOT_IN_A_NAME.sub("-", job.name or f"{folder_of(job)}-{name_of(job)}").strip("-")
    compute = _compute_id(connection, job)
    environment = environment_id(connection, catalog, job.environment, tell)
    code = _code_id(connection, job, stem, tell)
    given = {
        name: _input(connection, catalog, declared, files.get(name), assets, tell)
        for name, declared in job.inputs.items()
    }
    parts = Parts(environment, code, compute, given)
    return _begin(connection, stem, job_properties(job, parts))


def _begin(connection: Connection, stem: str, properties: Mapping[str, Any]) -> Job:
    name = name_job(stem, uuid.uuid4().hex)

    def put() -> HttpResponse:
        return connection.arm.send(
            "PUT",
            connection.arm.url("jobs", name),
            body={"properties": properties},
            accept=UNCERTAIN,
            retry="never",
            what=f"begin job {name}",
        )

    return job_record(connection, begin_job(connection, name, put))


def _compute_id(connection: Connection, job: CommandJob) -> str | None:
    """The id of the compute; none where Azure is left to choose one."""
    name = job.compute
    if name is None or name.startswith("/"):
        return name
    if name == "local":
        text = "found 'local', which trains here: allowed in a workspace is azureml:<name>"
        raise refusal(place_of(job.source, "compute"), "compute", text)
    if connection.arm.find("computes", name) is None:
        raise connection.missing(
            "compute", name, lambda: [str(one["name"]) for one in connection.arm.pages("computes")]
        )
    return f"{connection.outputs.resource_id}/computes/{name}"


def _code_id(connection: Connection, job: CommandJob, name: str, tell: Tell) -> str | None:
    if job.code is None:
        return None
    if isinstance(job.code, Path):
        reference = register_code(connection, name, job.code, tell)
    else:
        reference = job.code
    found = re.fullmatch(r"azureml:(?:(/.+)|([^:/@]+):([^:/@]+))", reference)
    if found is None:
        text = f"found {reference!r}, allowed: a folder, or azureml:<name>:<version>"
        raise refusal(place_of(job.source, "code"), "code", text)
    whole, code, version = found.groups()
    return whole or f"{connection.outputs.resource_id}/{CODES}/{code}/versions/{version}"


def _input(
    connection: Connection,
    catalog: Catalog,
    given: object,
    file: Path | None,
    assets: Assets,
    tell: Tell,
) -> dict[str, Any]:
    if not isinstance(given, JobInput):
        return literal(given)
    reference = given.path if isinstance(given.path, AssetReference) else None
    if reference and (reference.registry or reference.workspace):
        if not reference.exact:
            raise WrongUsage(f"{reference} is in another place: name its version")
        uri = str(reference)
        return asset_input(given, uri.removeprefix("azureml:") if reference.workspace else uri)
    if given.type in INPUT_TYPES:
        asked = str(file or given.path)
        return asset_input(given, find_input(connection, catalog, asked, given.type, assets).uri)
    if reference:
        asset = find(connection, kind_of_type(given.type), str(reference))
        return asset_input(given, asset_id(connection, asset))
    return asset_input(given, _sent(connection, file, tell) if file else str(given.path))


def _sent(connection: Connection, path: Path, tell: Tell) -> str:
    """The address of a model or table of this machine, which is sent unless it is there."""
    content = scan(path)
    hashes = {one.name: hash_file(one) for one in content.files}
    place, sent = send(connection, path.absolute().name, content, hashes, tell)
    if sent != hash_content(content.shape, hashes.items()):
        raise EnvironmentRefused(f"{path} changed while it was being sent: train again")
    return storage_of(connection).long_uri(place)
