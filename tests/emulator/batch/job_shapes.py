"""A batch job as the service tells it, to who invokes, in its endpoint's listing and elsewhere.

What an endpoint tells of a job's input and output, Resource Manager does not.
"""

from __future__ import annotations

import json
import re
import secrets
import string
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.emulator import addresses
from tests.emulator.batch.jobs import ARTIFACTS, FINAL, STAGES
from tests.emulator.batch.task import INVOCATION, Settings, task_from
from tests.emulator.ml.references import WORKSPACE
from tests.emulator.state import Resource

_ENDPOINT_JOBS = f"{WORKSPACE}/batchEndpoints/deployments/jobs"
_JOBS = f"{WORKSPACE}/jobs"
_WORDS = (
    ("careful", "lucid", "bold", "honest", "quiet", "brave"),
    ("bulb", "wing", "egg", "grape", "river", "stamp"),
)
_DATASTORE = re.compile(r"azureml://.*?(datastores/[^/]+/paths/.*)")


def display_name() -> str:
    """Return a name such as the service gives a job that was asked for without one."""
    letters = string.ascii_lowercase + string.digits
    unique = "".join(secrets.choice(letters) for _ in range(8))
    return "_".join((*(secrets.choice(words) for words in _WORDS), unique))


def job_body(
    endpoint: Resource, deployment: Resource, name: str, shown: str, settings: Settings
) -> dict[str, Any]:
    """Return the resource of a job that has just begun: a pipeline of one step, batchscoring."""
    workspace = endpoint.body["id"].rpartition("/batchEndpoints/")[0]
    names = f"endpoint: {endpoint.body['name']}, deployment: {deployment.body['name']}"
    return {
        "id": f"{workspace}/jobs/{name}",
        "name": name,
        "type": _JOBS,
        "systemData": {
            "createdAt": datetime.now(UTC).isoformat(),
            "createdBy": "application",
            "createdByType": "Application",
        },
        "properties": {
            "jobType": "Pipeline",
            "displayName": shown,
            "description": f"Pipeline submission for {names}.",
            "experimentName": endpoint.body["name"],
            "status": "Preparing",
            "tags": {
                "outputType": "output_data",
                "inputType": "input_data",
                "azureml.batchrun": "true",
                "azureml.deploymentname": deployment.body["name"],
                "azureml.jobtype": "azureml.batchjob",
            },
            "properties": _notes(settings),
            "services": {
                "Tracking": _service("Tracking", addresses.MANAGEMENT),
                "Studio": _service("Studio", f"{addresses.ML_RESOURCE}/runs/{name}"),
            },
            "computeId": None,
            "isArchived": False,
            "identity": None,
            "componentId": None,
            "settings": None,
            "jobs": None,
            "inputs": None,
            "outputs": None,
            "sourceJobId": None,
        },
    }


def as_endpoint_job(endpoint: Resource, job: Resource) -> dict[str, Any]:
    """Return a job as its endpoint tells it."""
    name, told = job.body["name"], job.properties
    asked = job.secrets.get(INVOCATION) or {}
    deployment = (told.get("tags") or {}).get("azureml.deploymentname")
    created = job.body["systemData"]
    return {
        "id": f"{endpoint.body['id']}/deployments/{deployment}/jobs/{name}",
        "name": name,
        "type": _ENDPOINT_JOBS,
        "properties": {
            "provisioningState": "Succeeded",
            **asked,
            **_output(job),
            "status": told["status"],
            "interactionEndpoints": {
                key: {
                    "jobEndpointType": key,
                    "port": None,
                    "endpoint": service["endpoint"],
                    "properties": None,
                }
                for key, service in (told.get("services") or {}).items()
            },
            "tags": told["tags"],
            "properties": run_notes(job),
            "name": told.get("displayName"),
        },
        "systemData": {
            "createdAt": created["createdAt"],
            "createdBy": created["createdBy"],
            "lastModifiedAt": created["createdAt"],
            "lastModifiedBy": created["createdBy"],
        },
    }


def run_notes(job: Resource) -> dict[str, str]:
    """Return what the run of a batch job notes: when the work began and ended, once it has."""
    notes = dict(job.properties.get("properties") or {})
    stages = json.loads(notes.pop(STAGES, "{}"))
    if stages and job.properties["status"] in FINAL:
        done = {**(stages.get("Execution") or {}), "Status": "Finished"}
        notes[STAGES] = json.dumps({"Initialization": None, "Execution": done})
    return notes


def _output(job: Resource) -> dict[str, Any]:
    """Return the place of a completed job's logs and predictions."""
    if "task" not in job.secrets or job.properties["status"] != "Completed":
        return {"output": {"datastoreId": None, "path": None}}
    task = task_from(job.secrets["task"])
    uri = f"{task.output_uri.rstrip('/')}/{task.settings.output_file_name}"
    stored = _DATASTORE.fullmatch(uri)
    if stored:
        uri = f"{task.workspace}/{stored[1]}"
    return {
        "output": {
            "datastoreId": f"{task.workspace}/datastores/{ARTIFACTS}",
            "path": f"ExperimentRun/dcid.{task.child}",
        },
        "outputData": {"score": {"jobOutputType": "UriFile", "mode": "ReadWriteMount", "uri": uri}},
    }


def _notes(settings: Settings) -> dict[str, str]:
    parameters: Mapping[str, object] = {
        "run_max_try": settings.max_retries,
        "run_invocation_timeout": round(settings.timeout),
        "mini_batch_size": settings.mini_batch_size,
        "error_threshold": settings.error_threshold,
        "logging_level": "INFO",
        "process_count_per_node": settings.processes,
        "NodeCount": 1,
        "append_row_file_name": settings.output_file_name,
    }
    return {
        "azureml.pipelineid": str(uuid.uuid4()),
        "azureml.runsource": "azureml.PipelineRun",
        "runSource": "Unavailable",
        "runType": "HTTP",
        "azureml.parameters": json.dumps({name: str(value) for name, value in parameters.items()}),
        "azureml.continue_on_step_failure": "False",
        "azureml.continue_on_failed_optional_input": "False",
        "azureml.pipelineComponent": "pipelinerun",
    }


def _service(kind: str, endpoint: str) -> dict[str, Any]:
    return {
        "jobServiceType": kind,
        "port": None,
        "endpoint": endpoint,
        "status": None,
        "errorMessage": None,
        "properties": None,
        "nodes": None,
    }
