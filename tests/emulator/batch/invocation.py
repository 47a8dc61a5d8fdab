"""`POST https://<endpoint>.<location>.inference.…/jobs`: a request to score becomes a job."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.emulator import addresses
from tests.emulator.batch.places import Place, find_place
from tests.emulator.batch.task import Settings, Task
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Refusal, Response, answer
from tests.emulator.routes import Call, Route, route
from tests.emulator.state import Resource, State

ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/batchEndpoints"
JOBS = "Microsoft.MachineLearningServices/workspaces/jobs"
DEPLOYMENT_HEADER = "azureml-model-deployment"
CHILD_OUTPUT = "score"
WORKSPACE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)

_JOB_TYPES = {"UriFile": "uri_file", "UriFolder": "uri_folder"}
_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
_KEYS = frozenset(
    {
        "compute",
        "dataset",
        "errorThreshold",
        "inputData",
        "miniBatchSize",
        "name",
        "outputData",
        "outputDataset",
        "outputFileName",
        "properties",
        "retrySettings",
    }
)


def invoke(cloud: Cloud, call: Call) -> Response:
    """Accept an invocation: the job is there when this answers, and runs from then on."""
    endpoint = _endpoint(cloud.state, call)
    workspace = endpoint.body["id"].rpartition("/batchEndpoints/")[0]
    deployment = _deployment(cloud.state, endpoint, call.request.headers.get(DEPLOYMENT_HEADER))
    asked = _asked(call.request.json())
    job = _job_name(cloud.state, workspace, asked.get("name"))
    task = _task(cloud.state, workspace, deployment, asked, job)
    resource = _record(cloud.state, workspace, endpoint, deployment, asked, task)
    if cloud.jobs is not None:
        cloud.jobs.start(resource)
    return answer(201, as_endpoint_job(endpoint, resource))


def jobs_of(cloud: Cloud, call: Call) -> Response:
    """List the jobs of an endpoint."""
    workspace = workspace_id(call)
    name = call.arguments["endpoint"]
    endpoint = cloud.state.get(f"{workspace}/batchEndpoints/{name}")
    if endpoint is None:
        raise Refusal(404, "NotFound", f"Batch endpoint {name} was not found.")
    found = [
        as_endpoint_job(endpoint, job)
        for job in cloud.state.children(workspace, JOBS)
        if job.properties["experimentName"] == endpoint.body["name"]
    ]
    return answer(200, {"value": found})


def workspace_id(call: Call) -> str:
    """The id of the workspace that stands in a data plane's path."""
    arguments = call.arguments
    return (
        f"/subscriptions/{arguments['subscription']}/resourceGroups/{arguments['group']}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{arguments['workspace']}"
    )


def as_endpoint_job(endpoint: Resource, job: Resource) -> dict[str, Any]:
    """A job as the endpoint tells it."""
    name = job.body["name"]
    return {
        "id": f"{endpoint.body['id']}/jobs/{name}",
        "name": name,
        "type": f"{ENDPOINTS}/jobs",
        "properties": {
            "name": name,
            "status": job.properties["status"],
            "inputData": job.properties["inputs"],
            "tags": job.properties["tags"],
        },
        "systemData": job.body["systemData"],
    }


def _endpoint(state: State, call: Call) -> Resource:
    host = call.request.host
    for one in state.of_type(ENDPOINTS):
        if addresses.inference(one.body["name"], one.body["location"]) == f"https://{host}":
            return one
    raise Refusal(404, "NotFound", f"No batch endpoint answers at {host}.")


def _deployment(state: State, endpoint: Resource, named: str | None) -> Resource:
    defaults: Mapping[str, Any] = endpoint.properties.get("defaults") or {}
    name = named or defaults.get("deploymentName")
    if not name:
        raise Refusal(
            400, "BadRequest", f"Endpoint {endpoint.body['name']} has no default deployment."
        )
    found = state.get(f"{endpoint.key}/deployments/{name}")
    if found is None:
        raise Refusal(
            404, "NotFound", f"Deployment {name} of endpoint {endpoint.body['name']} was not found."
        )
    if found.properties.get("provisioningState") != "Succeeded":
        raise Refusal(409, "Conflict", f"Deployment {name} is not ready to be invoked.")
    return found


def _asked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or not isinstance(body.get("properties"), dict):
        raise Refusal(400, "BadArgument", "The request has no 'properties'.")
    asked = {_camel(key): value for key, value in body["properties"].items()}
    unknown = sorted(asked.keys() - _KEYS)
    if unknown:
        raise Refusal(400, "BadArgument", f"Could not find member '{unknown[0]}' on a batch job.")
    return asked


def _camel(key: str) -> str:
    return key[:1].lower() + key[1:]


def _job_name(state: State, workspace: str, asked: str | None) -> str:
    name = asked or f"batchjob-{uuid.uuid4()}"
    if not _JOB_NAME.fullmatch(name):
        raise Refusal(400, "BadArgument", f"'{name}' is not a valid name of a job.")
    if state.get(f"{workspace}/jobs/{name}") is not None:
        raise Refusal(409, "Conflict", f"A job with name {name} already exists.")
    return name


def _task(
    state: State, workspace: str, deployment: Resource, asked: Mapping[str, Any], job: str
) -> Task:
    declared = deployment.properties
    child = str(uuid.uuid4())
    output_uri, file_name = _output(asked, child)
    code: Mapping[str, Any] = declared.get("codeConfiguration") or {}
    return Task(
        workspace=workspace,
        job=job,
        child=child,
        input=_input(state, workspace, asked),
        output=find_place(state, workspace, output_uri),
        output_uri=output_uri,
        model=_asset_place(
            state, workspace, (declared.get("model") or {}).get("assetId"), "modelUri"
        ),
        code=_asset_place(state, workspace, code.get("codeId"), "codeUri"),
        scoring_script=code.get("scoringScript"),
        settings=_settings(
            declared, {**asked, **({"outputFileName": file_name} if file_name else {})}
        ),
        environment_variables=declared.get("environmentVariables") or {},
    )


def _input(state: State, workspace: str, asked: Mapping[str, Any]) -> Place:
    inputs = list((asked.get("inputData") or {}).values())
    if len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise Refusal(400, "BadArgument", "A model deployment takes exactly one input.")
    one = {_camel(key): value for key, value in inputs[0].items()}
    if one.get("jobInputType") not in ("UriFile", "UriFolder"):
        raise Refusal(
            400,
            "BadArgument",
            f"'{one.get('jobInputType')}' is no type of input: UriFile, UriFolder.",
        )
    if not one.get("uri"):
        raise Refusal(400, "BadArgument", "The input has no 'uri'.")
    place = find_place(state, workspace, one["uri"])
    if one["jobInputType"] == "UriFolder" and place.path:
        return place.as_folder()
    return place


def _output(asked: Mapping[str, Any], child: str) -> tuple[str, str | None]:
    """Where the predictions go: a folder, and the file in it where that is asked for."""
    outputs = list((asked.get("outputData") or {}).values())
    dataset = asked.get("outputDataset")
    if outputs:
        one = {_camel(key): value for key, value in outputs[0].items()}
        uri = str(one["uri"])
        if one.get("jobOutputType") == "UriFile":
            folder, _, name = uri.rpartition("/")
            return folder + "/", name
        return uri.rstrip("/") + "/", None
    if dataset:
        store = str(dataset["datastoreId"]).rpartition("/")[2]
        path = str(dataset["path"]).strip("/")
        return f"azureml://datastores/{store}/paths/{path}/", None
    return f"azureml://datastores/workspaceblobstore/paths/azureml/{child}/{CHILD_OUTPUT}/", None


def _asset_place(state: State, workspace: str, asset: str | None, uri: str) -> Place | None:
    if asset is None:
        return None
    found = state.get(asset.removeprefix("azureml:"))
    if found is None:
        raise Refusal(400, "BadArgument", f"Asset {asset} was not found.")
    return find_place(state, workspace, found.properties[uri])


def _settings(declared: Mapping[str, Any], asked: Mapping[str, Any]) -> Settings:
    resources = declared.get("resources") or {}
    compute = asked.get("compute") or {}
    instances = compute.get("instanceCount") or resources.get("instanceCount") or 1
    retries = {**(declared.get("retrySettings") or {}), **(asked.get("retrySettings") or {})}
    threshold = asked.get("errorThreshold", declared.get("errorThreshold", -1))
    return Settings(
        mini_batch_size=int(asked.get("miniBatchSize") or declared.get("miniBatchSize") or 10),
        processes=int(instances) * int(declared.get("maxConcurrencyPerInstance") or 1),
        max_retries=int(retries.get("maxRetries", 3)),
        timeout=seconds_of(retries.get("timeout") or "PT30S"),
        error_threshold=int(threshold),
        output_action=(
            "summary_only" if declared.get("outputAction") == "SummaryOnly" else "append_row"
        ),
        output_file_name=(
            asked.get("outputFileName") or declared.get("outputFileName") or "predictions.csv"
        ),
    )


def seconds_of(duration: str) -> float:
    """Read a duration in ISO 8601."""
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", duration)
    if found is None:
        raise Refusal(400, "BadArgument", f"'{duration}' is no duration in ISO 8601.")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _record(
    state: State,
    workspace: str,
    endpoint: Resource,
    deployment: Resource,
    asked: Mapping[str, Any],
    task: Task,
) -> Resource:
    """The job as GET gives it: a pipeline of one step, named batchscoring."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    name = task.job
    inputs = {
        key: {
            **{_camel(name): part for name, part in one.items()},
            # Resource Manager has other words for it than the scoring interface.
            "jobInputType": _JOB_TYPES[one.get("jobInputType") or one["JobInputType"]],
            "mode": "ReadOnlyMount",
        }
        for key, one in (asked.get("inputData") or {}).items()
    }
    body = {
        "id": f"{workspace}/jobs/{name}",
        "name": name,
        "type": JOBS,
        "systemData": {
            "createdAt": now,
            "createdBy": "application",
            "createdByType": "Application",
        },
        "properties": {
            "jobType": "Pipeline",
            "displayName": name,
            "experimentName": endpoint.body["name"],
            "status": "Preparing",
            "tags": {
                "azureml.batchrun": "true",
                "azureml.deploymentname": deployment.body["name"],
                "azureml.jobtype": "azureml.batchjob",
            },
            "properties": dict(asked.get("properties") or {}),
            "services": {
                "Tracking": {"jobServiceType": "Tracking", "endpoint": addresses.MANAGEMENT},
                "Studio": {
                    "jobServiceType": "Studio",
                    "endpoint": f"{addresses.ML_RESOURCE}/runs/{name}",
                },
            },
            "settings": {},
            "inputs": inputs,
            "outputs": {
                CHILD_OUTPUT: {
                    "jobOutputType": "uri_folder",
                    "mode": "ReadWriteMount",
                    "uri": task.output_uri,
                }
            },
            "jobs": {},
            "isArchived": False,
        },
    }
    return state.put(workspace, JOBS, body, {"task": task.to_json()})


ROUTES: tuple[Route, ...] = (
    route("POST", addresses.INFERENCE_HOST, "/jobs", invoke, addresses.ML_AUDIENCES),
    route(
        "GET",
        addresses.WORKSPACE_HOST,
        f"/mferp/managementfrontend{WORKSPACE}/batchEndpoints/{{endpoint}}/jobs",
        jobs_of,
        addresses.ML_AUDIENCES,
    ),
)
