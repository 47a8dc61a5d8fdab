"""What goes wrong on request, on the hosts of workspaces."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from tests.emulator.databricks.seed import SeededLake
from tests.emulator.databricks.submissions import submission
from tests.emulator.faults import Answer, Drop, ExpireTokens, server_error, throttled, unavailable

SUBMIT = "/api/2.2/jobs/runs/submit"


def _post(
    lake: SeededLake, path: str, body: dict[str, Any], token: str | None = None
) -> requests.Response:
    headers = {"Authorization": f"Bearer {token or lake.token()}"}
    return requests.post(lake.host + path, json=body, headers=headers, timeout=10)


@pytest.mark.parametrize(
    ("fault", "status"), [(throttled(), 429), (server_error(), 500), (unavailable(), 503)]
)
def test_a_refused_request_is_not_carried_out(lake: SeededLake, fault: Answer, status: int) -> None:
    lake.emulator.faults.inject(fault, host="adb-*", path=SUBMIT)
    answered = _post(lake, SUBMIT, submission(lake, ""))
    assert (answered.status_code, answered.json()["error_code"]) == (status, fault.code)
    assert lake.do("GET", "/api/2.2/jobs/runs/list")["runs"] == []


@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_a_run_asked_for_twice_is_one_run(lake: SeededLake, when: str) -> None:
    body = submission(lake, "", idempotency_token=uuid.uuid4().hex)
    lake.emulator.faults.inject(Drop(when), host="adb-*", path=SUBMIT)  # type: ignore[arg-type]
    with pytest.raises(requests.RequestException):
        _post(lake, SUBMIT, body)
    lake.emulator.settle()
    run_id = _post(lake, SUBMIT, body).json()["run_id"]
    lake.wait(run_id)
    assert _post(lake, SUBMIT, body).json()["run_id"] == run_id
    assert [run["run_id"] for run in lake.do("GET", "/api/2.2/jobs/runs/list")["runs"]] == [run_id]


def test_tokens_expire_but_those_of_runs_do_not(lake: SeededLake) -> None:
    token = lake.token()
    own = lake.databricks.run_tokens.give(lake.workspace_id, lake.user())
    lake.emulator.faults.inject(ExpireTokens(), host="adb-*")
    path = "/api/2.0/workspace/mkdirs"
    assert _post(lake, path, {"path": "/Shared/a"}, token).status_code == 403
    assert _post(lake, path, {"path": "/Shared/a"}, own).status_code == 200
    assert _post(lake, path, {"path": "/Shared/a"}).status_code == 200
    lake.databricks.run_tokens.end(own)
    assert _post(lake, path, {"path": "/Shared/a"}, own).status_code == 403
