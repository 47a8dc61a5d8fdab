"""Run history: what `jobs.stream` and `jobs.download` of the SDK read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulator import addresses, authorization
from tests.emulator.batch.command import command_task_from
from tests.emulator.batch.invocation import CHILD_OUTPUT, WORKSPACE, workspace_id
from tests.emulator.batch.jobs import STAGES, logs_of
from tests.emulator.batch.task import task_from
from tests.emulator.blobs import Blobs
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Refusal, Response, answer
from tests.emulator.routes import Call, Route, route
from tests.emulator.state import Resource

SCORING = "batchscoring"  # the name of the child that scores
# What of a job's secrets is told besides: `steps` (ids of other children by name), `outputs` (of a
# pipeline's own run: uri and type by name) and `times` (of its runs). Jobs that run here lack it.
TOLD = "history"
_COMMAND = "Command"
# A type as the history spells it, which is not how Resource Manager does.
_TYPES = {
    "uri_file": "UriFile",
    "uri_folder": "UriFolder",
    "mltable": "MLTable",
    "custom_model": "CustomModel",
    "mlflow_model": "MLFlowModel",
    "triton_model": "TritonModel",
}
_ASSET = re.compile(
    r"azureml://locations/[^/]+/workspaces/[^/]+/(?P<kind>data|models)"
    r"/azureml_(?P<run>.+)_output_(?P<output>.+)/versions/1"
)
_STORED = re.compile(r"azureml://.*?datastores/(?P<store>[^/]+)/paths/(?P<path>.*)")


@dataclass(frozen=True)
class Output:
    """An output that a run wrote: its place and its type."""

    uri: str
    type: str

    @property
    def kind(self) -> str:
        """Return the service that knows where it lies."""
        return "models" if self.type.lower().endswith("model") else "data"


@dataclass(frozen=True)
class Run:
    """A job's own run, or one of its children."""

    job: Resource
    step: str | None = None  # a child's name

    @property
    def told(self) -> Mapping[str, Any]:
        """Return what else is told of the job."""
        told: Mapping[str, Any] = self.job.secrets.get(TOLD, {})
        return told

    @property
    def steps(self) -> dict[str, str]:
        """Return the job's children: ids by name."""
        task = self.job.secrets.get("task") or {}
        scoring = {SCORING: task["child"]} if task.get("child") else {}
        return {**self.told.get("steps", {}), **scoring}

    @property
    def id(self) -> str:
        """Return the run's name."""
        return self.steps[self.step] if self.step else str(self.job.body["name"])

    @property
    def scores(self) -> bool:
        """Return whether it is the child that does a batch job's work."""
        return self.step == SCORING

    @property
    def trains(self) -> bool:
        """Return whether it is a command's run."""
        return self.job.properties.get("jobType") == _COMMAND

    @property
    def workspace(self) -> str:
        """Return the id of its workspace."""
        return str(self.job.body["id"]).rpartition("/jobs/")[0]

    def outputs(self) -> dict[str, Output]:
        """Return the outputs that it tells, by name; a child tells nothing."""
        if self.step or self.job.properties["status"] != "Completed":
            return {}
        if not self.trains:
            return {name: Output(**output) for name, output in self.told.get("outputs", {}).items()}
        if "task" not in self.job.secrets:
            return {}
        declared = self.job.properties["outputs"]
        return {
            name: Output(output.uri, _TYPES[declared[name]["jobOutputType"]])
            for name, output in command_task_from(self.job.secrets["task"]).outputs.items()
        }


def details(cloud: Cloud, call: Call) -> Response:
    """Return a run's status, its error and where its logs can be read."""
    run = _run(cloud, call, call.arguments["run"])
    body: dict[str, Any] = {**_metadata(run), "logFiles": _logs(cloud, run)}
    if "error" in run.job.properties:
        body["error"] = {"error": run.job.properties["error"]}
    return answer(200, body)


def children(cloud: Cloud, call: Call) -> Response:
    """Return the runs below a run."""
    run = _run(cloud, call, call.arguments["run"])
    below = [] if run.step else [_metadata(Run(run.job, step)) for step in run.steps]
    return answer(200, {"value": below})


def run_data(cloud: Cloud, call: Call) -> Response:
    """Return a run's metadata and its definition, as far as they are asked for."""
    asked = call.request.json()
    run = _run(cloud, call, asked["runId"])
    return answer(
        200,
        {
            "runMetadata": _metadata(run) if asked.get("selectRunMetadata") else None,
            "runDefinition": _definition(run) if asked.get("selectRunDefinition") else None,
            "jobSpecification": None,
        },
    )


def resolved_data(cloud: Cloud, call: Call) -> Response:
    """Answer with the places of data assets that runs wrote."""
    return _resolved(cloud, call, "data", "uri")


def resolved_models(cloud: Cloud, call: Call) -> Response:
    """Answer with the places of models that runs wrote."""
    return _resolved(cloud, call, "models", "path")


def _resolved(cloud: Cloud, call: Call, kind: str, key: str) -> Response:
    """Return the places of assets of a kind; others, and unknown ones, are left out."""
    found = {}
    for asset in call.request.json()["values"]:
        parts = _ASSET.fullmatch(asset)
        job = cloud.state.get(f"{workspace_id(cloud, call)}/jobs/{parts['run']}") if parts else None
        if parts is not None and job is not None and parts["kind"] == kind:
            output = Run(job).outputs()[parts["output"]]
            found[asset] = {key: output.uri, "type": output.type}
    return answer(200, {"values": found})


def _run(cloud: Cloud, call: Call, name: str) -> Run:
    """Return the run of that name: a job's own, or a child."""
    workspace = workspace_id(cloud, call)
    job = cloud.state.get(f"{workspace}/jobs/{name}")
    if job is not None:
        return Run(job)
    for parent in cloud.state.children(workspace):
        for step, run in Run(parent).steps.items():
            if run == name:
                return Run(parent, step)
    raise Refusal(404, "UserError", f"Run {name} was not found.")


def _metadata(run: Run) -> dict[str, Any]:
    job = run.job
    name = job.body["name"]
    kind = "StepRun" if run.step else "scriptrun" if run.trains else "PipelineRun"
    body: dict[str, Any] = {
        "runId": run.id,
        "name": run.step,
        "displayName": f"{run.step}_{run.id[:8]}" if run.step else name,
        "status": job.properties["status"],
        "runType": f"azureml.{kind}",
        "experimentId": job.properties["experimentName"],
        "dataContainerId": f"dcid.{run.id}",
        "properties": {},
        "tags": {} if run.step else job.properties["tags"],
        **_times(run),
        "inputs": None,
        "outputs": {
            output: {
                "assetId": f"azureml://locations/here/workspaces/this/{written.kind}"
                f"/azureml_{run.id}_output_{output}/versions/1",
                "type": written.type,
            }
            for output, written in run.outputs().items()
        }
        or None,
    }
    return body | {"parentRunId": name, "rootRunId": name} if run.step else body


def _definition(run: Run) -> dict[str, Any] | None:
    """Return what a run was begun with, from which a client finds what the child wrote."""
    if not run.scores:
        return None
    task = task_from(run.job.secrets["task"])
    place = _STORED.fullmatch(task.output_uri)
    assert place is not None
    parameters = {
        "mini_batch_size": task.settings.mini_batch_size,
        "run_max_try": task.settings.max_retries,
        "run_invocation_timeout": int(task.settings.timeout),
        "logging_level": "INFO",
        "append_row_file_name": task.settings.output_file_name,
    }
    return {
        "script": "driver/amlbi_main.py",
        "arguments": ["--output_action", task.settings.output_action],
        "dataReferences": {
            CHILD_OUTPUT: {
                "dataStoreName": place["store"],
                "mode": "Mount",
                "pathOnDataStore": place["path"].rstrip("/"),
                "pathOnCompute": None,
                "overwrite": False,
            }
        },
        "data": {},
        "outputData": {},
        "environmentVariables": {
            f"AML_PARAMETER_{name}": str(value) for name, value in parameters.items()
        },
    }


def _times(run: Run) -> dict[str, str]:
    """Return when the work began and ended, as far as it has."""
    stages = json.loads((run.job.properties.get("properties") or {}).get(STAGES) or "{}")
    moments = run.told.get("times") or stages.get("Execution") or {}
    names = {"StartTime": "startTimeUtc", "EndTime": "endTimeUtc"}
    return {names[key]: moment for key, moment in moments.items() if key in names}


def _logs(cloud: Cloud, run: Run) -> dict[str, str]:
    """Return the logs of the run that does the work, with addresses that are signed."""
    worker = Run(run.job, SCORING) if SCORING in run.steps else run
    if not (worker.scores or worker.trains) or not isinstance(cloud.storage, Blobs):
        return {}
    if run.step and not run.scores:
        return {}
    place = logs_of(cloud.state, run.workspace, worker.id)
    _require_signing(cloud, run.workspace, place.account)
    container = cloud.storage.client(place.account).get_container_client(place.container)
    signature = cloud.sas(place.account)
    base = f"https://{place.account}.blob.{addresses.STORAGE_SUFFIX}/{place.container}"
    return {
        name.removeprefix(place.path): f"{base}/{name}?{signature}"
        for name in container.list_blob_names(name_starts_with=place.path)
    }


def _require_signing(cloud: Cloud, workspace: str, account: str) -> None:
    """Refuse where the workspace's identity may not read what it signs the addresses of.

    Azure signs all the same, and refuses whoever follows the address: the signature is as good as
    the roles of who signed.
    """
    state = cloud.state
    identity = authorization.identity_of(state, state.get(workspace))
    storage = authorization.account_named(state, account)
    action = authorization.READ_BLOBS
    if storage and authorization.lacks(state, identity, action, storage.key, data=True):
        raise Refusal(403, *authorization.STORAGE_MISMATCH)


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
        ("POST", f"/data/v1.0{WORKSPACE}/dataversion/batchGetResolvedUris", resolved_data),
        ("POST", f"/modelregistry/v1.0{WORKSPACE}/models/batchGetResolvedUris", resolved_models),
    )
)
