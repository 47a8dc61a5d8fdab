"""A run as its document has it: how it goes from one state to the next, and how it is told."""

from __future__ import annotations

import time
from typing import Any

from tests.emulator.databricks.store import Document, Store

RUNS = "runs"
FINAL = ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")
_NEWER = {"SKIPPED": "TERMINATED", "INTERNAL_ERROR": "TERMINATED"}


def move(store: Store, run_id: int, life: str, message: str = "", **fields: Any) -> Document | None:
    """Let a run go on to another state; one that has ended stays as it is."""
    with store.state.transaction():
        run = store.get(RUNS, str(run_id))
        if run is None or run["life"] in FINAL:
            return run
        if life == "RUNNING":
            fields["running_since"] = now()
        return store.put(RUNS, str(run_id), run | {"life": life, "message": message} | fields)


def end(
    store: Store, run_id: int, life: str, result: str, code: str, message: str = "", **fields: Any
) -> None:
    """Let a run end. `code` is the one of its termination details."""
    kinds = {"SUCCESS": "SUCCESS", "CLUSTER_ERROR": "CLOUD_FAILURE"}
    details = {"code": code, "type": kinds.get(code, "CLIENT_ERROR"), "message": message}
    move(store, run_id, life, message, result=result, details=details, end_time=now(), **fields)


def told(run: Document, host: str) -> dict[str, Any]:
    """Tell of a run as `runs/get` does."""
    times = _times(run)
    page = f"{host}/?o={run['workspace']}#job/{run['job_id']}/run/{run['run_id']}"
    shown = {
        "job_id": run["job_id"],
        "run_id": run["run_id"],
        "job_run_id": run["run_id"],
        "number_in_job": run["run_id"],
        "creator_user_name": run["creator_user_name"],
        "run_name": run["run_name"],
        "run_page_url": page,
        "run_type": run["run_type"],
        "trigger": "ONE_TIME",
        "format": "MULTI_TASK",
        "state": _state(run),
        "status": _status(run),
        **times,
        "tasks": [_told_task(run, page, times)],
    }
    if run["job_clusters"]:
        shown["job_clusters"] = run["job_clusters"]
    if run["job_parameters"]:
        shown["job_parameters"] = run["job_parameters"]
    return shown


def told_output(run: Document, host: str, logs: str) -> dict[str, Any]:
    """Tell of a run's end as `runs/get-output` does."""
    metadata = told(run, host)
    task = metadata.pop("tasks")[0]
    metadata = {**metadata, "run_id": task["run_id"], "task_key": task["task_key"]}
    output: dict[str, Any] = {"metadata": metadata}
    if run["life"] in FINAL:
        output |= {"logs": logs, "logs_truncated": False}
    for name in ("error", "error_trace"):
        if run.get(name):
            output[name] = run[name]
    return output


def now() -> int:
    """Return the time in milliseconds."""
    return int(time.time() * 1000)


def _told_task(run: Document, page: str, times: dict[str, int]) -> dict[str, Any]:
    task = {
        **run["task"],
        "run_id": run["task_run_id"],
        "run_page_url": page,
        "attempt_number": 0,
        "run_if": "ALL_SUCCESS",
        "state": _state(run),
        "status": _status(run),
        **times,
    }
    if run.get("cluster_id"):
        task["cluster_instance"] = {"cluster_id": run["cluster_id"], "spark_context_id": "1"}
    return task


def _state(run: Document) -> dict[str, Any]:
    state: dict[str, Any] = {
        "life_cycle_state": run["life"],
        "state_message": run["message"],
        "user_cancelled_or_timedout": run.get("result") in ("CANCELED", "TIMEDOUT"),
    }
    if run.get("result"):
        state["result_state"] = run["result"]
    return state


def _status(run: Document) -> dict[str, Any]:
    status: dict[str, Any] = {"state": _NEWER.get(run["life"], run["life"])}
    if run.get("details"):
        status["termination_details"] = run["details"]
    if run["life"] == "QUEUED":
        message = "Queued due to reaching maximum concurrent runs for the job."
        status["queue_details"] = {"code": "MAX_CONCURRENT_RUNS_REACHED", "message": message}
    return status


def _times(run: Document) -> dict[str, int]:
    begun, running, ended = run["start_time"], run.get("running_since"), run.get("end_time")
    last = ended or now()
    times = {"start_time": begun, "run_duration": last - begun, "cleanup_duration": 0}
    times["setup_duration"] = (running or last) - begun
    times["execution_duration"] = last - running if running else 0
    return times | ({"end_time": ended} if ended else {})
