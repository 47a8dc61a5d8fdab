"""Jobs: what is declared once and run many times."""

from __future__ import annotations

import time
from typing import Any

from tests.emulator.databricks.refusals import Refused, invalid
from tests.emulator.databricks.service import Ask, Endpoint, paged, required
from tests.emulator.databricks.store import Document
from tests.emulator.databricks.tasks import check_settings

JOBS = "jobs"
_FIRST = 100_000_000_000_000
_KEPT = ("access_control_list", "job_id", "idempotency_token")


def require_job(ask: Ask, job_id: Any) -> Document:
    """Find a job. Raises `Refusal`, of status 400 as the service does it."""
    found = ask.store.get(JOBS, str(job_id))
    if found is None:
        raise invalid(f"Job {job_id} does not exist.")
    return found


def new_job_id(ask: Ask) -> int:
    """Give a job's number, which the one-time runs have, too."""
    return _FIRST + 7919 * ask.store.next_number(JOBS)


def create(ask: Ask) -> dict[str, Any]:
    """Create a job."""
    token = ask.body.get("idempotency_token")
    settings = _settings(ask, ask.body)
    if token and (found := ask.store.get("job-tokens", token)):
        return {"job_id": found["job_id"]}
    job_id = new_job_id(ask)
    made = {
        "job_id": job_id,
        "creator_user_name": ask.user.name,
        "run_as_user_name": ask.user.name,
        "created_time": int(time.time() * 1000),
        "settings": settings,
    }
    ask.store.put(JOBS, str(job_id), made)
    if token:
        ask.store.put("job-tokens", token, {"job_id": job_id})
    return {"job_id": job_id}


def _settings(ask: Ask, sent: Document) -> Document:
    settings = {name: value for name, value in sent.items() if name not in _KEPT}
    check_settings(ask, settings)
    defaults = {
        "name": "Untitled",
        "max_concurrent_runs": 1,
        "timeout_seconds": 0,
        "format": "MULTI_TASK",
        "email_notifications": {},
    }
    return defaults | settings


def get(ask: Ask) -> dict[str, Any]:
    """Give a job."""
    return require_job(ask, ask.asked("job_id"))


def list_all(ask: Ask) -> dict[str, Any]:
    """List jobs, the newest first; their tasks only when asked for."""
    wanted = ask.query.get("name")
    found = [
        job
        for job in reversed(ask.store.all(JOBS))
        if wanted is None or job["settings"]["name"].lower() == wanted.lower()
    ]
    if ask.query.get("expand_tasks") != "true":
        hidden = ("tasks", "job_clusters", "parameters")
        found = [
            {
                **job,
                "settings": {
                    name: value for name, value in job["settings"].items() if name not in hidden
                },
            }
            for job in found
        ]
    page = paged(ask, "jobs", found, int(ask.query.get("limit") or 20), "limit")
    return {**page, "has_more": "next_page_token" in page}


def reset(ask: Ask) -> dict[str, Any]:
    """Give a job other settings."""
    job = require_job(ask, ask.required("job_id"))
    settings = _settings(ask, ask.required("new_settings"))
    ask.store.put(JOBS, str(job["job_id"]), job | {"settings": settings})
    return {}


def update(ask: Ask) -> dict[str, Any]:
    """Change some of a job's settings; tasks and job clusters by their keys."""
    job = require_job(ask, ask.required("job_id"))
    settings = dict(job["settings"])
    for name, value in (ask.body.get("new_settings") or {}).items():
        key = {"tasks": "task_key", "job_clusters": "job_cluster_key"}.get(name)
        settings[name] = _merged(settings.get(name) or [], value, key) if key else value
    for name in ask.body.get("fields_to_remove") or []:
        settings.pop(name, None)
    ask.store.put(JOBS, str(job["job_id"]), job | {"settings": _settings(ask, settings)})
    return {}


def _merged(old: list[Document], new: list[Document], key: str) -> list[Document]:
    merged = {required(item, key): item for item in old}
    merged |= {required(item, key): item for item in new}
    return list(merged.values())


def delete(ask: Ask) -> dict[str, Any]:
    """Delete a job; its runs stay."""
    job = require_job(ask, ask.required("job_id"))
    ask.store.delete(JOBS, str(job["job_id"]))
    return {}


def old_version(ask: Ask) -> dict[str, Any]:
    """Say that an older version of the interface is not there."""
    raise Refused(404, "ENDPOINT_NOT_FOUND", "The stand-in has version 2.2 of the Jobs API only.")


_PATH = "/api/2.2/jobs/"
ENDPOINTS = (
    Endpoint("POST", _PATH + "create", create),
    Endpoint("GET", _PATH + "get", get),
    Endpoint("GET", _PATH + "list", list_all),
    Endpoint("POST", _PATH + "reset", reset),
    Endpoint("POST", _PATH + "update", update),
    Endpoint("POST", _PATH + "delete", delete),
    Endpoint("*", "/api/2.0/jobs/{rest*}", old_version),
    Endpoint("*", "/api/2.1/jobs/{rest*}", old_version),
)
