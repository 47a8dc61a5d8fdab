"""The jobs of a workspace: listed, shown, canceled and resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from runner.databricks.files import read_file
from runner.databricks.job_runs import (
    begin_run,
    cancel_run,
    failure,
    find_run,
    get_run,
    job_of,
    job_place,
    known_runs,
    list_runs,
    moment,
    note_run,
    request_file,
    status_of,
)
from runner.databricks.requests import JobRequest, ScoreRequest, TrainRequest, parse_request
from runner.errors import EnvironmentRefused, NotFound
from runner.jobs.kinds import JobType
from runner.nearest import nearest
from runner.workspace import Job, JobStatus

if TYPE_CHECKING:
    from runner.databricks.connection import Connection
    from runner.jobs.addresses import JobOutput

_AT_ONCE = 8  # listings of runs, of which each deployment has its own
_NAMES = 50  # of the latest jobs, to find the one that was meant
_NEVER = "it was asked for and never began"


def list_jobs(
    connection: Connection, limit: int | None = None, type_: JobType | None = None
) -> list[Job]:
    """List the jobs of the deployments that there are and the training jobs, the latest first.

    Databricks keeps what it ran for 60 days; a job that is older is found by its name.
    """
    calls: list[Callable[[], list[Job]]] = []
    if type_ in (None, "batch"):
        for endpoint, output in connection.outputs.endpoints.items():
            for deployment, job in output.jobs.items():
                of_job = partial(_jobs_of, connection, limit, "batch", job.job_id)
                calls.append(partial(of_job, endpoint, deployment))
    if type_ in (None, "spark"):
        calls.append(partial(_jobs_of, connection, limit, "spark", None))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = [job for jobs in pool.map(lambda call: call(), calls) for job in jobs]
    return sorted(found, key=lambda job: job.created_at, reverse=True)[:limit]


def show_job(connection: Connection, name: str | None = None) -> Job:
    """Return a job by its name, or the latest one. A failed one comes with its error.

    Raises NotFound.
    """
    if name is None:
        latest = list_jobs(connection, 1)
        if not latest:
            raise NotFound("there are no jobs yet; `runner score` makes one")
        name = latest[0].name
    asked = find_request(connection, name)
    run = find_run(connection, name, asked.job_id)
    job = job_record(connection, asked, run)
    if job.status is not JobStatus.FAILED or run is None:
        return job
    return replace(job, error=failure(connection, run))


def find_request(connection: Connection, name: str) -> JobRequest:
    """Return the request of a job. Raises NotFound with the nearest names."""
    content = read_file(connection, request_file(connection, name)) if "/" not in name else None
    if content is None:
        raise connection.missing(
            "job", name, lambda: [job.name for job in list_jobs(connection, _NAMES)]
        )
    return parse_request(content.decode())


def current_record(connection: Connection, asked: JobRequest) -> Job:
    """Return the record of a job as it stands now."""
    return job_record(connection, asked, find_run(connection, asked.job, asked.job_id))


def output_place(connection: Connection, meant: JobOutput) -> str:
    """Return the path in the volume of what a completed job wrote to one of its outputs.

    Raises NotFound for an unknown job or output, and EnvironmentRefused while the job still runs.
    """
    asked = find_request(connection, meant.job)
    path = asked.outputs.get(meant.output)
    if path is None:
        hint = nearest(meant.output, asked.outputs)
        raise NotFound(f"job {meant.job!r} has no output {meant.output!r}{hint}")
    status = current_record(connection, asked).status
    if status is not JobStatus.COMPLETED:
        raise EnvironmentRefused(
            f"job {meant.job!r} is {status}: only what a completed one wrote can be registered"
        )
    place = f"{connection.outputs.volume}/{path}".rstrip("/")
    return f"{place}/{meant.path}" if meant.path else place


def job_record(connection: Connection, asked: JobRequest, run: Mapping[str, Any] | None) -> Job:
    """Return the record of a job, from its request and the latest of its runs."""
    folder = job_place(connection, asked.job)
    job = Job(
        name=asked.job,
        type=asked.type,
        status=status_of(run) if run else JobStatus.NOT_RESPONDING,
        created_at=asked.created_at,
        model=asked.model,
        started_at=moment(run, "start_time") if run else None,
        ended_at=moment(run, "end_time") if run else None,
        folder=folder,
    )
    if run is None:
        job = _without_run(connection, job)
    if isinstance(asked, TrainRequest):
        return job
    done = job.status is JobStatus.COMPLETED
    return replace(
        job,
        endpoint=asked.endpoint,
        deployment=asked.deployment,
        input=asked.given,
        output=f"{connection.outputs.volume}/{asked.output}" if done else None,
    )


def cancel_job(connection: Connection, name: str) -> Job:
    """Ask Databricks to end a job, which it does a while later.

    Raises NotFound, and EnvironmentRefused for a job that is final.
    """
    asked = find_request(connection, name)
    run = find_run(connection, name, asked.job_id)
    job = job_record(connection, asked, run)
    if job.status.final or run is None:
        raise EnvironmentRefused(f"job {name!r} is {job.status} already")
    cancel_run(connection, int(run["run_id"]))
    return job_record(connection, asked, get_run(connection, int(run["run_id"])))


def resume_job(connection: Connection, environment: str, name: str) -> Job:
    """Begin another run of a batch job, which redoes only what is missing, unless one goes on.

    A job that never began is begun. Raises NotFound, and EnvironmentRefused for a job that
    completed and for one that has trained.
    """
    asked = find_request(connection, name)
    run = find_run(connection, name, asked.job_id)
    job = job_record(connection, asked, run)
    if run is not None and not job.status.final:
        return job
    if job.status is JobStatus.COMPLETED:
        raise EnvironmentRefused(f"job {name!r} is Completed; there is nothing to resume")
    if not isinstance(asked, ScoreRequest) and run is not None:
        raise EnvironmentRefused(
            f"job {name!r} can't be resumed: a training job begins from its start; train again with"
            f" `runner train {asked.model or 'MODEL'} --env {environment}`"
        )
    if isinstance(asked, ScoreRequest):
        from runner.databricks.wheel import send_wheel

        send_wheel(connection)
    if run is not None:  # unless it is noted it would be begun, and so found, once more
        note_run(connection, name, int(run["run_id"]))
    begun = begin_run(connection, asked, len(known_runs(connection, name)))
    return job_record(connection, asked, begun)


def refuse_removal(connection: Connection, names: Sequence[str]) -> EnvironmentRefused:
    """Return the error that says why jobs can't be removed, and what to do instead."""
    name = names[0] if names else "NAME"
    return EnvironmentRefused(
        "Databricks keeps every run for 60 days and their files lie where others read them;"
        f" `databricks fs rm -r dbfs:{job_place(connection, name)}` removes what one left there"
    )


def _without_run(connection: Connection, job: Job) -> Job:
    """Complete a job of which Databricks has no run: it has forgotten it, or never began one."""
    content = read_file(connection, f"{job.folder}/summary.json")
    if content is not None:
        return replace(job, status=JobStatus(json.loads(content)["status"]))
    return replace(job, error=_NEVER)


def _jobs_of(
    connection: Connection,
    limit: int | None,
    type_: JobType,
    job_id: int | None,
    endpoint: str | None = None,
    deployment: str | None = None,
) -> list[Job]:
    """List the latest jobs of a Databricks Job, or those that were submitted."""
    runs = islice(_latest_runs(connection, list_runs(connection, job_id)), limit)
    return [
        Job(
            name=name,
            type=type_,
            status=status_of(run),
            created_at=moment(run, "start_time") or "",
            endpoint=endpoint,
            deployment=deployment,
            started_at=moment(run, "start_time"),
            ended_at=moment(run, "end_time"),
        )
        for name, run in runs
    ]


def _latest_runs(
    connection: Connection, runs: Iterator[Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the latest run of each of the runner's jobs, with the job's name."""
    seen = set()
    for run in runs:
        name = job_of(connection, run)
        if name and name not in seen:
            seen.add(name)
            yield name, run
