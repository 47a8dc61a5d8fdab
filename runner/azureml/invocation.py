"""Asking a batch endpoint of Azure to score: one invocation, one job."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner.azure.errors import ServiceError
from runner.azureml.beginning import UNCERTAIN, begin_job, name_job
from runner.azureml.call_settings import wire_settings
from runner.azureml.endpoints import DeployedEndpoints
from runner.azureml.inputs import find_input
from runner.azureml.jobs import job_record
from runner.azureml.lost_jobs import LostJob
from runner.azureml.storage import storage_of
from runner.errors import WrongUsage
from runner.polling import first_pause
from runner.registering import Registrar
from runner.request import Request, check_deployment, refuse_only_here, resolve
from runner.workspace import Invocation, Job

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

    from runner.azureml.connection import Connection
    from runner.declarations import Catalog

_JOB_INPUT: dict[str, str] = {"uri_file": "UriFile", "uri_folder": "UriFolder"}
_INPUT = "data"  # the name of the one input a model deployment takes


def invoke(
    connection: Connection, catalog: Catalog, invocation: Invocation, assets: Registrar
) -> Job:
    """Start a batch job, and return it as Azure accepted it.

    It is looked for before Azure is asked a second time, so a lost answer leaves no second job
    behind (Azure/azure-sdk-for-python#31166). Raises WrongUsage for settings Azure takes no call
    of, NotFound for what the workspace lacks, Interrupted and EnvironmentRefused; then there is no
    job, or the error names it, or all that it may be.
    """
    first_pause()  # who follows the job wants no error of their settings once there is one
    refuse_only_here(invocation)
    if invocation.endpoint is not None:
        logical = connection.logical_name(invocation.endpoint)
        invocation = replace(invocation, endpoint=logical)
    endpoints = DeployedEndpoints(connection, catalog.default_endpoint)
    request = resolve(invocation, catalog, endpoints)
    settings = wire_settings(request.declared, request.changed) if request.declared else {}
    output = _output(connection, request, invocation.output_path, settings)
    given = find_input(connection, catalog, request.data, invocation.input_type, assets)
    body = {
        "properties": {
            "inputData": {_INPUT: {"jobInputType": _JOB_INPUT[given.type], "uri": given.uri}},
            **settings,
            **output,
        }
    }
    accepted = _begin(connection, endpoints, request, body)
    record = job_record(connection, accepted, connection.actual_name(request.endpoint))
    return replace(
        record,
        # What the endpoint's default is now, Azure knows better than the stack's output.
        deployment=(record.deployment if request.by_default else None) or request.deployment,
        input=given.shown,
        notices=(*record.notices, *request.notices, *given.notices),
    )


def _output(
    connection: Connection, request: Request, asked: str | None, settings: dict[str, Any]
) -> dict[str, Any]:
    """Where the predictions go, where that is not left to Azure; takes the file name with it."""
    if asked is None:
        return {}
    if not asked.startswith(("azureml:", "/subscriptions/")):
        raise WrongUsage(
            f"--output-path {asked!r} is on this machine, where the cluster can't write: give"
            " azureml://datastores/NAME/paths/PATH, and --download DIR to get the results here"
        )
    place = storage_of(connection).own_place(asked)
    declared = request.declared
    usual = declared.settings.output_file_name if declared else "predictions.csv"
    file = settings.pop("outputFileName", usual)
    folder = place.path.strip("/")
    uri = replace(place, path=f"{folder}/{file}" if folder else file).short_uri
    return {"outputData": {"score": {"jobOutputType": "UriFile", "uri": uri}}}


def _begin(
    connection: Connection,
    endpoints: DeployedEndpoints,
    request: Request,
    body: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Ask for a job that is shown as no other is; one that is interrupted is canceled."""
    import uuid
    from datetime import UTC, datetime

    unique = uuid.uuid4()
    # Azure refuses a call that names none where the endpoint has no default, even an only one.
    deployment = None if request.by_default else request.deployment
    endpoint, scoring_uri = request.endpoint, endpoints.scoring_uri(request.endpoint)
    job = name_job(endpoint, unique.hex)
    named = {"properties": {"name": job, **body["properties"]}}
    lost = LostJob(
        endpoint=connection.actual_name(endpoint),
        deployment=deployment,
        input=body["properties"]["inputData"][_INPUT]["uri"],
        name=job,
        asked_at=datetime.now(UTC),
    )
    headers = {"repeatability-request-id": str(unique)}
    if deployment:
        headers["azureml-model-deployment"] = deployment

    def post() -> HttpResponse:
        return connection.scoring.send(
            "POST",
            scoring_uri,
            body=named,
            headers=headers,
            accept=UNCERTAIN,
            retry="never",
            what=f"invoke endpoint {endpoint!r}",
        )

    try:
        return begin_job(connection, job, post, lambda: lost.find(connection))
    except ServiceError as error:
        if error.status in (None, 400, 404):
            # Resource Manager may know more: the endpoint can be gone, or have no default now.
            with suppress(ServiceError):
                check_deployment(request, endpoints.look_up(endpoint), endpoints)
        raise
