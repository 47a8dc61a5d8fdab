"""The MLflow runs of training jobs, which the workspace's own MLflow keeps."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner.azure.errors import Missing, ServiceError
from runner.databricks.files import list_folder
from runner.databricks.jobs import current_record, find_request
from runner.databricks.requests import TrainRequest
from runner.errors import EnvironmentRefused
from runner.jobs.tracking_server import TrackingServer, read_run
from runner.remote.results import find_model
from runner.workspace import JobStatus, LoggedModel, Run

if TYPE_CHECKING:
    from runner.databricks.connection import Connection

_MLFLOW = ("2.0", "mlflow")
_JOB = "mlflow.runner.job"  # a tag: of which job a run is
_TRIES = 4
_PAUSE = 0.5  # seconds before the first look for a run whose answer was lost
_OPEN = ("RUNNING", "SCHEDULED")
_ENDS = {
    JobStatus.COMPLETED: "FINISHED",
    JobStatus.FAILED: "FAILED",
    JobStatus.CANCELED: "KILLED",
    JobStatus.NOT_RESPONDING: "FAILED",
}


def experiment_id(connection: Connection, name: str) -> str:
    """Return the id of the experiment at a path of the workspace; made where there is none."""
    known = _find_experiment(connection, name)
    if known is not None:
        return known
    try:
        made = connection.api.post(*_MLFLOW, "experiments", "create", body={"name": name})
        return str(made["experiment_id"])
    except ServiceError:
        found = _find_experiment(connection, name)  # another was faster, or the answer was lost
        if found is None:
            raise
        return found


def make_run(connection: Connection, experiment: str, job: str, tags: Mapping[str, str]) -> str:
    """Make the MLflow run of a job, which bears its name, and return its id.

    However often it has to be asked, one: a run whose answer was lost is looked for by its tag.
    """
    given = {**tags, _JOB: job, "mlflow.runName": job}
    body = {
        "experiment_id": experiment,
        "run_name": job,
        "start_time": _now(),
        "tags": [{"key": key, "value": value} for key, value in given.items()],
    }
    api = connection.api
    for left in reversed(range(_TRIES)):
        try:
            answer = api.send(
                "POST",
                api.url(*_MLFLOW, "runs", "create"),
                body=body,
                retry="never",
                what=f"make the run of job {job}",
            )
            return str(answer.json()["run"]["info"]["run_id"])
        except (ServiceError, KeyError, ValueError) as error:
            status = error.status if isinstance(error, ServiceError) else None
            if status is not None and status < 500 and status not in (408, 429):
                raise
            time.sleep(_PAUSE * 2 ** (_TRIES - 1 - left))
            found = _find_run(connection, experiment, job)
            if found is not None:
                return found
            if not left:
                raise EnvironmentRefused(
                    f"the MLflow run of job {job} can't be made: {error}"
                ) from None
    raise AssertionError("the last try returns or raises")


def tracked_run(connection: Connection, name: str) -> Run | None:
    """Return what a job has tracked so far; None for one that scores. Raises NotFound."""
    asked = find_request(connection, name)
    if not isinstance(asked, TrainRequest):
        return None
    job = current_record(connection, asked)
    run = read_run(TrackingServer(connection.api, _MLFLOW), asked.run_id)
    if run is None:
        return None
    if run.status in _OPEN and job.status.final:
        run = replace(run, status=end_run(connection, asked, job.status))
    models = {model.name: model for model in (*run.models, *_logged(connection, asked))}
    return replace(
        run,
        experiment=asked.experiment.rpartition("/")[2],
        inputs={**run.inputs, **asked.given},
        models=tuple(models.values()),
    )


def end_run(connection: Connection, asked: TrainRequest, ended: JobStatus) -> str:
    """End the MLflow run that a job left open, as the job ended, and return how.

    A program that was killed, or never began on a cluster, leaves its run open.
    """
    status = _ENDS[ended]
    body = {"run_id": asked.run_id, "status": status, "end_time": _now()}
    with suppress(EnvironmentRefused):  # the right to look may come without the right to write
        connection.api.ask(*_MLFLOW, "runs", "update", body=body)
    return status


def runs_page(connection: Connection) -> str:
    """Return the address of the page on which the workspace shows its runs."""
    outputs = connection.outputs
    return f"{outputs.host}/ml/experiments?o={outputs.workspace_id}"


def model_address(connection: Connection, name: str) -> str:
    """Return the address of the model that a job made, as `find_model` says. Raises NotFound."""
    asked = find_request(connection, name)
    path = asked.outputs.get("model")

    def has_output() -> bool:
        return bool(path and list_folder(connection, f"{connection.outputs.volume}/{path}"))

    job = current_record(connection, asked)
    return find_model(job, has_output, lambda: tracked_run(connection, name))


def _logged(connection: Connection, asked: TrainRequest) -> list[LoggedModel]:
    """List the models that a run logged, which MLflow 3 keeps apart from its artifacts."""
    body = {
        "experiment_ids": [asked.experiment_id],
        "filter": f"source_run_id = '{asked.run_id}'",
        "max_results": 50,
    }
    try:
        found = connection.api.ask(*_MLFLOW, "logged-models", "search", body=body)
    except ServiceError:  # an older MLflow has none
        return []
    return [
        LoggedModel(str(model["info"]["name"]), str(model["info"]["model_id"]))
        for model in found.get("models") or ()
    ]


def _find_experiment(connection: Connection, name: str) -> str | None:
    try:
        found: Any = connection.api.get(
            *_MLFLOW, "experiments", "get-by-name", params={"experiment_name": name}
        )
    except Missing:
        return None
    return str(found["experiment"]["experiment_id"])


def _find_run(connection: Connection, experiment: str, job: str) -> str | None:
    body = {
        "experiment_ids": [experiment],
        "filter": f"tags.`{_JOB}` = '{job}'",
        "max_results": 1,
    }
    try:
        runs = connection.api.ask(*_MLFLOW, "runs", "search", body=body).get("runs") or ()
    except EnvironmentRefused:
        return None
    return next((str(run["info"]["run_id"]) for run in runs), None)


def _now() -> int:
    return int(time.time() * 1000)
