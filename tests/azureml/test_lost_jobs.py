"""A job whose answer was lost is found among an endpoint's jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runner.azureml.connection import Connection
from runner.azureml.lost_jobs import LostJob
from runner.azureml.submission import Found
from tests.azureml.stage import Stage
from tests.emulator.batch.invocation import JOBS
from tests.emulator.batch.task import INVOCATION
from tests.emulator.faults import Answer

NAME = "lost-batch-0123abcd"
INPUT = "azureml://datastores/workspaceblobstore/paths/lines/"


class Jobs:
    """The jobs of an endpoint, and a search among them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._endpoint = stage.batch("lost-batch", (), default=None)

    def add(
        self, shown: str, *, deployment: str = "main", uri: str | None = INPUT, age: int = 0
    ) -> str:
        """Add a job that was made some seconds ago, with the input of its listing."""
        state = self._stage.emulator.cloud.state
        tags = {"azureml.batchrun": "true", "azureml.deploymentname": deployment}
        name = self._stage.job(self._endpoint, "Running", displayName=shown, tags=tags)
        job = state.get(f"{self._stage.workspace_id}/jobs/{name}")
        assert job is not None
        made = (datetime.now(UTC) - timedelta(seconds=age)).isoformat()
        body = {**job.body, "systemData": {**job.body["systemData"], "createdAt": made}}
        inputs = {"data": {"jobInputType": "UriFolder", "uri": uri}} if uri else {}
        state.put(self._stage.workspace_id, JOBS, body, {INVOCATION: {"inputData": inputs}})
        return name

    def find(self, **given: Any) -> Found:
        known = {"deployment": "main", "input": INPUT, "asked_at": datetime.now(UTC), **given}
        lost = LostJob(endpoint=self._endpoint, name=NAME, **known)
        return lost.find(Connection(self._stage.outputs()))


@pytest.fixture
def jobs(stored: Stage) -> Jobs:
    return Jobs(stored)


def test_the_job_that_is_shown_by_the_name_is_it(jobs: Jobs) -> None:
    jobs.add("careful_bulb_plwyqfx0")
    name = jobs.add(NAME, uri="azureml://datastores/other/paths/written/otherwise/")
    found = jobs.find()
    assert found.job is not None
    assert found.job["name"] == name


def test_any_other_that_began_since_may_be_it(jobs: Jobs) -> None:
    names = [jobs.add("careful_bulb_plwyqfx0"), jobs.add("lucid_wing_72qx8v7n", uri=None)]
    assert jobs.find() == Found(maybe=(names[1], names[0]))


@pytest.mark.parametrize(
    "unlike",
    [
        {"shown": "lost-batch-89abcdef"},
        {"deployment": "other"},
        {"uri": "azureml://datastores/workspaceblobstore/paths/other/"},
        {"age": 90},
    ],
    ids=str,
)
def test_a_job_that_can_not_be_it_is_left_out(jobs: Jobs, unlike: dict[str, Any]) -> None:
    jobs.add(**{"shown": "careful_bulb_plwyqfx0", **unlike})
    assert jobs.find() == Found()


def test_the_clocks_may_differ_by_a_minute(jobs: Jobs) -> None:
    name = jobs.add("careful_bulb_plwyqfx0", age=30)
    assert jobs.find().maybe == (name,)


def test_an_endpoint_that_was_left_the_choice_may_have_taken_any_deployment(jobs: Jobs) -> None:
    name = jobs.add("careful_bulb_plwyqfx0", deployment="other")
    assert jobs.find(deployment=None).maybe == (name,)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (INPUT, "{id}/datastores/workspaceblobstore/paths/lines"),
        (INPUT, "azureml:/{id}/datastores/workspaceblobstore/paths/lines/"),
        ("{id}/data/lines/versions/3", "azureml:lines:3"),
        ("{id}/data/lines/versions/3", "azureml:{id}/data/lines/versions/3"),
        ("https://host/lines.csv?sig=abc", "https://host/lines.csv"),
    ],
)
def test_an_input_is_the_same_however_it_is_written(
    stored: Stage, jobs: Jobs, sent: str, told: str
) -> None:
    id_ = stored.workspace_id
    name = jobs.add("careful_bulb_plwyqfx0", uri=told.format(id=id_))
    assert jobs.find(input=sent.format(id=id_)).maybe == (name,)


def test_where_the_service_fails_to_list_jobs_their_experiment_tells(
    stored: Stage, jobs: Jobs
) -> None:
    failure = Answer(400, "ServiceError", "Listing failed.")
    stored.emulator.faults.inject(failure, path="/mferp/*", times=None)
    other = jobs.add("careful_bulb_plwyqfx0", uri="azureml://datastores/d/paths/p/")
    assert jobs.find().maybe == (other,)  # its input is not told there
    name = jobs.add(NAME)
    found = jobs.find()
    assert found.job is not None
    assert found.job["name"] == name
