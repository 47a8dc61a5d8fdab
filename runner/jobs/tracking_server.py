"""Reads what an MLflow run tracked over the REST interface of its server.

However much a script logs, what is read of it is bounded.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from runner.workspace import LoggedModel, Metric, Point, Run

if TYPE_CHECKING:
    from runner.azure.client import Client

_ASKED = 8  # metrics that are asked for at once
_MOST_METRICS = 200  # of which more than the last value is asked for
_MOST_VALUES = 100_000  # of one metric that are read
_MOST_POINTS = 1_000  # of one metric that are kept
_PAGE = 25_000  # values of a metric in one answer
_MOST_FILES = 1_000
_MOST_FOLDERS = 200  # that are looked into for them
_MOST_CHILDREN = 1_000
_INFINITY = 1.7976931348623157e308  # what MLflow writes in its place
COMMIT = "mlflow.source.git.commit"
_HISTORY = "mlflow.log-model.history"  # a tag: the models that were logged
_OWN = ("mlflow.", "azureml.", "_azureml.")  # tags that nobody set by hand


@dataclass(frozen=True)
class TrackingServer:
    """MLflow's interface, which a platform has below a path of its own."""

    client: Client
    path: tuple[str, ...] = ()

    def ask(self, *path: str, **params: str) -> Any | None:
        """Return the answer to a GET, or None where there is no such thing."""
        url = self.client.url(*self.path, *path)
        answer = self.client.send("GET", url, params=params, accept=(404,))
        return None if answer.status_code == 404 else answer.json()

    def search(self, *path: str, body: Any) -> Any:
        """Return the answer to a POST that only asks."""
        return self.client.ask(*self.path, *path, body=body)


def read_run(server: TrackingServer, id_: str) -> Run | None:
    """Return what a run has tracked so far; None where there is no run of that id.

    Its experiment is the experiment's id. Of its inputs these are the datasets that were logged.
    """
    found = server.ask("runs", "get", run_id=id_)
    if found is None:
        return None
    run = found["run"]
    info, data = run["info"], run.get("data") or {}
    tags = {tag["key"]: str(tag.get("value") or "") for tag in data.get("tags") or ()}
    files = tuple(islice(_files(server, id_), _MOST_FILES))
    experiment = str(info.get("experiment_id") or "")
    return Run(
        id=id_,
        name=str(info.get("run_name") or tags.get("mlflow.runName") or id_),
        experiment=experiment,
        status=str(info.get("status") or ""),
        parameters={
            parameter["key"]: str(parameter.get("value") or "")
            for parameter in data.get("params") or ()
        },
        metrics=_metrics(server, id_, data.get("metrics") or ()),
        tags={key: value for key, value in tags.items() if not key.startswith(_OWN)},
        inputs=dict(_datasets(run.get("inputs") or {})),
        models=_models(tags.get(_HISTORY), files),
        artifacts=files,
        commit=tags.get(COMMIT),
        children=_children(server, id_, experiment),
    )


def _datasets(logged: Any) -> Iterator[tuple[str, str]]:
    for read in logged.get("dataset_inputs") or ():
        dataset = read.get("dataset") or {}
        name = str(dataset.get("name") or "")
        yield name, f"{name} ({dataset.get('digest')})"


def _metrics(server: TrackingServer, run: str, last: Any) -> dict[str, Metric]:
    """Return the metrics by name; the values over their steps only of the first ones."""
    values = {str(metric["key"]): _number(metric.get("value")) for metric in last}
    keys = sorted(values)
    with ThreadPoolExecutor(_ASKED) as pool:
        asked = keys[:_MOST_METRICS]
        histories = dict(
            zip(asked, pool.map(lambda key: _history(server, run, key), asked), strict=True)
        )
    return {
        key: Metric(
            values[key],
            len(histories.get(key) or ()) or 1,
            _thinned(histories.get(key) or []),
        )
        for key in keys
    }


def _history(server: TrackingServer, run: str, key: str) -> list[Point]:
    points: list[Point] = []
    page: dict[str, str] = {}
    while len(points) < _MOST_VALUES:
        given = {"run_id": run, "metric_key": key, "max_results": str(_PAGE), **page}
        found = server.ask("metrics", "get-history", **given) or {}
        points += [
            Point(int(point.get("step") or 0), _number(point.get("value")), int(point["timestamp"]))
            for point in found.get("metrics") or ()
        ]
        if not found.get("next_page_token"):
            break
        page = {"page_token": str(found["next_page_token"])}
    return sorted(points, key=lambda point: (point.step, point.time))


def _thinned(points: list[Point]) -> tuple[Point, ...]:
    """Return all points, or evenly chosen ones with the last."""
    if len(points) <= _MOST_POINTS:
        return tuple(points)
    stride = math.ceil(len(points) / (_MOST_POINTS - 1))
    kept = points[::stride]
    return tuple(kept if kept[-1] is points[-1] else [*kept, points[-1]])


def _number(value: Any) -> float:
    """Return a number as MLflow writes it: those that JSON lacks are texts."""
    number = float(value or 0)
    return math.copysign(math.inf, number) if abs(number) >= _INFINITY else number


def _models(history: str | None, files: tuple[str, ...]) -> tuple[LoggedModel, ...]:
    """Return the models that were logged, and those that lie among the artifacts."""
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


def _files(server: TrackingServer, run: str) -> Iterator[str]:
    """Yield the files below a run's artifacts, folder by folder."""
    folders, looked = deque([""]), 0
    while folders and looked < _MOST_FOLDERS:
        folder = folders.popleft()
        page: dict[str, str] = {"path": folder} if folder else {}
        while looked < _MOST_FOLDERS:
            looked += 1
            found = server.ask("artifacts", "list", run_id=run, **page) or {}
            for file in found.get("files") or ():
                if file.get("is_dir"):
                    folders.append(str(file["path"]))
                else:
                    yield str(file["path"])
            if not found.get("next_page_token"):
                break
            page["page_token"] = str(found["next_page_token"])


def _children(server: TrackingServer, run: str, experiment: str) -> tuple[str, ...]:
    """Return the runs below a run."""
    if not experiment:
        return ()
    asked = {
        "experiment_ids": [experiment],
        "filter": f"tags.mlflow.parentRunId = '{run}'",
        "max_results": _MOST_CHILDREN,
    }
    found = server.search("runs", "search", body=asked)
    return tuple(str(run["info"]["run_id"]) for run in found.get("runs") or ())
