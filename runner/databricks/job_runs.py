"""The runs in which Databricks carries out a job: they are begun once, found, read and stopped.

A job of ours is a folder in the volume, `<volume>/jobs/<name>/`, with its `request.json`. A run
is given the path of that file, so that any machine that sees the run knows of which job it is. A
job that is taken up again has several runs.
https://docs.databricks.com/api/azure/workspace/jobs
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from runner.azure.errors import Missing, ServiceError, scrub
from runner.databricks.connection import Connection
from runner.databricks.files import read_file, write_file
from runner.databricks.requests import FILE, JobRequest, ScoreRequest, request_text
from runner.errors import EnvironmentRefused, Interrupted
from runner.workspace import JobStatus

VERSION = "2.2"  # of the REST interface for jobs
_RUNS = "runs.json"  # the ids of a job's runs, the latest last
_TASK = "train"
_PAGE = "25"  # runs in one answer, the most there can be
_LOOKED_AT = 1_000  # runs, to find those of our jobs
_LONGEST_STEM = 40  # characters of a job's name before its digits
_PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before looks for a run that may be on its way
_LAST_LINES = 3
_LIFE = {
    "QUEUED": JobStatus.QUEUED,
    "PENDING": JobStatus.QUEUED,
    "BLOCKED": JobStatus.QUEUED,
    "WAITING": JobStatus.QUEUED,
    "WAITING_FOR_RETRY": JobStatus.QUEUED,
    "RUNNING": JobStatus.RUNNING,
    "TERMINATING": JobStatus.FINALIZING,
    "SKIPPED": JobStatus.FAILED,
    "INTERNAL_ERROR": JobStatus.FAILED,
}
_RESULTS = {
    "SUCCESS": JobStatus.COMPLETED,
    "SUCCESS_WITH_FAILURES": JobStatus.FAILED,
    "CANCELED": JobStatus.CANCELED,
    "UPSTREAM_CANCELED": JobStatus.CANCELED,
}
_RAISED = re.compile(r"^(?:[\w.]*\.)?(?:JobFailed|RunnerError): ")  # by our own host
_EXITED = re.compile(r"exited with status \d+$")  # said by our own bootstrap
_KILLED = re.compile(r"kernel is unresponsive|exit code", re.IGNORECASE)  # by Databricks
_TRACEBACK = "Traceback (most recent call last):"
_WORKLOAD = "Workload failed"  # said of a program that ran, so that its cluster was there
# The reasons why no cluster came, each with its way out.
_OF_CLUSTERS = (
    (
        re.compile(r"quota|cores? (?:limit|usage)|OperationNotAllowed", re.IGNORECASE),
        "ask for more cores of that family in the subscription's quotas, or declare a smaller"
        " node_type_id and deploy again",
    ),
    (
        re.compile(r"stockout|SkuNotAvailable|AllocationFailed", re.IGNORECASE),
        "declare another node_type_id and deploy again",
    ),
)


def name_job(stem: str) -> str:
    """Return a name that no other job has: what it does, and eight digits."""
    return f"{stem[:_LONGEST_STEM].rstrip('-')}-{uuid.uuid4().hex[:8]}"


def job_place(connection: Connection, job: str) -> str:
    """Return a job's folder in the volume."""
    return f"{connection.outputs.volume}/jobs/{job}"


def request_file(connection: Connection, job: str) -> str:
    """Return the path of a job's request, which its runs are given."""
    return f"{job_place(connection, job)}/{FILE}"


def submit(connection: Connection, asked: JobRequest) -> Mapping[str, Any]:
    """Write a job's request into its folder, begin its first run and return that.

    Raises as `begin_run`.
    """
    write_file(connection, request_file(connection, asked.job), request_text(asked).encode())
    return begin_run(connection, asked, 0)


def begin_run(connection: Connection, asked: JobRequest, number: int) -> Mapping[str, Any]:
    """Begin a job's run of that number, from 0, and return it: however often it is asked, one.

    Databricks guarantees as much for a token, so a request whose answer was lost is sent again.
    Raises EnvironmentRefused, which says where to look if a run may have begun, and Interrupted.
    """
    try:
        return _begin(connection, asked, number)
    except KeyboardInterrupt:
        raise Interrupted(_abandon(connection, asked.job, asked.job_id)) from None


def _begin(connection: Connection, asked: JobRequest, number: int) -> Mapping[str, Any]:
    api, job = connection.api, asked.job
    path = ("jobs", "runs", "submit") if asked.job_id is None else ("jobs", "run-now")
    named = {**_body(connection, asked), "idempotency_token": f"{job}-{number}"}
    try:
        answer = api.send(
            "POST", api.url(VERSION, *path), body=named, retry="any", what=f"begin job {job}"
        )
        run = int(answer.json()["run_id"])
    except ServiceError as error:
        if error.status is not None and error.status < 500 and error.status not in (408, 429):
            raise
        raise EnvironmentRefused(f"{error}; {_uncertain(connection, job)}") from None
    except (KeyError, TypeError, ValueError):
        raise EnvironmentRefused(
            f"Databricks' answer to begin job {job} makes no sense; {_uncertain(connection, job)}"
        ) from None
    # From here on there is a job; a run that can't be written down is found in the listing.
    try:
        note_run(connection, job, run)
        begun: Mapping[str, Any] = get_run(connection, run)
    except EnvironmentRefused:
        return {"run_id": run, "state": {"life_cycle_state": "PENDING"}}
    return begun


def note_run(connection: Connection, job: str, run: int) -> None:
    """Write down in the job's folder that it has a run."""
    runs = known_runs(connection, job)
    if run not in runs:
        content = json.dumps({"runs": [*runs, run]})
        write_file(connection, f"{job_place(connection, job)}/{_RUNS}", content.encode())


def known_runs(connection: Connection, job: str) -> list[int]:
    """List the ids of a job's runs that were written down, the latest last."""
    content = read_file(connection, f"{job_place(connection, job)}/{_RUNS}")
    return [int(run) for run in json.loads(content)["runs"]] if content else []


def find_run(connection: Connection, job: str, job_id: int | None) -> Mapping[str, Any] | None:
    """Return the latest run of a job; None where Databricks has none, or has forgotten it.

    `job_id` is the Databricks Job that it is a run of; None: it was submitted. A run whose answer
    never arrived is not written down, and is looked for among the others.
    """
    for run in reversed(known_runs(connection, job)):
        try:
            found: Mapping[str, Any] = get_run(connection, run)
        except ServiceError as error:
            # Databricks keeps runs for 60 days, and answers 400 for one that it doesn't know.
            if error.status not in (400, 404):
                raise
            continue
        if status_of(found) in (JobStatus.FAILED, JobStatus.CANCELED):
            # It may have been taken up again by a run that could not be written down.
            later = find_unnoted_run(connection, job, job_id)
            return found if later is None else later
        return found
    return find_unnoted_run(connection, job, job_id)


def get_run(connection: Connection, run: int) -> Any:
    return connection.api.get(VERSION, "jobs", "runs", "get", params={"run_id": str(run)})


def find_unnoted_run(
    connection: Connection, job: str, job_id: int | None
) -> Mapping[str, Any] | None:
    """Return the latest run of a job among those of its Databricks Job, or the submitted ones."""
    wanted = request_file(connection, job)
    runs = list_runs(connection, job_id)
    return next((run for run in runs if request_file_of(run) == wanted), None)


def list_runs(connection: Connection, job_id: int | None) -> Iterator[Mapping[str, Any]]:
    """Yield the runs of a Databricks Job, else those that were submitted; the latest first.

    No more than the latest thousand are looked at: others use the workspace, too.
    """
    asked = {"limit": _PAGE, "expand_tasks": "true"}
    of_what = {"run_type": "SUBMIT_RUN"} if job_id is None else {"job_id": str(job_id)}
    runs = connection.api.listing(
        VERSION, "jobs", "runs", "list", key="runs", params={**asked, **of_what}
    )
    try:
        yield from islice(runs, _LOOKED_AT)
    except Missing:  # the Databricks Job was taken away
        return


def request_file_of(run: Mapping[str, Any]) -> str | None:
    """Return the path of the request that a run was given."""
    for parameter in run.get("job_parameters") or ():
        if parameter.get("name") == "request":
            return str(parameter.get("value") or parameter.get("default") or "") or None
    for task in run.get("tasks") or ():
        parameters = (task.get("spark_python_task") or {}).get("parameters") or ()
        if parameters:
            return str(parameters[0])
    return None


def job_of(connection: Connection, run: Mapping[str, Any]) -> str | None:
    """Return the name of the runner's job that a run belongs to; None for anybody else's run."""
    place, _, file = (request_file_of(run) or "").rpartition("/")
    folder, _, job = place.rpartition("/")
    ours = file == FILE and folder == f"{connection.outputs.volume}/jobs"
    return job if ours else None


def status_of(run: Mapping[str, Any]) -> JobStatus:
    """Return the status of a run, as the status of a job."""
    state = run.get("state") or {}
    life = str(state.get("life_cycle_state") or (run.get("status") or {}).get("state") or "")
    if life in _LIFE:
        return _LIFE[life]
    if life == "TERMINATED":
        return _RESULTS.get(str(state.get("result_state") or _ended(run)), JobStatus.FAILED)
    return JobStatus.RUNNING


def moment(run: Mapping[str, Any], key: str) -> str | None:
    """Return a time of a run, which Databricks has in milliseconds, as ISO 8601."""
    milliseconds = run.get(key)
    if not milliseconds:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def cancel_run(connection: Connection, run: int) -> None:
    """Ask Databricks to end a run, which it does a while later."""
    connection.api.ask(VERSION, "jobs", "runs", "cancel", body={"run_id": run})


def output_of(connection: Connection, run: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the last task of a run printed and raised; nothing if it can't be fetched."""
    tasks = run.get("tasks") or ()
    task = tasks[-1].get("run_id") if tasks else run.get("run_id")
    try:
        output: Mapping[str, Any] = connection.api.get(
            VERSION, "jobs", "runs", "get-output", params={"run_id": str(task)}
        )
    except EnvironmentRefused:  # it says why a run failed, and is no reason to fail itself
        return {}
    return output


def failure(connection: Connection, run: Mapping[str, Any]) -> str:
    """Return why a run failed, on one line, with a way out where its cluster is the reason."""
    output = output_of(connection, run)
    error = scrub(str(output.get("error") or ""))
    raised = _RAISED.sub("", error)
    if raised != error:
        return raised
    state, ended = run.get("state") or {}, (run.get("status") or {}).get("termination_details")
    told = scrub(str(state.get("state_message") or (ended or {}).get("message") or ""))
    said = error or told or f"Databricks says {state.get('result_state') or 'nothing of it'}"
    if _WORKLOAD not in told:
        for reason, way in _OF_CLUSTERS:
            if reason.search(f"{told} {error}"):
                return f"{told or error}; {way}"
    exited = _EXITED.search(error) is not None
    if error and not exited and not _KILLED.search(error):  # the error says why
        return said
    logs = str(output.get("logs") or "")
    if exited:  # after the program's own lines comes the traceback of our host's error
        logs = logs.rsplit(_TRACEBACK, 1)[0]
    lines = [scrub(line) for line in logs.splitlines() if line.strip()]
    last = " / ".join(lines[-_LAST_LINES:])
    return f"{said}; its log ends: {last}" if last else said


def _body(connection: Connection, asked: JobRequest) -> dict[str, Any]:
    """Return the request that begins a run of a Databricks Job, or one on the training cluster."""
    request = request_file(connection, asked.job)
    if isinstance(asked, ScoreRequest):
        # More runs than the job allows at once wait, where they would be skipped.
        return {
            "job_id": asked.job_id,
            "job_parameters": {"request": request},
            "queue": {"enabled": True},
        }
    task = {
        "task_key": _TASK,
        "existing_cluster_id": asked.cluster,
        "spark_python_task": {
            "python_file": f"{connection.outputs.volume}/{asked.bootstrap}",
            "parameters": [request],
        },
    }
    return {"run_name": asked.job, "tasks": [task]}


def _ended(run: Mapping[str, Any]) -> str:
    """Return the result of a run by its newer status."""
    code = ((run.get("status") or {}).get("termination_details") or {}).get("code")
    return "CANCELED" if code == "USER_CANCELED" else str(code)


def _uncertain(connection: Connection, job: str) -> str:
    """Return what to do while it is not known whether a run has begun, as the end of a message."""
    named = f"{job} --env {connection.outputs.stack or 'ENV'}"
    return (
        f"`runner jobs show {named}` tells whether it has begun, and `runner jobs resume {named}`"
        " begins it if not, never twice"
    )


def _abandon(connection: Connection, job: str, job_id: int | None) -> str:
    """Cancel the run of a job that was asked for, and say what became of it."""
    try:
        for pause in _PAUSES:  # it may be on its way
            run = _active_run(connection, job, job_id)
            if run is not None:
                note_run(connection, job, run)
                cancel_run(connection, run)
                return f"interrupted: job {job} was canceled"
            time.sleep(pause)
    except KeyboardInterrupt:
        return f"interrupted; {_uncertain(connection, job)}"
    except EnvironmentRefused as error:
        return f"interrupted, but job {job} may run: it could not be canceled: {error}"
    return f"interrupted before job {job} began"


def _active_run(connection: Connection, job: str, job_id: int | None) -> int | None:
    run = find_unnoted_run(connection, job, job_id)
    return int(run["run_id"]) if run and not status_of(run).final else None
