"""Asking a batch endpoint of Azure to score: one invocation, one job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner.azureml.beginning import UNCERTAIN, begin_job, name_job
from runner.azureml.endpoints import deploying, endpoint_names, find_endpoint
from runner.azureml.errors import ServiceError
from runner.azureml.following import first_pause
from runner.azureml.inputs import DataAssets, Input, find_input
from runner.azureml.jobs import job_record
from runner.azureml.lost_jobs import LostJob
from runner.declarations.override import override
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.nearest import nearest
from runner.request import only_deployment
from runner.workspace import Invocation, Job

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

    from runner.azureml.connection import Connection
    from runner.declarations import BatchDeployment, Catalog

_JOB_INPUT: dict[str, str] = {"uri_file": "UriFile", "uri_folder": "UriFolder"}
_INPUT = "data"  # the name of the one input a model deployment takes
# What Azure's scoring interface takes with a call; the rest belongs to the deployment.
_PER_CALL = (
    "mini_batch_size",
    "instance_count",
    "retry_settings.max_retries",
    "retry_settings.timeout",
    "error_threshold",
    "output_file_name",
)


def invoke(
    connection: Connection,
    catalog: Catalog,
    invocation: Invocation,
    data: DataAssets,
    default_endpoint: Callable[[], str | None],
) -> Job:
    """Start a batch job, and return it as Azure accepted it.

    It is looked for before Azure is asked a second time, so a lost answer leaves no second job
    behind (Azure/azure-sdk-for-python#31166). Raises WrongUsage for settings Azure takes no call
    of, NotFound for what the workspace lacks, Interrupted and EnvironmentRefused; then there is no
    job, or the error names it, or all that it may be.
    """
    first_pause()  # who follows the job wants no error of their settings once there is one
    name = _endpoint_name(connection, invocation.endpoint or default_endpoint())
    scoring_uri, only = _scoring_uri(connection, name, invocation.deployment)
    if only is not None:
        # Azure refuses a call that names none, even where there is only one.
        invocation = replace(invocation, deployment=only)
    settings = _settings(connection, catalog, name, invocation)
    output = _output(connection, catalog, name, invocation, settings)
    given = _input(catalog, name, invocation, data, connection)
    body = {
        "properties": {
            "inputData": {_INPUT: {"jobInputType": _JOB_INPUT[given.type], "uri": given.uri}},
            **settings,
            **output,
        }
    }
    accepted = _begin(connection, name, invocation.deployment, scoring_uri, body)
    record = job_record(connection, accepted, connection.actual_name(name))
    deployment = invocation.deployment or record.deployment or _known_default(connection, name)
    taken = () if only is None else (only_deployment(name, only),)
    notices = (*record.notices, *taken, *given.notices)
    return replace(record, deployment=deployment, input=given.shown, notices=notices)


def _endpoint_name(connection: Connection, name: str | None) -> str:
    if name is None:
        names = sorted(endpoint_names(connection, ("batch",)))
        if not names:
            raise NotFound("the workspace has no batch endpoint: declare one and deploy it")
        raise WrongUsage(f"name the batch endpoint to use; there are {', '.join(names)}")
    known = (connection.outputs.endpoints or {}).get(name)
    if known is not None and known.kind != "batch":
        raise WrongUsage(f"{name!r} is an online endpoint; ask it with `runner invoke {name} FILE`")
    return connection.logical_name(name)


def _scoring_uri(
    connection: Connection, name: str, deployment: str | None
) -> tuple[str, str | None]:
    """Where to post: the stack's output knows it, or else Resource Manager; and the only deployment
    of an endpoint without default where none is named.

    An endpoint without default and with several is refused here, before data is sent anywhere.
    """
    known = (connection.outputs.endpoints or {}).get(name)
    if known is not None and known.scoring_uri:
        told = known.default if deployment is None else deployment in known.deployments
        if told:
            return known.scoring_uri, None
    # The stack's output may be older than the endpoint.
    return _look_up(connection, name, deployment)


def _look_up(connection: Connection, name: str, deployment: str | None) -> tuple[str, str | None]:
    """Where to post, of an endpoint that has what is asked of it, and its only deployment where it
    has no default and none is named.

    Raises NotFound with the nearest names, EnvironmentRefused without default deployment or any.
    """
    _, endpoint = find_endpoint(connection, name, ("batch",))
    properties = endpoint["properties"]
    chosen = deployment or (properties.get("defaults") or {}).get("deploymentName")
    path = ("batchEndpoints", endpoint["name"], "deployments")
    if not chosen:
        there = [str(deployment["name"]) for deployment in connection.arm.pages(*path)]
        if len(there) == 1:
            return str(properties["scoringUri"]), there[0]
        if not there:
            way = deploying(connection, name, "batch")
            raise EnvironmentRefused(f"endpoint {name!r} has no deployment yet; {way}")
        raise EnvironmentRefused(
            f"endpoint {name!r} has no default deployment: name one with --deployment"
            f" ({', '.join(sorted(there))}), or set `defaults: {{deployment_name: ...}}` in the"
            " stack file and deploy"
        )
    if connection.arm.find(*path, chosen) is None:
        names = [str(one["name"]) for one in connection.arm.pages(*path)]
        raise NotFound(f"no deployment {chosen!r} of endpoint {name!r}{nearest(chosen, names)}")
    return str(properties["scoringUri"]), None


def _known_default(connection: Connection, name: str) -> str | None:
    known = (connection.outputs.endpoints or {}).get(name)
    return known.default if known else None


def _settings(
    connection: Connection, catalog: Catalog, endpoint: str, invocation: Invocation
) -> dict[str, Any]:
    """What the call changes of the deployment, in the words of Azure's scoring interface."""
    if invocation.slice_above is not None:
        raise WrongUsage(
            "--slice-above is for this machine: Azure gives a model every file whole; leave it out"
        )
    asked = dict(invocation.settings)
    if invocation.mini_batch_size is not None:
        asked["mini_batch_size"] = str(invocation.mini_batch_size)
    if invocation.instance_count is not None:
        asked["instance_count"] = str(invocation.instance_count)
    if not asked:
        return {}
    keys = {key: key.removeprefix("settings.").removeprefix("resources.") for key in asked}
    checked = override(_any_deployment(connection, catalog, endpoint, invocation.deployment), asked)
    for key, plain in keys.items():
        if plain not in _PER_CALL:
            raise WrongUsage(
                f"{key} belongs to the deployment on Azure, not to a call: change it in the stack"
                f" file and deploy; a call takes {', '.join(_PER_CALL)}"
            )
    settings, given = checked.settings, set(keys.values())
    wire: dict[str, Any] = {}
    if "mini_batch_size" in given:
        wire["miniBatchSize"] = settings.mini_batch_size
    if "instance_count" in given:
        wire["compute"] = {"instanceCount": checked.resources.instance_count}
    if "error_threshold" in given:
        wire["errorThreshold"] = settings.error_threshold
    if "output_file_name" in given:
        wire["outputFileName"] = settings.output_file_name
    retries = settings.retry_settings
    if "retry_settings.max_retries" in given or "retry_settings.timeout" in given:
        wire["retrySettings"] = {
            "maxRetries": retries.max_retries,
            "timeout": f"PT{retries.timeout}S",
        }
    return wire


def _any_deployment(
    connection: Connection, catalog: Catalog, endpoint: str, deployment: str | None
) -> BatchDeployment:
    """The declared deployment that a call's settings are checked as a part of."""
    name = _deployment_name(connection, catalog, endpoint, deployment)
    found = catalog.batch_deployments.get(endpoint, {}).get(name or "")
    if found is not None:
        return found
    raise WrongUsage(
        f"deployment {name!r} of endpoint {endpoint!r} is not declared under models/, so its"
        " settings can't be checked: declare it, or leave out --set, --mini-batch-size and"
        " --instance-count"
    )


def _deployment_name(
    connection: Connection, catalog: Catalog, endpoint: str, deployment: str | None
) -> str | None:
    """The deployment a call means, as far as that is known without asking."""
    name = deployment or _known_default(connection, endpoint)
    if name is None and endpoint in catalog.batch_endpoints:
        name = catalog.batch_endpoints[endpoint].defaults.deployment_name
    return name


def _input(
    catalog: Catalog,
    endpoint: str,
    invocation: Invocation,
    data: DataAssets,
    connection: Connection,
) -> Input:
    declared = catalog.batch_endpoints.get(endpoint)
    asked, type_ = invocation.data or (declared.input if declared else None), invocation.input_type
    if asked is None:
        beside = catalog.data_beside(declared) if declared else None
        if beside is None:
            raise WrongUsage(
                f"nothing says which data to score: give --data, or `input` of endpoint"
                f" {endpoint!r} in the stack file, or a data.yml in its model's folder"
            )
        asked = f"azureml:{beside.name}@latest"
    return find_input(connection, catalog, asked, type_, data)


def _output(
    connection: Connection,
    catalog: Catalog,
    endpoint: str,
    invocation: Invocation,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Where the predictions go, where that is not left to Azure; takes the file name with it."""
    asked = invocation.output_path
    if asked is None:
        return {}
    if not asked.startswith(("azureml:", "/subscriptions/")):
        raise WrongUsage(
            f"--output-path {asked!r} is on this machine, where the cluster can't write: give"
            " azureml://datastores/NAME/paths/PATH, and --download DIR to get the results here"
        )
    place = connection.storage.own_place(asked)
    name = _deployment_name(connection, catalog, endpoint, invocation.deployment)
    declared = catalog.batch_deployments.get(endpoint, {}).get(name or "")
    usual = declared.settings.output_file_name if declared else "predictions.csv"
    file = settings.pop("outputFileName", usual)
    folder = place.path.strip("/")
    uri = replace(place, path=f"{folder}/{file}" if folder else file).short_uri
    return {"outputData": {"score": {"jobOutputType": "UriFile", "uri": uri}}}


def _begin(
    connection: Connection,
    endpoint: str,
    deployment: str | None,
    scoring_uri: str,
    body: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Ask for a job that is shown as no other is; one that is interrupted is canceled."""
    import uuid
    from datetime import UTC, datetime

    request = uuid.uuid4()
    job = name_job(endpoint, request.hex)
    named = {"properties": {"name": job, **body["properties"]}}
    lost = LostJob(
        endpoint=connection.actual_name(endpoint),
        deployment=deployment,
        input=body["properties"]["inputData"][_INPUT]["uri"],
        name=job,
        asked_at=datetime.now(UTC),
    )
    headers = {"repeatability-request-id": str(request)}
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
                _look_up(connection, endpoint, deployment)
        raise
