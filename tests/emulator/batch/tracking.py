"""The workspace's MLflow: what its tracking server tells of the jobs that ran here.

A command job whose code names MLflow really tracks, and what it tracked is told once it is done.
Of every other job there is a run without anything in it, as on Azure.
"""

from __future__ import annotations

import json
from typing import Any

from tests.emulator import addresses
from tests.emulator.batch.command import tracking_place
from tests.emulator.batch.invocation import WORKSPACE, workspace_id
from tests.emulator.batch.jobs import logs_of
from tests.emulator.blobs import Blobs
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Refusal, Response, answer
from tests.emulator.routes import Call, Route, route
from tests.emulator.state import Resource

_STATUSES = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}


def get_run(cloud: Cloud, call: Call) -> Response:
    """Return a run with the last value of each metric."""
    job = _job(cloud, call, call.request.query.get("run_id", ""))
    return answer(200, _told(cloud, job).get("runs/get") or {"run": _empty(job)})


def search_runs(cloud: Cloud, call: Call) -> Response:
    """Return the runs below a run; nothing else is ever looked for."""
    parent = str(call.request.json().get("filter")).partition("'")[2].rstrip("'")
    return answer(200, _told(cloud, _job(cloud, call, parent)).get("runs/search") or {})


def metric_history(cloud: Cloud, call: Call) -> Response:
    """Return all values of a metric."""
    query = call.request.query
    job = _job(cloud, call, query.get("run_id", ""))
    histories = _told(cloud, job).get("metrics/get-history") or {}
    return answer(200, histories.get(query.get("metric_key"), {}))


def list_artifacts(cloud: Cloud, call: Call) -> Response:
    """Answer with what lies in a folder of a run's artifacts."""
    query = call.request.query
    job = _job(cloud, call, query.get("run_id", ""))
    if not isinstance(cloud.storage, Blobs):
        return answer(200, {})
    place = logs_of(cloud.state, workspace_id(cloud, call), str(job.body["name"]))
    folder = query.get("path", "").strip("/")
    prefix = f"{place.path}{folder}/" if folder else place.path
    container = cloud.storage.client(place.account).get_container_client(place.container)
    found: dict[str, dict[str, Any]] = {}
    for blob in container.list_blobs(name_starts_with=prefix):
        name, inside, _ = blob.name.removeprefix(prefix).partition("/")
        path = f"{folder}/{name}".lstrip("/")
        size = {} if inside else {"file_size": blob.size}
        found[path] = {"path": path, "is_dir": bool(inside), **size}
    return answer(200, {"files": list(found.values())})


def _told(cloud: Cloud, job: Resource) -> dict[str, Any]:
    """Return what a job's command tracked; nothing of one that did not, or is not done."""
    if not isinstance(cloud.storage, Blobs) or job.properties.get("status") != "Completed":
        return {}
    name, workspace = str(job.body["name"]), str(job.body["id"]).rpartition("/jobs/")[0]
    place = tracking_place(logs_of(cloud.state, workspace, name), name)
    blob = cloud.storage.client(place.account).get_blob_client(place.container, place.path)
    told: dict[str, Any] = json.loads(blob.download_blob().readall()) if blob.exists() else {}
    return told


def _empty(job: Resource) -> dict[str, Any]:
    name = str(job.body["name"])
    info = {
        "run_id": name,
        "run_uuid": name,
        "run_name": job.properties.get("displayName") or name,
        "experiment_id": "",
        "status": _STATUSES.get(str(job.properties.get("status")), "RUNNING"),
        "lifecycle_stage": "active",
    }
    return {"info": info, "data": {}}


def _job(cloud: Cloud, call: Call, name: str) -> Resource:
    job = cloud.state.get(f"{workspace_id(cloud, call)}/jobs/{name}")
    if job is None:
        raise Refusal(404, "RESOURCE_DOES_NOT_EXIST", f"Run {name} was not found.")
    return job


ROUTES: tuple[Route, ...] = tuple(
    route(
        method,
        addresses.WORKSPACE_HOST,
        f"/mlflow/v1.0{WORKSPACE}/api/2.0/mlflow/{path}",
        handler,
        addresses.MANAGEMENT_AUDIENCES,
    )
    for method, path, handler in (
        ("GET", "runs/get", get_run),
        ("POST", "runs/search", search_runs),
        ("GET", "metrics/get-history", metric_history),
        ("GET", "artifacts/list", list_artifacts),
    )
)
