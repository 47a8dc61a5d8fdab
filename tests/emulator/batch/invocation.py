"""`POST https://<endpoint>.<location>.inference.…/jobs`: a request to score becomes a job."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from tests.emulator import addresses, people
from tests.emulator.batch.job_shapes import as_endpoint_job, display_name, job_body
from tests.emulator.batch.places import Place, find_place
from tests.emulator.batch.task import INVOCATION, Settings, Task
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Refusal, Response, answer
from tests.emulator.ml.networks import require_reachable
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
    """Accept an invocation: the job is there when this answers, and runs from then on.

    The name that is asked for is what people are shown, and no more: the service gives the job one
    of its own, so that the same name again makes another job.
    """
    endpoint = _endpoint(cloud.state, call)
    require_reachable(cloud, endpoint.body["id"].rpartition("/batchEndpoints/")[0])
    people.require_in_workspace(cloud, call.principal, people.INVOKE_BATCH, endpoint.body["id"])
    named = call.request.headers.get(DEPLOYMENT_HEADER)
    job = accept(cloud, endpoint, named, call.request.json())
    told = {DEPLOYMENT_HEADER: job.properties["tags"]["azureml.deploymentname"]}
    return answer(201, as_endpoint_job(endpoint, job), told)


def accept(cloud: Cloud, endpoint: Resource, named: str | None, body: Any) -> Resource:
    """Make the job that is asked for, of the deployment that is named or the default."""
    workspace = endpoint.body["id"].rpartition("/batchEndpoints/")[0]
    deployment = _deployment(cloud.state, endpoint, named)
    asked = _asked(body)
    if deployment.properties.get("deploymentConfiguration"):
        return _run_pipeline(cloud, workspace, endpoint, deployment, asked)
    task = _task(cloud.state, workspace, deployment, asked, f"batchjob-{uuid.uuid4()}")
    shown = None if cloud.ignores_job_names else asked.get("name")
    made = job_body(endpoint, deployment, task.job, shown or display_name(), task.settings)
    made["properties"]["properties"] |= asked.get("properties") or {}
    kept = {"task": task.to_json(), INVOCATION: _invocation(deployment, asked)}
    resource = cloud.state.put(workspace, JOBS, made, kept)
    if cloud.jobs is not None:
        cloud.jobs.start(resource)
    return resource


def _run_pipeline(
    cloud: Cloud,
    workspace: str,
    endpoint: Resource,
    deployment: Resource,
    asked: Mapping[str, Any],
) -> Resource:
    """Accept what a deployed pipeline is given, by its component. Its steps are not run."""
    component = deployment.properties["deploymentConfiguration"]["componentId"]["assetId"]
    found = cloud.state.get(component.removeprefix("azureml:"))
    if found is None:
        raise Refusal(400, "BadArgument", f"Component {component} was not found.")
    declared = found.properties["componentSpec"].get("inputs") or {}
    given = {
        name: {_camel(key): value for key, value in item.items()}
        for name, item in (asked.get("inputData") or {}).items()
    }
    if unknown := sorted(given.keys() - declared.keys()):
        raise Refusal(400, "BadArgument", f"The pipeline has no input '{unknown[0]}'.")
    for name, item in declared.items():
        if name not in given and not item.get("optional") and item.get("default") is None:
            raise Refusal(400, "BadArgument", f"The required input '{name}' is missing.")
        literal = name in given and given[name].get("jobInputType") == "Literal"
        if name in given and literal == str(item.get("type")).startswith("uri_"):
            raise Refusal(400, "BadArgument", f"The input '{name}' is no {item.get('type')}.")
    name, shown = f"batchjob-{uuid.uuid4()}", asked.get("name") or display_name()
    body = job_body(endpoint, deployment, name, shown, _settings({}, {}))
    body["properties"]["tags"]["azureml.jobtype"] = "azureml.pipelinejob"
    body["properties"]["status"] = "Completed"
    return cloud.state.put(workspace, JOBS, body, {INVOCATION: {"inputData": given}})


def jobs_of(cloud: Cloud, call: Call) -> Response:
    """List the jobs of an endpoint."""
    workspace = workspace_id(cloud, call)
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


def workspace_id(cloud: Cloud, call: Call) -> str:
    """Return the id of the workspace in a data plane's path, if it is reached from here."""
    arguments = call.arguments
    workspace = (
        f"/subscriptions/{arguments['subscription']}/resourceGroups/{arguments['group']}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{arguments['workspace']}"
    )
    require_reachable(cloud, workspace)
    people.require_in_workspace(cloud, call.principal, people.READ_RUNS, workspace)
    return workspace


def _endpoint(state: State, call: Call) -> Resource:
    host = call.request.host
    for endpoint in state.of_type(ENDPOINTS):
        if (
            addresses.inference(endpoint.body["name"], endpoint.body["location"])
            == f"https://{host}"
        ):
            return endpoint
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
    item = {_camel(key): value for key, value in inputs[0].items()}
    if item.get("jobInputType") not in ("UriFile", "UriFolder"):
        raise Refusal(
            400,
            "BadArgument",
            f"'{item.get('jobInputType')}' is no type of input: UriFile, UriFolder.",
        )
    if not item.get("uri"):
        raise Refusal(400, "BadArgument", "The input has no 'uri'.")
    place = find_place(state, workspace, item["uri"])
    if item["jobInputType"] == "UriFolder" and place.path:
        return place.as_folder()
    return place


def _output(asked: Mapping[str, Any], child: str) -> tuple[str, str | None]:
    """Return the place of the predictions: a folder, and the file in it where that is asked for."""
    outputs = list((asked.get("outputData") or {}).values())
    dataset = asked.get("outputDataset")
    if outputs:
        item = {_camel(key): value for key, value in outputs[0].items()}
        uri = str(item["uri"])
        if item.get("jobOutputType") == "UriFile":
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


def _invocation(deployment: Resource, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the endpoint tells of what was asked for."""
    declared = deployment.properties
    compute = asked.get("compute") or {}
    retries = {"maxRetries": 3, "timeout": "PT30S", **(declared.get("retrySettings") or {})}
    return {
        "inputData": {
            key: {
                "description": None,
                "mode": "ReadOnlyMount",
                **{_camel(name): part for name, part in item.items()},
            }
            for key, item in (asked.get("inputData") or {}).items()
        },
        "compute": {
            "target": declared.get("compute"),
            "instanceCount": compute.get("instanceCount"),
            "isLocal": False,
            "location": None,
            "instanceType": None,
            "properties": None,
        },
        "retrySettings": {**retries, **(asked.get("retrySettings") or {})},
    }


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
