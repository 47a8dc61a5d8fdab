"""A workspace's jobs: looking at them and stopping them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from runner.azureml.endpoints import KINDS, reference
from runner.azureml.errors import ServiceError
from runner.errors import EnvironmentRefused, NotFound
from runner.workspace import Job, JobStatus

if TYPE_CHECKING:
    from runner.azureml.connection import Connection

# The listing of an endpoint's jobs is not in Resource Manager; the SDK asks for this one.
_LISTING_VERSION = "2020-09-01-dataplanepreview"
DEFAULT_OUTPUT = "default"  # of every run: its logs
_NAMES = 50  # of the latest jobs, to find the one that was meant
_STATUS = {
    "NotStarted": JobStatus.QUEUED,
    "Queued": JobStatus.QUEUED,
    "Preparing": JobStatus.QUEUED,
    "Provisioning": JobStatus.QUEUED,
    "Starting": JobStatus.QUEUED,
    "Paused": JobStatus.QUEUED,
    "Running": JobStatus.RUNNING,
    "CancelRequested": JobStatus.FINALIZING,
    "Finalizing": JobStatus.FINALIZING,
    "Completed": JobStatus.COMPLETED,
    "Failed": JobStatus.FAILED,
    "Canceled": JobStatus.CANCELED,
    "NotResponding": JobStatus.NOT_RESPONDING,
}


def list_jobs(connection: Connection, limit: int | None = None) -> list[Job]:
    """The jobs of the workspace's batch endpoints and its training jobs, the latest first."""
    found: list[tuple[dict[str, Any], str | None]] = [
        (one, endpoint)
        for endpoint in _batch_endpoints(connection)
        for one in islice(_jobs_of(connection, endpoint), limit)
    ]
    found += [(one, None) for one in islice(_training_jobs(connection), limit)]
    found.sort(key=lambda pair: _created(pair[0]), reverse=True)
    return [job_record(connection, *pair) for pair in found[:limit]]


def show_job(connection: Connection, name: str | None = None) -> Job:
    """A job by its name, the latest where there is none. A failed one with its error.

    Raises NotFound.
    """
    if name is None:
        latest = list_jobs(connection, 1)
        if not latest:
            raise NotFound("there are no jobs yet; `runner score` makes one")
        name = latest[0].name
    job = job_record(connection, find_job(connection, name))
    if job.type == "command":
        job = _timed(connection, job)
    if job.status is not JobStatus.FAILED:
        return job
    from runner.azureml.job_logs import failure

    return replace(job, error=failure(connection, name))


def find_job(connection: Connection, name: str) -> dict[str, Any]:
    """A job as Resource Manager has it, asked once more unless it was final.

    Raises NotFound with the nearest names.
    """
    if name in connection.final_jobs:
        return connection.final_jobs[name]
    found: dict[str, Any] | None = connection.arm.find("jobs", name)
    if found is None:
        raise connection.missing(
            "job", name, lambda: [one.name for one in list_jobs(connection, _NAMES)]
        ) from None
    if status(found).final:
        connection.final_jobs[name] = found
    return found


def cancel_job(connection: Connection, name: str) -> Job:
    """Ask Azure to cancel a job, which ends a while later.

    Raises NotFound, and EnvironmentRefused for a job that is final.
    """
    job = job_record(connection, find_job(connection, name))
    if job.status.final:
        raise EnvironmentRefused(f"job {name!r} is {job.status} already")
    connection.arm.post("jobs", name, "cancel")
    return job_record(connection, find_job(connection, name))


def refuse_resume(connection: Connection, environment: str, name: str) -> EnvironmentRefused:
    """Why a job of Azure can't be taken up again, and what to do instead. Raises NotFound."""
    job = job_record(connection, find_job(connection, name))
    if not job.status.final:
        return EnvironmentRefused(
            f"job {name!r} is {job.status}; watch it with `runner jobs stream {name} --env"
            f" {environment}`"
        )
    if job.type == "command":
        again = f"runner train MODEL --env {environment}"
        return EnvironmentRefused(
            f"job {name!r} can't be resumed: a training job begins from its start; train again with"
            f" `{again}`"
        )
    again = f"runner score {job.endpoint or 'ENDPOINT'} --env {environment}"
    return EnvironmentRefused(
        f"job {name!r} can't be resumed: Azure retries mini-batches by itself while a job runs and"
        f" takes up none that has ended; score again with `{again}`"
    )


def status(resource: Mapping[str, Any]) -> JobStatus:
    """The state of a job as Resource Manager or an endpoint's listing has it."""
    return _STATUS.get(resource["properties"].get("status") or "", JobStatus.RUNNING)


def job_record(
    connection: Connection, resource: Mapping[str, Any], endpoint: str | None = None
) -> Job:
    """The record of a job, from Resource Manager or from its endpoint's listing."""
    properties = resource["properties"]
    tags = properties.get("tags") or {}
    facts = properties.get("properties") or {}
    batch = endpoint is not None or tags.get("azureml.batchrun") == "true"
    if batch and endpoint is None:
        endpoint = facts.get("azureml.endpointname") or properties.get("experimentName")
    outputs = properties.get("outputs") or properties.get("outputData") or {}
    if not batch:
        # What every run writes is no output that a person asked for.
        outputs = {name: one for name, one in outputs.items() if name != DEFAULT_OUTPUT}
    stage = _execution(facts)
    created = (resource.get("systemData") or {}).get("createdAt")
    return Job(
        name=resource["name"],
        type="batch" if batch else "command",
        status=status(resource),
        created_at=_time(created) or "",
        endpoint=connection.logical_name(endpoint) if endpoint else None,
        deployment=tags.get("azureml.deploymentname") or facts.get("azureml.deploymentname"),
        input=_uri(properties.get("inputs") or properties.get("inputData")),
        output=_uri(outputs, "score" if batch else "model"),
        started_at=_time(stage.get("StartTime") or facts.get("StartTimeUtc")),
        ended_at=_time(stage.get("EndTime") or facts.get("EndTimeUtc")),
    )


def _batch_endpoints(connection: Connection) -> list[str]:
    """The actual names of the batch endpoints whose jobs are meant."""
    outputs = connection.outputs.endpoints
    if outputs is None:
        return [one["name"] for one in connection.arm.pages(KINDS["batch"])]
    return [one.name for one in outputs.values() if one.kind == "batch"]


def _jobs_of(connection: Connection, endpoint: str) -> Iterator[dict[str, Any]]:
    """The jobs of an endpoint, the latest first."""
    try:
        yield from sorted(_listed(connection, endpoint), key=_created, reverse=True)
    except ServiceError as error:
        if error.status in (401, 403, None):
            raise
        # Some workspaces fail on the listing, whatever their endpoints hold.
        yield from _of_experiment(connection, endpoint)


def _listed(connection: Connection, endpoint: str) -> list[dict[str, Any]]:
    pages = connection.endpoint_listing.pages(
        KINDS["batch"], endpoint, "jobs", params={"api-version": _LISTING_VERSION}
    )
    return list(pages)


def _of_experiment(connection: Connection, endpoint: str) -> Iterator[dict[str, Any]]:
    # A batch job's experiment bears its endpoint's name.
    for one in connection.arm.pages("jobs", params={"listViewType": "ActiveOnly"}):
        if one["properties"].get("experimentName") == endpoint:
            yield one


def _training_jobs(connection: Connection) -> Iterator[dict[str, Any]]:
    yield from connection.arm.pages(
        "jobs", params={"jobType": "Command", "listViewType": "ActiveOnly"}
    )


def _timed(connection: Connection, job: Job) -> Job:
    """A training job with when it began and ended, which only its run notes."""
    try:
        run = connection.history.find("runs", job.name, "details") or {}
    except EnvironmentRefused:
        return job  # worth knowing, not worth failing for
    began, ended = _time(run.get("startTimeUtc")), _time(run.get("endTimeUtc"))
    return replace(job, started_at=began, ended_at=ended)


def _created(resource: Mapping[str, Any]) -> str:
    return (resource.get("systemData") or {}).get("createdAt") or ""


def _execution(facts: Mapping[str, str]) -> Mapping[str, str]:
    """When the job's work began and ended, out of what its pipeline run notes."""
    try:
        stages = json.loads(facts.get("azureml.pipelines.stages") or "{}")
    except ValueError:
        return {}
    return (stages.get("Execution") if isinstance(stages, dict) else None) or {}


def _time(text: str | None) -> str | None:
    """A time as records hold it: ISO 8601 in UTC."""
    if not text:
        return None
    from datetime import UTC, datetime

    # Azure writes seven digits of a second's fraction, which Python cuts to six.
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _uri(holders: Any, name: str | None = None) -> str | None:
    """The address that a job's inputs or outputs hold: the named one, else the first with any."""
    if not isinstance(holders, dict):
        return None
    chosen = [holders[name]] if name in holders else list(holders.values())
    for one in chosen:
        if isinstance(one, dict) and (one.get("uri") or one.get("assetId")):
            # What comes behind a question mark may be a signature.
            return reference(str(one.get("uri") or one["assetId"]).partition("?")[0])
    return None
