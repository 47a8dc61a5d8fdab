"""What runs of Databricks say, in the words of the unmodified SDK."""

from __future__ import annotations

import pytest
from databricks.sdk.service.jobs import (
    RunLifeCycleState,
    RunLifecycleStateV2State,
    RunResultState,
    TerminationCodeCode,
)

from runner.databricks.connection import Connection
from runner.databricks.job_runs import failure, job_of, moment, name_job, request_file, status_of
from runner.workspace import JobStatus

# The SDK's documents say of these that they are terminal.
FINAL = {
    RunLifeCycleState.TERMINATED,
    RunLifeCycleState.SKIPPED,
    RunLifeCycleState.INTERNAL_ERROR,
}
CANCELED = {RunResultState.CANCELED, RunResultState.UPSTREAM_CANCELED}


@pytest.mark.parametrize("state", RunLifeCycleState)
def test_a_run_is_final_in_the_states_that_are_terminal(state: RunLifeCycleState) -> None:
    status = status_of({"state": {"life_cycle_state": state.value, "result_state": "FAILED"}})
    assert status.final is (state in FINAL)


@pytest.mark.parametrize("state", RunLifecycleStateV2State)
def test_the_newer_status_alone_tells_as_much(state: RunLifecycleStateV2State) -> None:
    status = status_of({"status": {"state": state.value}})
    assert status.final is (state is RunLifecycleStateV2State.TERMINATED)


@pytest.mark.parametrize("result", RunResultState)
def test_a_run_completed_only_where_all_of_it_succeeded(result: RunResultState) -> None:
    run = {"state": {"life_cycle_state": "TERMINATED", "result_state": result.value}}
    completed = result is RunResultState.SUCCESS
    assert (status_of(run) is JobStatus.COMPLETED) is completed
    assert (status_of(run) is JobStatus.CANCELED) is (result in CANCELED)


@pytest.mark.parametrize("code", TerminationCodeCode)
def test_a_code_of_termination_is_read_where_there_is_no_result(code: TerminationCodeCode) -> None:
    details = {"code": code.value, "message": "", "type": "CLIENT_ERROR"}
    run = {"status": {"state": "TERMINATED", "termination_details": details}}
    assert status_of(run).final
    assert (status_of(run) is JobStatus.COMPLETED) is (code is TerminationCodeCode.SUCCESS)


def test_a_run_belongs_to_the_job_whose_request_it_was_given(connection: Connection) -> None:
    mine = request_file(connection, "echo-1")
    by_parameter = {"job_parameters": [{"name": "request", "default": "", "value": mine}]}
    by_argument = {"tasks": [{"spark_python_task": {"parameters": [mine]}}]}
    assert job_of(connection, by_parameter) == job_of(connection, by_argument) == "echo-1"
    for other in ("", "/Volumes/a/b/c/jobs/echo-1/request.json", f"{mine}.txt"):
        run = {"job_parameters": [{"name": "request", "value": other}]}
        assert job_of(connection, run) is None


@pytest.mark.parametrize(
    ("message", "way_out"),
    [
        (
            "Cluster 'x' was terminated. Reason: AZURE_QUOTA_EXCEEDED_EXCEPTION",
            "ask for more cores",
        ),
        ("Operation could not be completed: SkuNotAvailable", "declare another node_type_id"),
    ],
)
def test_why_no_cluster_came_is_told_with_a_way_out(
    connection: Connection, message: str, way_out: str
) -> None:
    state = {"life_cycle_state": "INTERNAL_ERROR", "state_message": message}
    told = failure(connection, {"run_id": 1, "state": state})
    assert told.startswith(message)
    assert way_out in told
    assert "\n" not in told


def test_a_program_s_own_words_about_a_quota_are_none_about_a_cluster(
    connection: Connection,
) -> None:
    message = "Workload failed, see run output for details: ValueError: 3 penguins over quota"
    state = {"life_cycle_state": "INTERNAL_ERROR", "state_message": message}
    assert failure(connection, {"run_id": 1, "state": state}) == message


def test_a_name_is_short_enough_for_a_token_of_idempotency() -> None:
    longest = f"{name_job('x' * 200)}-{10**6}"
    assert len(longest) <= 64
    assert name_job("a") != name_job("a")


def test_a_moment_is_told_as_everywhere() -> None:
    assert moment({"end_time": 1_700_000_000_123}, "end_time") == "2023-11-14T22:13:20.123+00:00"
    assert moment({"end_time": 0}, "end_time") is None
