"""Invokes a batch endpoint of Azure, which begins one job."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner.assets.registering import Registrar
from runner.azure.errors import ServiceError
from runner.azureml.endpoints import DeployedEndpoints
from runner.azureml.inputs import find_input
from runner.azureml.jobs import job_record
from runner.azureml.lost_jobs import LostJob
from runner.azureml.pipeline_inputs import Given, find_inputs, get_component
from runner.azureml.storage import Place, first_blob, storage_of
from runner.azureml.submission import UNCERTAIN, begin_job, name_job
from runner.declarations.scoring_request import model_input, wire_settings
from runner.errors import JobFailed, WrongUsage
from runner.invocation.request import Request, check_deployment, refuse_only_here, resolve
from runner.jobs.polling import first_pause
from runner.workspace import Invocation, Job

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

    from runner.azureml.connection import Connection
    from runner.declarations import Catalog


def invoke(
    connection: Connection, catalog: Catalog, invocation: Invocation, assets: Registrar
) -> Job:
    """Begin a batch job, and return it as Azure accepted it.

    The job is looked for before Azure is asked a second time, so a lost answer leaves no second
    job behind (Azure/azure-sdk-for-python#31166). Raises WrongUsage for settings that can't be
    changed by a call, NotFound for what the workspace lacks, Interrupted and EnvironmentRefused;
    then there is no job, or the error names it, or all jobs that it may be.
    """
    first_pause()  # a wrong RUNNER_POLL_INTERVAL must be refused before there is a job
    refuse_only_here(invocation)
    if invocation.endpoint is not None:
        logical = connection.logical_name(invocation.endpoint)
        invocation = replace(invocation, endpoint=logical)
    endpoints = DeployedEndpoints(connection, catalog.default_endpoint)
    request = resolve(invocation, catalog, endpoints)
    if request.pipeline is not None or invocation.inputs:
        output, given, unseen = _of_pipeline(connection, catalog, request, invocation, assets)
        properties = {"inputData": given.body, **output}
    else:
        settings = wire_settings(request.declared, request.changed) if request.declared else {}
        output, unseen = _output(connection, request, invocation.output_path, settings)
        given = _of_model(connection, catalog, request, invocation, assets)
        properties = {"inputData": given.body, **settings, **output}
    accepted = _begin(connection, endpoints, request, properties)
    record = job_record(connection, accepted, connection.actual_name(request.endpoint))
    return replace(
        record,
        # Azure knows the endpoint's present default better than the stack's output.
        deployment=(record.deployment if request.by_default else None) or request.deployment,
        input=given.shown,
        notices=(*record.notices, *request.notices, *unseen, *given.notices),
    )


def _of_model(
    connection: Connection,
    catalog: Catalog,
    request: Request,
    invocation: Invocation,
    assets: Registrar,
) -> Given:
    """Return the one input of a model."""
    found = find_input(connection, catalog, request.data, invocation.input_type, assets)
    return Given(model_input(found.uri, found.type), found.shown, found.notices)


def _of_pipeline(
    connection: Connection,
    catalog: Catalog,
    request: Request,
    invocation: Invocation,
    assets: Registrar,
) -> tuple[dict[str, Any], Given, tuple[str, ...]]:
    """Return the place of a pipeline's output, its inputs, and a notice as `_output` does."""
    component = get_component(connection, request)
    output: dict[str, Any] = {}
    unseen: tuple[str, ...] = ()
    if invocation.output_path is not None:
        if len(component.outputs) != 1:
            raise WrongUsage(
                f"--output-path is for the only output of a pipeline, and {component.component} has"
                f" {', '.join(component.outputs) or 'none'}: leave it out, and get them with"
                " `runner jobs download`"
            )
        ((name, declared),) = component.outputs.items()
        place = _place(connection, invocation.output_path)
        type_ = "UriFile" if declared.get("type") == "uri_file" else "UriFolder"
        output = {"outputData": {name: {"jobOutputType": type_, "uri": place.short_uri}}}
        unseen = _must_be_new(connection, replace(place, path=place.path.strip("/")))
    given = find_inputs(connection, catalog, component, request, invocation, assets)
    return output, given, unseen


def _output(
    connection: Connection, request: Request, asked: str | None, settings: dict[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the place of the predictions, if one is asked for; the file's name leaves `settings`.

    With it comes a notice, where it can't be seen whether the place is free. Raises JobFailed
    where it is not.
    """
    if asked is None:
        return {}, ()
    place = _place(connection, asked)
    declared = request.declared
    usual = declared.settings.output_file_name if declared else "predictions.csv"
    file = settings.pop("outputFileName", usual)
    folder = place.path.strip("/")
    whole = replace(place, path=f"{folder}/{file}" if folder else file)
    output = {"outputData": {"score": {"jobOutputType": "UriFile", "uri": whole.short_uri}}}
    return output, _must_be_new(connection, replace(place, path=folder) if folder else whole)


def _place(connection: Connection, asked: str) -> Place:
    """Return the place that --output-path names. Raises WrongUsage."""
    if not asked.startswith(("azureml:", "/subscriptions/")):
        raise WrongUsage(
            f"--output-path {asked!r} is on this machine, where the cluster can't write: give"
            " azureml://datastores/NAME/paths/PATH, and --download-path DIR to get the results here"
        )
    return storage_of(connection).own_place(asked)


def _must_be_new(connection: Connection, place: Place) -> tuple[str, ...]:
    """Raise JobFailed for a place that holds something, as the job would fail after its start.

    Returns a notice where the account may not list the place, which it need not to invoke.
    """
    container = storage_of(connection).container(place.datastore)
    try:
        # The first name may be a longer one that goes on otherwise: what is below has a slash.
        first = (first_blob(container, prefix) or "" for prefix in (place.path, f"{place.path}/"))
        taken = any(f"{name}/".startswith(f"{place.path}/") for name in first)
    except ServiceError as error:
        return (f"the job fails if {place.short_uri} exists, which can't be seen: {error}",)
    if taken:
        raise JobFailed(f"output {place.short_uri} exists already; name another place")
    return ()


def _begin(
    connection: Connection,
    endpoints: DeployedEndpoints,
    request: Request,
    properties: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Begin a job under a unique display name; it is canceled where the command is interrupted."""
    import uuid
    from datetime import UTC, datetime

    unique = uuid.uuid4()
    # Where an endpoint has no default, Azure wants its only deployment named, too.
    deployment = None if request.by_default else request.deployment
    endpoint, scoring_uri = request.endpoint, endpoints.scoring_uri(request.endpoint)
    job = name_job(endpoint, unique.hex)
    named = {"properties": {"name": job, **properties}}
    inputs = (item["uri"] for item in properties["inputData"].values() if "uri" in item)
    lost = LostJob(
        endpoint=connection.actual_name(endpoint),
        deployment=deployment,
        input=next(inputs, ""),
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
