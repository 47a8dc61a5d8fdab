"""Runs of jobs and one-time runs, as the Jobs API begins, tells and cancels them.

The same idempotency token gives the same run, also after it has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.emulator.databricks.jobs import new_job_id, require_job
from tests.emulator.databricks.refusals import invalid
from tests.emulator.databricks.run_state import FINAL, RUNS, end, now, told, told_output
from tests.emulator.databricks.running import Running
from tests.emulator.databricks.service import Ask, Endpoint, paged
from tests.emulator.databricks.store import Document
from tests.emulator.databricks.tasks import check_settings, resolved

TASK_RUNS, TOKENS = "task-runs", "run-tokens"
_FIRST = 200_000_000_000_000
_TOKEN = 64  # characters


class Runs:
    """What answers for runs; they run in processes of this machine."""

    def __init__(self, running: Running) -> None:
        self._running = running
        path = "/api/2.2/jobs/"
        self.endpoints = (
            Endpoint("POST", path + "run-now", self.run_now),
            Endpoint("POST", path + "runs/submit", self.submit),
            Endpoint("GET", path + "runs/get", self.get),
            Endpoint("GET", path + "runs/get-output", self.get_output),
            Endpoint("POST", path + "runs/cancel", self.cancel),
            Endpoint("POST", path + "runs/delete", self.delete),
            Endpoint("GET", path + "runs/list", self.list_all),
        )

    def run_now(self, ask: Ask) -> dict[str, Any]:
        """Run a job."""
        job = require_job(ask, ask.required("job_id"))
        earlier = _earlier(ask)
        if earlier is not None:
            return {"run_id": earlier, "number_in_job": earlier}
        settings = job["settings"]
        if not settings.get("tasks"):
            raise invalid(f"Job {job['job_id']} has no tasks.")
        given = ask.body.get("job_parameters") or {}
        if not isinstance(given, dict):
            raise invalid("job_parameters must be an object.")
        declared = {item["name"]: item["default"] for item in settings.get("parameters") or []}
        parameters = [
            {"name": name, "default": default, "value": str(given.get(name, default))}
            for name, default in declared.items()
        ]
        parameters += [
            {"name": name, "value": str(value)}
            for name, value in given.items()
            if name not in declared
        ]
        run = self._begin(ask, job["job_id"], settings, settings["name"], "JOB_RUN", parameters)
        return {"run_id": run, "number_in_job": run}

    def submit(self, ask: Ask) -> dict[str, Any]:
        """Run something once, without a job."""
        earlier = _earlier(ask)
        if earlier is not None:
            return {"run_id": earlier}
        settings = ask.body
        if not settings.get("tasks"):
            raise invalid("Missing required field: tasks")
        check_settings(ask, settings)
        name = str(settings.get("run_name") or "Untitled")
        return {"run_id": self._begin(ask, new_job_id(ask), settings, name, "SUBMIT_RUN", [])}

    def _begin(
        self,
        ask: Ask,
        job_id: int,
        settings: Document,
        name: str,
        run_type: str,
        parameters: list[dict[str, str]],
    ) -> int:
        number = _FIRST + 104729 * ask.store.next_number(RUNS)
        task = settings["tasks"][0]
        references = {
            "job.id": str(job_id),
            "job.name": name,
            "job.run_id": str(number),
            "task.name": task["task_key"],
            "task.run_id": str(number + 1),
            **{f"job.parameters.{item['name']}": item["value"] for item in parameters},
        }
        run: Document = {
            "workspace": ask.store.workspace,
            "run_id": number,
            "task_run_id": number + 1,
            "job_id": job_id,
            "run_name": name,
            "run_type": run_type,
            "creator_user_name": ask.user.name,
            "user": vars(ask.user),
            "task": resolved(task, references),
            "job_clusters": settings.get("job_clusters") or [],
            "job_parameters": parameters,
            "timeout_seconds": settings.get("timeout_seconds") or task.get("timeout_seconds") or 0,
            "start_time": now(),
            "life": "PENDING",
            "message": "",
        }
        token = ask.body.get("idempotency_token")
        ask.store.put(RUNS, str(number), run)
        ask.store.put(TASK_RUNS, str(number + 1), {"run_id": number})
        if token:
            ask.store.put(TOKENS, token, {"run_id": number})
        if _is_full(ask, job_id, number, settings) and run_type == "JOB_RUN":
            self._wait_or_skip(ask, run, settings)
        else:
            self._running.start(ask.store, number)
        return number

    def _wait_or_skip(self, ask: Ask, run: Document, settings: Document) -> None:
        """Let a run too many wait where its job has a queue; skip it otherwise."""
        if (settings.get("queue") or {}).get("enabled"):
            ask.store.put(RUNS, str(run["run_id"]), run | {"life": "QUEUED"})
            return
        end(
            ask.store,
            run["run_id"],
            "SKIPPED",
            "MAXIMUM_CONCURRENT_RUNS_REACHED",
            "MAX_CONCURRENT_RUNS_EXCEEDED",
            "Skipping this run because the limit of"
            f" {settings.get('max_concurrent_runs', 1)} maximum concurrent runs has been reached.",
        )

    def get(self, ask: Ask) -> dict[str, Any]:
        """Give a run."""
        return told(_require(ask, ask.asked("run_id")), _host(ask))

    def get_output(self, ask: Ask) -> dict[str, Any]:
        """Give what came of a run."""
        run = _require(ask, ask.asked("run_id"))
        return told_output(run, _host(ask), self._running.logs(ask.store, run["run_id"]))

    def cancel(self, ask: Ask) -> dict[str, Any]:
        """Begin to end a run; one that has ended stays as it is."""
        run = _require(ask, ask.required("run_id"))
        self._running.cancel(ask.store, run["run_id"], "CANCELED")
        return {}

    def delete(self, ask: Ask) -> dict[str, Any]:
        """Delete a run that has ended."""
        run = _require(ask, ask.required("run_id"))
        if run["life"] not in FINAL:
            raise invalid(f"Run {run['run_id']} is active and can't be deleted.")
        ask.store.delete(RUNS, str(run["run_id"]))
        return {}

    def list_all(self, ask: Ask) -> dict[str, Any]:
        """List runs, the newest first."""
        query = ask.query
        active, ended = query.get("active_only") == "true", query.get("completed_only") == "true"
        if active and ended:
            raise invalid("active_only and completed_only can't both be true.")
        found = [
            told(run, _host(ask))
            for run in reversed(ask.store.all(RUNS))
            if query.get("job_id") in (None, str(run["job_id"]))
            and query.get("run_type") in (None, run["run_type"])
            and not (active and run["life"] in FINAL)
            and not (ended and run["life"] not in FINAL)
            and run["start_time"] >= int(query.get("start_time_from") or 0)
        ]
        if query.get("expand_tasks") != "true":
            found = [{k: v for k, v in run.items() if k != "tasks"} for run in found]
        limit = int(query.get("limit") or 20)
        if not 0 < limit <= 25:
            raise invalid("limit must be greater than 0 and not greater than 25.")
        page = paged(ask, "runs", found, limit, "limit")
        return {**page, "has_more": "next_page_token" in page}


def _earlier(ask: Ask) -> int | None:
    """Return the run that a request's idempotency token was given for. Raises `Refusal`."""
    token = ask.body.get("idempotency_token")
    if not token:
        return None
    if len(token) > _TOKEN:
        raise invalid(f"idempotency_token must have at most {_TOKEN} characters.")
    found = ask.store.get(TOKENS, token)
    if found is None:
        return None
    number: int = found["run_id"]
    if ask.store.get(RUNS, str(number)) is None:
        raise invalid(f"The run of the idempotency token {token} was deleted.")
    return number


def _is_full(ask: Ask, job_id: int, run_id: int, settings: Mapping[str, Any]) -> bool:
    active = [
        run
        for run in ask.store.all(RUNS)
        if run["job_id"] == job_id and run["run_id"] != run_id and run["life"] not in FINAL
    ]
    return len(active) >= int(settings.get("max_concurrent_runs", 1))


def _require(ask: Ask, run_id: Any) -> Document:
    task = ask.store.get(TASK_RUNS, str(run_id))
    found = ask.store.get(RUNS, str(task["run_id"] if task else run_id))
    if found is None:
        raise invalid(f"Run {run_id} does not exist.")
    return found


def _host(ask: Ask) -> str:
    return f"https://{ask.request.host}"
