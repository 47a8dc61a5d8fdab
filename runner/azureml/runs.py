"""What a job of Azure tracked, from the workspace's own MLflow.

It is asked as azureml-mlflow asks, over the REST interface of MLflow's tracking server. However
much a script logs, what is read of it is bounded.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from runner.azureml.endpoints import reference
from runner.azureml.job_outputs import find_output
from runner.azureml.jobs import find_job, job_record
from runner.errors import NotFound
from runner.job_address import JobOutput
from runner.logged_models import only_model
from runner.workspace import JobStatus, LoggedModel, Metric, Point, Run

if TYPE_CHECKING:
    from runner.azureml.connection import Connection

_ASKED = 8  # metrics that are asked for at once
_MOST_METRICS = 200  # of which more than the last value is asked for
_MOST_VALUES = 100_000  # of one metric that are read
_MOST_POINTS = 1_000  # of one metric that are kept
_PAGE = 25_000  # values of a metric in one answer
_MOST_FILES = 1_000
_MOST_FOLDERS = 200  # that are looked into for them
_MOST_CHILDREN = 1_000
_INFINITY = 1.7976931348623157e308  # what MLflow writes in its place
_COMMIT = "mlflow.source.git.commit"
_HISTORY = "mlflow.log-model.history"  # a tag: the models that were logged
_OWN = ("mlflow.", "azureml.", "_azureml.")  # tags that nobody set by hand


def tracked_run(connection: Connection, name: str) -> Run | None:
    """What a job has tracked so far; None for one that scores. Raises NotFound."""
    resource = find_job(connection, name)
    if job_record(connection, resource).type == "batch":
        return None
    found = _ask(connection, "runs", "get", run_id=name)
    if found is None:
        return None
    run, properties = found["run"], resource["properties"]
    info, data = run["info"], run.get("data") or {}
    tags = {tag["key"]: str(tag.get("value") or "") for tag in data.get("tags") or ()}
    files = tuple(islice(_files(connection, name), _MOST_FILES))
    noted = properties.get("properties") or {}
    return Run(
        id=name,
        name=str(info.get("run_name") or tags.get("mlflow.runName") or name),
        experiment=str(properties.get("experimentName") or ""),
        status=str(info.get("status") or ""),
        parameters={
            parameter["key"]: str(parameter.get("value") or "")
            for parameter in data.get("params") or ()
        },
        metrics=_metrics(connection, name, data.get("metrics") or ()),
        tags={key: value for key, value in tags.items() if not key.startswith(_OWN)},
        inputs=_inputs(properties.get("inputs") or {}, run.get("inputs") or {}),
        models=_models(tags.get(_HISTORY), files),
        artifacts=files,
        commit=tags.get(_COMMIT) or noted.get(_COMMIT),
        children=_children(connection, name, str(info.get("experiment_id") or "")),
    )


def runs_page(connection: Connection) -> str:
    """The address of the page on which the workspace shows its runs."""
    resource = connection.outputs.resource_id
    return f"{connection.cloud.machine_learning}/experiments?wsid={resource}"


def model_address(connection: Connection, name: str) -> str:
    """Where the model lies that a job made: its output `model`, else the only one it logged.

    Raises NotFound for one that tracks nothing or is not completed, and as `only_model`.
    """
    job = job_record(connection, find_job(connection, name))
    if job.type == "batch":
        raise NotFound(f"job {name!r} is a batch job, which tracks nothing: name a training job")
    if job.status is not JobStatus.COMPLETED:
        raise NotFound(f"job {name!r} is {job.status}: only a completed one has results")
    with suppress(NotFound):
        find_output(connection, job, "model")
        return str(JobOutput(name, "model"))
    return str(only_model(job, tracked_run(connection, name)))


def _ask(connection: Connection, *path: str, **params: str) -> Any | None:
    """The answer to a GET of MLflow's interface; None where there is no such thing."""
    client = connection.tracking
    answer = client.send("GET", client.url(*path), params=params, accept=(404,))
    return None if answer.status_code == 404 else answer.json()


def _metrics(connection: Connection, run: str, last: Any) -> dict[str, Metric]:
    """Each metric with the values over its steps, of as many metrics as are asked for."""
    values = {str(metric["key"]): _number(metric.get("value")) for metric in last}
    keys = sorted(values)
    with ThreadPoolExecutor(_ASKED) as pool:
        asked = keys[:_MOST_METRICS]
        histories = dict(
            zip(asked, pool.map(lambda key: _history(connection, run, key), asked), strict=True)
        )
    return {
        key: Metric(
            values[key],
            len(histories.get(key) or ()) or 1,
            _thinned(histories.get(key) or []),
        )
        for key in keys
    }


def _history(connection: Connection, run: str, key: str) -> list[Point]:
    points: list[Point] = []
    page: dict[str, str] = {}
    while len(points) < _MOST_VALUES:
        given = {"run_id": run, "metric_key": key, "max_results": str(_PAGE), **page}
        found = _ask(connection, "metrics", "get-history", **given) or {}
        points += [
            Point(int(point.get("step") or 0), _number(point.get("value")), int(point["timestamp"]))
            for point in found.get("metrics") or ()
        ]
        if not found.get("next_page_token"):
            break
        page = {"page_token": str(found["next_page_token"])}
    return sorted(points, key=lambda point: (point.step, point.time))


def _thinned(points: list[Point]) -> tuple[Point, ...]:
    """All of them, or evenly chosen ones; the last always."""
    if len(points) <= _MOST_POINTS:
        return tuple(points)
    stride = math.ceil(len(points) / (_MOST_POINTS - 1))
    kept = points[::stride]
    return tuple(kept if kept[-1] is points[-1] else [*kept, points[-1]])


def _number(value: Any) -> float:
    """A number as MLflow writes it: those that JSON lacks are texts."""
    number = float(value or 0)
    return math.copysign(math.inf, number) if abs(number) >= _INFINITY else number


def _inputs(declared: Mapping[str, Any], logged: Mapping[str, Any]) -> dict[str, str]:
    """The inputs of the job, and the datasets that its script logged besides."""
    inputs = {}
    for name, given in declared.items():
        uri = given.get("uri") or given.get("assetId")
        if uri:
            plain = str(uri).partition("?")[0]  # what comes behind may be a signature
            inputs[name] = reference(plain) or plain
    for read in logged.get("dataset_inputs") or ():
        dataset = read.get("dataset") or {}
        name = str(dataset.get("name") or "")
        inputs.setdefault(name, f"{name} ({dataset.get('digest')})")
    return inputs


def _models(history: str | None, files: tuple[str, ...]) -> tuple[LoggedModel, ...]:
    """The models that were logged, and those that lie among the artifacts."""
    models = {}
    try:
        noted = json.loads(history or "[]")
    except ValueError:
        noted = []
    for model in noted if isinstance(noted, list) else ():
        name = str(model.get("artifact_path") or "")
        if name:
            models[name] = LoggedModel(
                name, model.get("model_id"), tuple(model.get("flavors") or ())
            )
    for file in files:
        name, _, last = file.rpartition("/")
        if last == "MLmodel" and name:
            models.setdefault(name, LoggedModel(name))
    return tuple(models.values())


def _files(connection: Connection, run: str) -> Iterator[str]:
    """The files below a run's artifacts, folder by folder."""
    folders, looked = deque([""]), 0
    while folders and looked < _MOST_FOLDERS:
        folder = folders.popleft()
        page: dict[str, str] = {"path": folder} if folder else {}
        while looked < _MOST_FOLDERS:
            looked += 1
            found = _ask(connection, "artifacts", "list", run_id=run, **page) or {}
            for file in found.get("files") or ():
                if file.get("is_dir"):
                    folders.append(str(file["path"]))
                else:
                    yield str(file["path"])
            if not found.get("next_page_token"):
                break
            page["page_token"] = str(found["next_page_token"])


def _children(connection: Connection, run: str, experiment: str) -> tuple[str, ...]:
    """The runs below a run."""
    if not experiment:
        return ()
    asked = {
        "experiment_ids": [experiment],
        "filter": f"tags.mlflow.parentRunId = '{run}'",
        "max_results": _MOST_CHILDREN,
    }
    found = connection.tracking.ask("runs", "search", body=asked)
    return tuple(str(run["info"]["run_id"]) for run in found.get("runs") or ())
