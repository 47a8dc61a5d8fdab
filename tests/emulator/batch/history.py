"""Run history: what `jobs.stream` and `jobs.download` of the SDK read."""

from __future__ import annotations

from typing import Any

from tests.emulator import addresses
from tests.emulator.batch.invocation import CHILD_OUTPUT, WORKSPACE, workspace_id
from tests.emulator.batch.jobs import ARTIFACTS
from tests.emulator.batch.places import Place, find_place
from tests.emulator.batch.task import Task, task_from
from tests.emulator.blobs import Blobs
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Refusal, Response, answer
from tests.emulator.routes import Call, Route, route
from tests.emulator.state import Resource


def details(cloud: Cloud, call: Call) -> Response:
    """A run's status, its error and where its logs can be read."""
    job, task, child = _run(cloud, call, call.arguments["run"])
    body: dict[str, Any] = {
        **_metadata(job, task, child),
        "logFiles": _logs(cloud, task) if task and isinstance(cloud.storage, Blobs) else {},
    }
    if "error" in job.properties:
        body["error"] = {"error": job.properties["error"]}
    return answer(200, body)


def children(cloud: Cloud, call: Call) -> Response:
    """The runs below a run: of a batch job the one that scores."""
    job, task, child = _run(cloud, call, call.arguments["run"])
    below = [_metadata(job, task, True)] if task and not child else []
    return answer(200, {"value": below})


def run_data(cloud: Cloud, call: Call) -> Response:
    """A run's metadata, with its outputs by name."""
    job, task, child = _run(cloud, call, call.request.json()["runId"])
    return answer(200, {"runMetadata": _metadata(job, task, child)})


def resolved_uris(cloud: Cloud, call: Call) -> Response:
    """Where the data assets lie that jobs wrote; unknown ids are left out."""
    found = {}
    for asset in call.request.json()["values"]:
        job = cloud.state.get(f"{workspace_id(call)}/jobs/{asset.rpartition('/')[2]}")
        if job is not None:
            found[asset] = {"uri": task_from(job.secrets["task"]).output_uri, "type": "UriFolder"}
    return answer(200, {"values": found})


def _run(cloud: Cloud, call: Call, run: str) -> tuple[Resource, Task | None, bool]:
    """The job that is the run, or whose child is."""
    workspace = workspace_id(call)
    job = cloud.state.get(f"{workspace}/jobs/{run}")
    if job is not None:
        return job, task_from(job.secrets["task"]) if "task" in job.secrets else None, False
    for one in cloud.state.children(workspace):
        if one.secrets.get("task", {}).get("child") == run:
            return one, task_from(one.secrets["task"]), True
    raise Refusal(404, "UserError", f"Run {run} was not found.")


def _metadata(job: Resource, task: Task | None, child: bool) -> dict[str, Any]:
    name = job.body["name"]
    body: dict[str, Any] = {
        "runId": task.child if task and child else name,
        "displayName": "batchscoring" if child else name,
        "status": job.properties["status"],
        "runType": "azureml.StepRun" if child else "azureml.PipelineRun",
        "experimentId": job.properties["experimentName"],
        "properties": {},
        "tags": {} if child else job.properties["tags"],
    }
    if child:
        body |= {"parentRunId": name, "rootRunId": name}
        if job.properties["status"] == "Completed":
            asset = f"azureml://jobs/{name}"
            body["outputs"] = {CHILD_OUTPUT: {"assetId": asset, "type": "uri_folder"}}
    return body


def _logs(cloud: Cloud, task: Task) -> dict[str, str]:
    assert isinstance(cloud.storage, Blobs)
    store = f"azureml://datastores/{ARTIFACTS}/paths/ExperimentRun/dcid.{task.child}/"
    place: Place = find_place(cloud.state, task.workspace, store)
    container = cloud.storage.client(place.account).get_container_client(place.container)
    signature = cloud.sas(place.account)
    base = f"https://{place.account}.blob.{addresses.STORAGE_SUFFIX}/{place.container}"
    return {
        name.removeprefix(place.path): f"{base}/{name}?{signature}"
        for name in container.list_blob_names(name_starts_with=place.path)
    }


ROUTES: tuple[Route, ...] = tuple(
    route(
        method,
        addresses.WORKSPACE_HOST,
        path,
        handler,
        addresses.MANAGEMENT_AUDIENCES + addresses.ML_AUDIENCES,
    )
    for method, path, handler in (
        ("GET", f"/history/v1.0{WORKSPACE}/runs/{{run}}/details", details),
        ("GET", f"/history/v1.0{WORKSPACE}/runs/{{run}}/children", children),
        ("POST", f"/history/v1.0{WORKSPACE}/rundata", run_data),
        ("POST", f"/data/v1.0{WORKSPACE}/dataversion/batchGetResolvedUris", resolved_uris),
    )
)
