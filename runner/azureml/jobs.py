"""Lists, shows and cancels a workspace's jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

from runner.azure.errors import ServiceError
from runner.azureml.endpoints import KINDS, reference
from runner.azureml.storage import parse_place
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.jobs.kinds import JOB_KINDS, DeclaredJobType, JobType
from runner.workspace import Job, JobStatus

if TYPE_CHECKING:
    from datetime import datetime

    from runner.azureml.connection import Connection

# The listing of an endpoint's jobs is not in Resource Manager; the SDK uses this version of it.
_LISTING_VERSION = "2020-09-01-dataplanepreview"
DEFAULT_OUTPUT = "default"  # the output of every run that holds its logs
_NAMES = 50  # latest jobs, among which the nearest name is looked for
_DECLARED_JOBS = 100  # latest ones that are listed without a limit: others train here, too
_LOOKED_AT = 1_000  # latest jobs of all kinds, among which declared ones are looked for
_TYPES = {facts.azure_name: kind for kind, facts in JOB_KINDS.items()}
_STAGES = ("azureml.pipelines.stages", "stages")  # Azure has used both names
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


def list_jobs(
    connection: Connection, limit: int | None = None, type_: JobType | None = None
) -> list[Job]:
    """Return the jobs of the workspace's batch endpoints and its declared jobs, newest first.

    Without a limit, these are all jobs of endpoints and the latest hundred declared ones.
    """
    found: list[tuple[dict[str, Any], str | None]] = []
    if type_ in (None, "batch"):
        found += [
            (resource, endpoint)
            for endpoint in _batch_endpoints(connection)
            for resource in islice(_jobs_of(connection, endpoint), limit)
        ]
    if type_ != "batch":
        declared = _declared_jobs(connection, type_)
        found += [(resource, None) for resource in islice(declared, limit or _DECLARED_JOBS)]
    found.sort(key=lambda pair: _created(pair[0]), reverse=True)
    return [job_record(connection, *pair) for pair in found[:limit]]


def show_job(connection: Connection, name: str | None = None) -> Job:
    """Return a job by its name, or the latest; a failed one has its error. Raises NotFound."""
    if name is None:
        latest = list_jobs(connection, 1)
        if not latest:
            raise NotFound("there are no jobs yet; `runner score` makes one")
        name = latest[0].name
    job = job_record(connection, get_job(connection, name))
    if job.type != "batch":
        job = timed(connection, job)
    if job.status is not JobStatus.FAILED:
        return job
    from runner.azureml.job_logs import log_files_of

    return replace(job, error=log_files_of(connection, name).failure())


def get_job(connection: Connection, name: str) -> dict[str, Any]:
    """Return a job as Resource Manager has it; a final one is fetched once.

    Raises NotFound with the nearest names.
    """
    final = connection.once(_final_jobs)
    if name in final:
        return final[name]
    found: dict[str, Any] | None = connection.arm.find("jobs", name)
    if found is None:
        raise connection.missing(
            "job", name, lambda: [job.name for job in list_jobs(connection, _NAMES)]
        ) from None
    if _ended(status(found)):
        final[name] = found
    return found


def cancel_job(connection: Connection, name: str) -> Job:
    """Ask Azure to cancel a job, which takes a while to end.

    Raises NotFound, and EnvironmentRefused for a job that is final.
    """
    job = job_record(connection, get_job(connection, name))
    if _ended(job.status):
        raise EnvironmentRefused(f"job {name!r} is {job.status} already")
    connection.arm.post("jobs", name, "cancel")
    return job_record(connection, get_job(connection, name))


def refuse_resume(connection: Connection, environment: str, name: str) -> EnvironmentRefused:
    """Return the error that says why Azure resumes no job, and what to do. Raises NotFound."""
    job = job_record(connection, get_job(connection, name))
    if not job.status.final:
        return EnvironmentRefused(
            f"job {name!r} is {job.status}; watch it with `runner jobs stream {name} --env"
            f" {environment}`"
        )
    if job.endpoint is None:
        again = f"runner train MODEL --env {environment}"
        return EnvironmentRefused(
            f"job {name!r} can't be resumed: a declared job begins from its start; train again with"
            f" `{again}`"
        )
    again = f"runner score {job.endpoint or 'ENDPOINT'} --env {environment}"
    return EnvironmentRefused(
        f"job {name!r} can't be resumed: Azure retries mini-batches by itself while a job runs and"
        f" takes up none that has ended; score again with `{again}` and the same options"
    )


def refuse_removal(connection: Connection, names: Sequence[str]) -> EnvironmentRefused:
    """Return the error that says why Azure removes no job, and what to do instead."""
    outputs = connection.outputs
    return EnvironmentRefused(
        "Azure keeps every job; `az ml job archive"
        f" --name {names[0] if names else 'NAME'} --subscription {outputs.subscription_id}"
        f" --resource-group {outputs.resource_group} --workspace-name {outputs.workspace}` takes"
        " one out of its lists"
    )


def of_pipeline(resource: Mapping[str, Any]) -> bool:
    """Tell whether a job of a batch endpoint runs a pipeline and not a model."""
    tags = resource["properties"].get("tags") or {}
    return bool(tags.get("azureml.jobtype") == "azureml.pipelinejob")


def status(resource: Mapping[str, Any]) -> JobStatus:
    """Return the state of a job, from Resource Manager or from an endpoint's listing."""
    return _STATUS.get(resource["properties"].get("status") or "", JobStatus.RUNNING)


def job_record(
    connection: Connection, resource: Mapping[str, Any], endpoint: str | None = None
) -> Job:
    """Return the record of a job, from Resource Manager or from its endpoint's listing."""
    properties = resource["properties"]
    tags = properties.get("tags") or {}
    facts = properties.get("properties") or {}
    batch = endpoint is not None or _is_batch(properties)
    if batch and endpoint is None:
        endpoint = facts.get("azureml.endpointname") or properties.get("experimentName")
    outputs = properties.get("outputs") or properties.get("outputData") or {}
    stage = _execution(facts)
    created = (resource.get("systemData") or {}).get("createdAt")
    return Job(
        name=resource["name"],
        # The job of a deployed pipeline has no predictions.
        type="batch" if batch and not of_pipeline(resource) else _type(properties),
        status=status(resource),
        created_at=_time(created) or "",
        endpoint=connection.logical_name(endpoint) if endpoint else None,
        deployment=tags.get("azureml.deploymentname") or facts.get("azureml.deploymentname"),
        input=_uri(properties.get("inputs") or properties.get("inputData") or {}),
        output=_model(outputs) if of_pipeline(resource) or not batch else _score(outputs),
        started_at=_time(stage.get("StartTime") or facts.get("StartTimeUtc")),
        ended_at=_time(stage.get("EndTime") or facts.get("EndTimeUtc")),
    )


def _type(properties: Mapping[str, Any]) -> JobType:
    # An endpoint's listing has no jobType; there, a job that is not of a model is a pipeline.
    usual: JobType = "command" if properties.get("jobType") else "pipeline"
    return _TYPES.get(str(properties.get("jobType")), usual)


def jobs_since(connection: Connection, endpoint: str, moment: datetime) -> Iterator[dict[str, Any]]:
    """Yield the jobs of an endpoint, by its actual name, that were made at a moment or later."""
    earliest = _time(moment.isoformat()) or ""
    jobs = _jobs_of(connection, endpoint)
    return takewhile(lambda job: (_time(_created(job)) or earliest) >= earliest, jobs)


def display_name(resource: Mapping[str, Any]) -> str:
    """Return the display name of a batch endpoint's job, which differs from its name."""
    properties = resource["properties"]
    return str(properties.get("displayName") or properties.get("name") or "")


def timed(connection: Connection, job: Job) -> Job:
    """Return a job with the times of its start and end, which only its run may have."""
    try:
        run = connection.history.find("runs", job.name, "details") or {}
    except EnvironmentRefused:
        return job  # worth knowing, not worth failing for
    began, ended = _time(run.get("startTimeUtc")), _time(run.get("endTimeUtc"))
    return replace(job, started_at=job.started_at or began, ended_at=job.ended_at or ended)


def _final_jobs(_connection: Connection) -> dict[str, dict[str, Any]]:
    """Make the store of the final jobs that a command has fetched, by name."""
    return {}


def _batch_endpoints(connection: Connection) -> list[str]:
    """Return the actual names of the stack's batch endpoints, or without a stack of all."""
    outputs = connection.outputs.endpoints
    if outputs is None:
        return [endpoint["name"] for endpoint in connection.arm.pages(KINDS["batch"])]
    return [endpoint.name for endpoint in outputs.values() if endpoint.kind == "batch"]


def _jobs_of(connection: Connection, endpoint: str) -> Iterator[dict[str, Any]]:
    """Yield the jobs of an endpoint, newest first."""
    path, version = (KINDS["batch"], endpoint, "jobs"), {"api-version": _LISTING_VERSION}
    try:
        found = connection.endpoint_listing.pages(*path, params=version)
        yield from sorted(found, key=_created, reverse=True)
    except ServiceError as error:
        if error.status in (401, 403, None):
            raise
        # The listing fails in some workspaces. A job's experiment has the endpoint's name.
        asked = {"jobType": "Pipeline", "listViewType": "ActiveOnly"}
        for job in connection.arm.pages("jobs", params=asked):
            if job["properties"].get("experimentName") == endpoint:
                yield job


def _declared_jobs(connection: Connection, type_: DeclaredJobType | None) -> Iterator[Any]:
    """Yield the jobs that neither an endpoint nor another job began, newest first."""
    asked = {"listViewType": "ActiveOnly"}
    if type_ is not None:
        asked["jobType"] = JOB_KINDS[type_].azure_name
    for resource in islice(connection.arm.pages("jobs", params=asked), _LOOKED_AT):
        properties = resource["properties"]
        if not _is_batch(properties) and not properties.get("parentJobName"):
            yield resource


def _is_batch(properties: Mapping[str, Any]) -> bool:
    return (properties.get("tags") or {}).get("azureml.batchrun") == "true"


def _ended(state: JobStatus) -> bool:
    """Tell whether a job has ended; one that does not respond may still, and can be canceled."""
    return state.final and state is not JobStatus.NOT_RESPONDING


def _created(resource: Mapping[str, Any]) -> str:
    return (resource.get("systemData") or {}).get("createdAt") or ""


def _execution(facts: Mapping[str, str]) -> Mapping[str, str]:
    """Return the times of the job's execution from the stages that its pipeline run keeps."""
    for name in _STAGES:
        try:
            stages = json.loads(facts.get(name) or "{}")
        except ValueError:
            continue
        if isinstance(stages, dict) and stages.get("Execution"):
            return dict(stages["Execution"])
    return {}


def _time(text: str | None) -> str | None:
    """Return a time as records hold it, ISO 8601 in UTC; a text of another form stays as it is."""
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


def _score(outputs: Mapping[str, Any]) -> str | None:
    """Return the address of a batch job's predictions, and of none of its other outputs."""
    uri = _uri({name: output for name, output in outputs.items() if name == "score"})
    try:
        # A listing names a place by its resource's path.
        return parse_place(uri).short_uri if uri and uri.startswith("/") else uri
    except WrongUsage:
        return uri


def _model(outputs: Mapping[str, Any]) -> str | None:
    """Return the address of a training job's model, else of its first output."""
    # Nobody declared the output that every run has.
    asked = {name: output for name, output in outputs.items() if name != DEFAULT_OUTPUT}
    return _uri({"model": asked["model"]} if "model" in asked else asked)


def _uri(holders: Mapping[str, Any]) -> str | None:
    """Return the first address among a job's inputs or outputs."""
    for holder in holders.values():
        if isinstance(holder, dict) and (address := holder.get("uri") or holder.get("assetId")):
            return reference(str(address).partition("?")[0])  # the rest may be a signature
    return None
