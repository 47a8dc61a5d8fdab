"""Run history: what `jobs.stream` and `jobs.download` of the SDK read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.emulator import addresses
from tests.emulator.batch.command import command_task_from
from tests.emulator.batch.invocation import CHILD_OUTPUT, WORKSPACE, workspace_id
from tests.emulator.batch.jobs import STAGES, logs_of
from tests.emulator.batch.task import task_from
from tests.emulator.blobs import Blobs
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Refusal, Response, answer
from tests.emulator.routes import Call, Route, route
from tests.emulator.state import Resource

_COMMAND = "Command"


@dataclass(frozen=True)
class Run:
    """A job's own run, or the child that does a batch job's work."""

    job: Resource
    child: str | None  # of a batch job that is run here
    is_child: bool = False

    @property
    def id(self) -> str:
        """The run's name."""
        return str(self.child) if self.is_child else str(self.job.body["name"])

    @property
    def works(self) -> bool:
        """Whether it is the run that does the work."""
        return self.is_child or self.job.properties.get("jobType") == _COMMAND

    @property
    def workspace(self) -> str:
        """The id of its workspace."""
        return str(self.job.body["id"]).rpartition("/jobs/")[0]

    def outputs(self) -> dict[str, str]:
        """The addresses of what it wrote, by name."""
        task = self.job.secrets.get("task")
        if task is None or not self.works or self.job.properties["status"] != "Completed":
            return {}
        if self.is_child:
            return {CHILD_OUTPUT: task_from(task).output_uri}
        return {name: one.uri for name, one in command_task_from(task).outputs.items()}


def details(cloud: Cloud, call: Call) -> Response:
    """A run's status, its error and where its logs can be read."""
    run = _run(cloud, call, call.arguments["run"])
    body: dict[str, Any] = {**_metadata(run), **_times(run), "logFiles": _logs(cloud, run)}
    if "error" in run.job.properties:
        body["error"] = {"error": run.job.properties["error"]}
    return answer(200, body)


def children(cloud: Cloud, call: Call) -> Response:
    """The runs below a run: of a batch job the one that scores."""
    run = _run(cloud, call, call.arguments["run"])
    below = [_metadata(Run(run.job, run.child, True))] if run.child and not run.is_child else []
    return answer(200, {"value": below})


def run_data(cloud: Cloud, call: Call) -> Response:
    """A run's metadata, with its outputs by name."""
    return answer(200, {"runMetadata": _metadata(_run(cloud, call, call.request.json()["runId"]))})


def resolved_uris(cloud: Cloud, call: Call) -> Response:
    """Where the data assets lie that runs wrote; unknown ids are left out."""
    found = {}
    for asset in call.request.json()["values"]:
        _, _, name, output = asset.rsplit("/", 3)
        job = cloud.state.get(f"{workspace_id(call)}/jobs/{name}")
        if job is not None:
            command = job.properties["jobType"] == _COMMAND
            run = Run(job, None if command else job.secrets["task"]["child"], not command)
            found[asset] = {"uri": run.outputs()[output], "type": "UriFolder"}
    return answer(200, {"values": found})


def _run(cloud: Cloud, call: Call, name: str) -> Run:
    """The run of that name: a job's own, or its child."""
    workspace = workspace_id(call)
    job = cloud.state.get(f"{workspace}/jobs/{name}")
    if job is not None:
        return Run(job, job.secrets.get("task", {}).get("child"))
    for one in cloud.state.children(workspace):
        if one.secrets.get("task", {}).get("child") == name:
            return Run(one, name, True)
    raise Refusal(404, "UserError", f"Run {name} was not found.")


def _metadata(run: Run) -> dict[str, Any]:
    job = run.job
    name = job.body["name"]
    command = job.properties.get("jobType") == _COMMAND
    kind = "StepRun" if run.is_child else "scriptrun" if command else "PipelineRun"
    body: dict[str, Any] = {
        "runId": run.id,
        "displayName": "batchscoring" if run.is_child else name,
        "status": job.properties["status"],
        "runType": f"azureml.{kind}",
        "experimentId": job.properties["experimentName"],
        "properties": {},
        "tags": {} if run.is_child else job.properties["tags"],
    }
    if run.is_child:
        body |= {"parentRunId": name, "rootRunId": name}
    outputs = run.outputs()
    if outputs:
        body["outputs"] = {
            output: {"assetId": f"azureml://jobs/{name}/{output}", "type": "uri_folder"}
            for output in outputs
        }
    return body


def _times(run: Run) -> dict[str, str]:
    """When the work began and ended, as far as it has."""
    stages = json.loads((run.job.properties.get("properties") or {}).get(STAGES) or "{}")
    moments = stages.get("Execution") or {}
    names = {"StartTime": "startTimeUtc", "EndTime": "endTimeUtc"}
    return {names[one]: moment for one, moment in moments.items()}


def _logs(cloud: Cloud, run: Run) -> dict[str, str]:
    """The logs of the run that does the work, with addresses that are signed."""
    writer = run.child or (run.id if run.works else None)
    if writer is None or not isinstance(cloud.storage, Blobs):
        return {}
    place = logs_of(cloud.state, run.workspace, writer)
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
