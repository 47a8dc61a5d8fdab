"""Jobs as Resource Manager shows them.

A declared job is begun by putting it: a command job runs, one of another kind is checked and done.
Who invokes a batch endpoint, or needs a job to look at, writes it with `put_job`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.emulator import addresses
from tests.emulator.batch.job_shapes import run_notes
from tests.emulator.batch.jobs import STAGES
from tests.emulator.cloud import Cloud
from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Response, answer
from tests.emulator.ml.command_jobs import COMMAND, begin_command
from tests.emulator.ml.other_jobs import begin_other
from tests.emulator.ml.references import WORKSPACE
from tests.emulator.ml.refusals import invalid
from tests.emulator.operations import CANCEL, IN_PROGRESS
from tests.emulator.resources import operation_headers
from tests.emulator.routes import Call
from tests.emulator.state import Resource

_TYPE = f"{WORKSPACE}/jobs"
FINISHED = ("Completed", "Failed", "Canceled")
_OTHERS = ("Sweep", "Pipeline", "Spark", "AutoML")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
_TOLD = ("status", "services", "error")  # by the service alone
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
        _begin(change)
        return
    _require_same(change, old)
    changed = {name: change.properties[name] for name in _CHANGEABLE if name in change.properties}
    # What the service itself noted of a run is not for others to take away.
    noted = old.properties.get("properties") or {}
    changed["properties"] = {**noted, **(changed.get("properties") or {})}
    change.body["properties"] = {**old.properties, **changed}


def _begin(change: Change) -> None:
    """Make the job that is asked for."""
    kinds = {kind.lower(): kind for kind in (COMMAND, *_OTHERS)}
    kind = kinds.get(str(change.properties.get("jobType")).lower())
    if kind is None:
        raise invalid(f"A job's type can be {', '.join(kinds.values())}.", "properties.jobType")
    name = change.id.name
    if not _NAME.fullmatch(name):
        raise invalid(f"'{name}' is not a valid name of a job.")
    asked = begin_command(change) if kind == COMMAND else begin_other(change)
    change.secrets["asked"] = {key: value for key, value in asked.items() if key != "status"}
    change.body["properties"] = _shown(name, asked)


def _shown(name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the job's properties as GET gives them.

    The output `default`, where the logs lie, is left out: where it is told, the SDK signs the logs'
    addresses with the datastore's key, and a signature instead of a key makes nonsense of that.
    """
    return {
        "tags": {},
        "properties": {},
        "displayName": name,
        "experimentName": "Default",
        "inputs": {},
        "status": "Queued",
        **asked,
        "isArchived": False,
        "outputs": asked.get("outputs") or {},
        "services": {
            "Tracking": {"jobServiceType": "Tracking", "endpoint": addresses.MANAGEMENT},
            "Studio": {
                "jobServiceType": "Studio",
                "endpoint": f"{addresses.ML_RESOURCE}/runs/{name}",
            },
        },
    }


def _require_same(change: Change, old: Resource) -> None:
    """Refuse to make another job of one that is there; asking for the same again is no change."""
    first = old.secrets.get("asked")
    if first is None:  # it was begun by an endpoint
        return
    for name, given in change.properties.items():
        known = (first.get(name), old.properties.get(name))
        if name not in (*_CHANGEABLE, *_TOLD) and given is not None and given not in known:
            raise invalid(
                "A job with this name already exists. If you are trying to create a new job, use a"
                " different name. If you are trying to update an existing job, the existing job's"
                f" {name[0].upper()}{name[1:]} cannot be changed. Only description, tags,"
                " displayName, properties, and isArchived can be updated.",
                f"properties.{name}",
            )


def _view(cloud: Cloud, job: Resource) -> dict[str, Any]:
    """Return a command job without what only its run tells."""
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
    operation = cloud.operations.begin(job.key, CANCEL)
    if operation.status != IN_PROGRESS:
        return answer(200)
    headers = operation_headers(cloud, call, job, operation)
    del headers["Azure-AsyncOperation"]
    return answer(202, None, headers)


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
