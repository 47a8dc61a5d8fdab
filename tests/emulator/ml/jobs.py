"""Jobs as Resource Manager shows them.

A command job is begun by putting it; who invokes a batch endpoint, or needs a job to look at,
writes it with `put_job`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.emulator.batch.job_shapes import run_notes
from tests.emulator.batch.jobs import STAGES
from tests.emulator.cloud import Cloud
from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Response, answer
from tests.emulator.ml.command_jobs import COMMAND, begin_command, require_same_command
from tests.emulator.ml.references import WORKSPACE
from tests.emulator.ml.refusals import invalid
from tests.emulator.routes import Call
from tests.emulator.state import Resource

_TYPE = f"{WORKSPACE}/jobs"
FINISHED = ("Completed", "Failed", "Canceled")
_CHANGEABLE = ("description", "tags", "displayName", "properties", "isArchived")


def put_job(cloud: Cloud, workspace: str, name: str, properties: Mapping[str, Any]) -> Resource:
    """Write a job of a workspace (its id); what is there already keeps its other properties."""
    key = f"{workspace}/jobs/{name}"
    with cloud.state.transaction():
        old = cloud.state.get(key)
        if old is not None:
            return cloud.state.update(old, properties)
        who = cloud.application.client
        created = {
            "createdAt": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "createdBy": who,
            "createdByType": "Application",
        }
        body = {
            "id": key,
            "name": name,
            "type": _TYPE,
            "systemData": created,
            "properties": {"tags": {}, "properties": {}, "isArchived": False, **properties},
        }
        return cloud.state.put(workspace, _TYPE, body, {})


def _prepare(change: Change) -> None:
    old = change.old
    if old is None:
        begin_command(change)
        return
    require_same_command(change, old)
    changed = {name: change.properties[name] for name in _CHANGEABLE if name in change.properties}
    # What the service itself noted of a run is not for others to take away.
    noted = old.properties.get("properties") or {}
    changed["properties"] = {**noted, **(changed.get("properties") or {})}
    change.body["properties"] = {**old.properties, **changed}


def _view(cloud: Cloud, job: Resource) -> dict[str, Any]:
    """A command job without what only its run tells."""
    notes = run_notes(job)
    if job.properties.get("jobType") == COMMAND:
        notes.pop(STAGES, None)
    return {**job.body, "properties": {**job.properties, "properties": notes}}


def _cancel(cloud: Cloud, call: Call, job: Resource) -> Response:
    status = job.properties.get("status")
    if status in FINISHED:
        raise invalid(f"The job '{job.body['name']}' is {status} and cannot be canceled.")
    if cloud.jobs is None:
        cloud.state.update(job, {"status": "Canceled"})
    else:
        cloud.jobs.cancel(job)
    return answer(200)


def _listing(cloud: Cloud, call: Call, jobs: list[Resource]) -> list[Resource]:
    query = call.request.query
    shown = {"archivedonly": (True,), "all": (True, False)}.get(
        query.get("listViewType", "").lower(), (False,)
    )
    found = [
        job
        for job in jobs
        if bool(job.properties.get("isArchived")) in shown
        and query.get("jobType", job.properties.get("jobType")) == job.properties.get("jobType")
        and query.get("tag", "") in ("", *(job.properties.get("tags") or {}))
    ]
    return list(reversed(found))


KIND = Kind(
    _TYPE,
    prepare=_prepare,
    view=_view,
    listing=_listing,
    paged=True,
    provisioned=False,
    etag=False,
    actions={"cancel": _cancel},
)
