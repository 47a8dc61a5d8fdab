"""An invocation makes one job, whatever the network does."""

from __future__ import annotations

import re
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.azureml import submission
from runner.azureml.storage import storage_of
from runner.azureml.workspace import AzureWorkspace
from runner.errors import EnvironmentRefused, Interrupted, NotFound, WrongUsage
from runner.workspace import Invocation, JobStatus
from tests.azureml.scored import Scored
from tests.emulator.faults import (
    Answer,
    Drop,
    ExpireTokens,
    Fault,
    Stall,
    forbidden,
    server_error,
    throttled,
    unavailable,
)
from tests.projects import make_project

SCORING = "*.inference.ml.azure.test"
PLACE = "azureml://datastores/workspaceblobstore/paths/any/"
CALL = Invocation("echo", data=PLACE)


def fresh_call() -> Invocation:
    """Return a call whose input no other job has."""
    return Invocation("echo", data=f"{PLACE}{uuid.uuid4().hex}/")


class Interrupts:
    """Interrupts in place of the next pauses of the thread that it is made in.

    The stand-in answers in threads of its own, which pause as they did.
    """

    def __init__(self, times: int) -> None:
        self._left = times
        self._thread, self._sleep = threading.current_thread(), time.sleep

    def __call__(self, seconds: float) -> None:
        if threading.current_thread() is not self._thread:
            self._sleep(seconds)
            return
        self._left -= 1
        if self._left >= 0:
            raise KeyboardInterrupt


@pytest.fixture
def workspace(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> AzureWorkspace:
    """Return the workspace, whose jobs are kept but not run."""
    monkeypatch.setattr(scored.emulator.cloud, "jobs", None)
    monkeypatch.setattr(submission, "_FIRST_PAUSE", 0.02)
    return scored.stage.workspace(scored.project.root)


@pytest.fixture
def nameless(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the service ignore the names of jobs, even for display."""
    monkeypatch.setattr(scored.emulator.cloud, "ignores_job_names", True)


@pytest.mark.parametrize(
    "faults",
    [
        [Drop("before")],
        [Drop("middle")],
        [Drop("after")],
        [Drop("before"), Drop("after")],
        [throttled()],
        [throttled(), throttled(), throttled()],
        [server_error()],
        [unavailable()],
        [server_error(), Drop("after")],
        [ExpireTokens()],
        [Stall(1)],
    ],
    ids=str,
)
def test_an_invocation_makes_one_job(
    scored: Scored,
    workspace: AzureWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    faults: list[Fault],
) -> None:
    monkeypatch.setenv("RUNNER_TIMEOUT", "20")
    if Stall(1) in faults:
        monkeypatch.setenv("RUNNER_TIMEOUT", "0.5")
        # What is late has to land while the job is looked for.
        monkeypatch.setattr(submission, "_FIRST_PAUSE", 0.1)
    before = set(scored.jobs())
    for fault in faults:
        scored.emulator.faults.inject(fault, method="POST", host=SCORING)
    job = workspace.invoke(CALL)
    scored.emulator.settle()
    assert set(scored.jobs()) - before == {job.name}
    assert len(scored.emulator.faults.injected) == len(faults)
    assert (job.endpoint, job.deployment, job.input) == ("echo", "main", CALL.data)
    assert job.status is JobStatus.QUEUED


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Drop("before"), "does not answer"),
        (throttled(), "limits how often"),
        (server_error(), "Azure's own trouble"),
        (forbidden(), "needs a role"),
        (Answer(400, "BadArgument", "The request is odd."), "The request is odd."),
    ],
    ids=str,
)
def test_what_is_refused_for_good_makes_none(
    scored: Scored, workspace: AzureWorkspace, fault: Fault, said: str
) -> None:
    before = scored.jobs()
    scored.emulator.faults.inject(fault, host=SCORING, times=None)
    with pytest.raises(EnvironmentRefused, match=said) as refused:
        workspace.invoke(CALL)
    assert "\n" not in str(refused.value)
    assert scored.jobs() == before
    tries = 1 if isinstance(fault, Answer) and fault.status in (400, 403) else 4
    assert len(scored.emulator.faults.injected) == tries


def test_answers_that_are_lost_again_and_again_still_make_one_job(
    scored: Scored, workspace: AzureWorkspace
) -> None:
    before = scored.jobs()
    scored.emulator.faults.inject(Drop("after"), host=SCORING, times=None)
    job = workspace.invoke(CALL)
    assert scored.jobs() == [*before, job.name]
    assert len(scored.emulator.faults.injected) == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Drop("before"), "interrupted before there was a job"),
        (Drop("after"), r"interrupted, but job batchjob-[\w-]+ may run: it could not be canceled"),
    ],
)
def test_who_interrupts_the_request_is_told_what_is_left(
    scored: Scored,
    workspace: AzureWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    fault: Drop,
    told: str,
) -> None:
    scored.emulator.faults.inject(fault, method="POST", host=SCORING)
    if fault.when == "after":
        scored.emulator.faults.inject(forbidden(), path="*/cancel", times=None)
    monkeypatch.setattr(time, "sleep", Interrupts(1))
    with pytest.raises(Interrupted, match=told):
        workspace.invoke(fresh_call())


def test_who_interrupts_twice_is_told_where_to_look(
    scored: Scored, workspace: AzureWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored.emulator.faults.inject(Drop("before"), method="POST", host=SCORING)
    monkeypatch.setattr(time, "sleep", Interrupts(2))
    with pytest.raises(Interrupted, match=r"whether there is a job, `runner jobs list` tells"):
        workspace.invoke(fresh_call())


def test_azure_is_asked_again_when_it_says_so(scored: Scored, workspace: AzureWorkspace) -> None:
    scored.emulator.faults.inject(throttled(1), method="POST", host=SCORING)
    begun = time.monotonic()
    workspace.invoke(CALL)
    assert time.monotonic() - begun >= 1


def test_a_job_that_can_not_be_looked_for_is_not_asked_for_again(
    scored: Scored, workspace: AzureWorkspace
) -> None:
    before = set(scored.jobs())
    scored.emulator.faults.inject(Drop("after"), method="POST", host=SCORING)
    scored.emulator.faults.inject(forbidden(), method="GET", path="/mferp/*", times=None)
    with pytest.raises(EnvironmentRefused) as refused:
        workspace.invoke(CALL)
    assert len(set(scored.jobs()) - before) == 1
    told = "look later with `runner jobs list` before beginning another"
    assert told in str(refused.value)


def test_a_lost_job_is_found_where_the_service_fails_to_list_them(
    scored: Scored, workspace: AzureWorkspace
) -> None:
    before = set(scored.jobs())
    failure = Answer(400, "ServiceError", "Listing failed.")
    scored.emulator.faults.inject(Drop("after"), method="POST", host=SCORING)
    scored.emulator.faults.inject(failure, path="/mferp/*", times=None)
    job = workspace.invoke(fresh_call())
    assert set(scored.jobs()) - before == {job.name}


def test_a_job_that_takes_its_time_is_waited_for(
    scored: Scored, workspace: AzureWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(scored.jobs())
    monkeypatch.setattr(submission, "_FIRST_PAUSE", 0.1)
    scored.emulator.faults.inject(Drop("after"), method="POST", host=SCORING)
    nothing = Answer(200, "None", "Nothing is listed yet.")
    scored.emulator.faults.inject(nothing, path="/mferp/*", times=3)
    job = workspace.invoke(fresh_call())
    assert set(scored.jobs()) - before == {job.name}
    assert len(scored.emulator.faults.injected) == 4


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "of the experiment"])
def test_a_job_whose_name_was_ignored_is_named_as_one_that_may_be_it(
    scored: Scored, workspace: AzureWorkspace, nameless: None, listed: bool
) -> None:
    before = set(scored.jobs())
    scored.emulator.faults.inject(Drop("after"), method="POST", host=SCORING)
    if not listed:
        failure = Answer(400, "ServiceError", "Listing failed.")
        scored.emulator.faults.inject(failure, path="/mferp/*", times=None)
    with pytest.raises(EnvironmentRefused) as refused:
        workspace.invoke(fresh_call())
    (name,) = set(scored.jobs()) - before
    assert name in str(refused.value)
    assert "may be it: look with `runner jobs show NAME`" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_who_interrupts_a_request_whose_name_was_ignored_is_told_what_may_be_left(
    scored: Scored, workspace: AzureWorkspace, nameless: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(scored.jobs())
    scored.emulator.faults.inject(Drop("after"), method="POST", host=SCORING)
    monkeypatch.setattr(time, "sleep", Interrupts(1))
    with pytest.raises(Interrupted) as interrupted:
        workspace.invoke(fresh_call())
    (name,) = set(scored.jobs()) - before
    assert f"interrupted, but job {name} may be it" in str(interrupted.value)
    status = scored.emulator.arm("GET", f"{scored.stage.workspace_id}/jobs/{name}")[1]
    assert status["properties"]["status"] == "Preparing"


def test_jobs_that_score_something_else_are_not_taken_for_a_lost_one(
    scored: Scored, workspace: AzureWorkspace, nameless: None
) -> None:
    other = workspace.invoke(fresh_call())
    before = set(scored.jobs())
    scored.emulator.faults.inject(Drop("before"), method="POST", host=SCORING)
    job = workspace.invoke(fresh_call())
    assert job.name != other.name
    assert set(scored.jobs()) - before == {job.name}


def test_a_signature_in_an_address_is_scored_but_not_shown(
    scored: Scored, workspace: AzureWorkspace
) -> None:
    storage = storage_of(scored.connect())
    address = f"{storage.container('workspaceblobstore').url.partition('?')[0]}/any.csv"
    job = workspace.invoke(Invocation("echo", data=f"{address}?sv=1&sig=c2VjcmV0"))
    assert job.input == address
    assert [job.input for job in workspace.jobs(limit=1)] == [address]
    task = _task(scored, job.name)
    assert task["input"]["path"] == "any.csv"


def test_an_actual_name_means_its_endpoint(scored: Scored, workspace: AzureWorkspace) -> None:
    actual = scored.stage.endpoints["echo"]["name"]
    job = workspace.invoke(Invocation(actual, data=CALL.data))
    assert job.endpoint == "echo"


def test_the_studio_shows_which_endpoint_a_job_is_of(
    scored: Scored, workspace: AzureWorkspace
) -> None:
    job = workspace.invoke(CALL)
    told = scored.emulator.arm("GET", f"{scored.stage.workspace_id}/jobs/{job.name}")[1]
    assert re.fullmatch(r"echo-[0-9a-f]{8}", told["properties"]["displayName"])
    assert job.name.startswith("batchjob-")


def test_a_project_that_declares_nothing_still_scores(
    scored: Scored, workspace: AzureWorkspace, tmp_path: Path
) -> None:
    bare = scored.stage.workspace(tmp_path)
    assert bare.invoke(CALL).endpoint == "echo"
    with pytest.raises(WrongUsage, match="nothing says which data to score"):
        bare.invoke(Invocation("echo"))
    with pytest.raises(WrongUsage, match="not declared under models/"):
        bare.invoke(Invocation("echo", data=CALL.data, mini_batch_size=2))


def test_without_an_endpoint_there_must_be_one_to_choose(
    scored: Scored, workspace: AzureWorkspace, tmp_path: Path
) -> None:
    with pytest.raises(WrongUsage, match=r"use: .*diabetes-batch.*, echo"):
        scored.stage.workspace(tmp_path).invoke(Invocation(data=CALL.data))


def test_an_endpoint_without_any_deployment_says_how_to_get_one(
    scored: Scored, workspace: AzureWorkspace
) -> None:
    scored.stage.batch("empty-batch", (), default=None)
    try:
        asked = scored.stage.workspace(scored.project.root)
        with pytest.raises(EnvironmentRefused) as refused:
            asked.invoke(Invocation("empty-batch", data=CALL.data))
    finally:
        del scored.stage.endpoints["empty-batch"]
    assert str(refused.value) == (
        "endpoint 'empty-batch' has no deployment yet; register and pin a model with"
        " `runner models register --env ENV --pin`, then run `pulumi up --stack ENV`"
    )


def test_settings_of_the_runner_are_looked_at_before_there_is_a_job(
    scored: Scored, workspace: AzureWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = scored.jobs()
    monkeypatch.setenv("RUNNER_POLL_INTERVAL", "soon")
    with pytest.raises(WrongUsage, match="RUNNER_POLL_INTERVAL"):
        workspace.invoke(CALL)
    assert scored.jobs() == before


def test_a_declared_version_is_not_registered_as_another(
    scored: Scored, workspace: AzureWorkspace
) -> None:
    with pytest.raises(NotFound, match="lines"):
        workspace.invoke(Invocation("echo", data="azureml:lines:77"))


@pytest.mark.parametrize(
    ("settings", "file"), [({}, "rows.csv"), ({"output_file_name": "march.csv"}, "march.csv")]
)
def test_an_own_output_place_keeps_the_declared_file_name(
    scored: Scored,
    workspace: AzureWorkspace,
    tmp_path: Path,
    settings: dict[str, str],
    file: str,
) -> None:
    project = make_project(tmp_path / "project")
    project.deployment("settings: {output_file_name: rows.csv}\n")
    place = f"azureml://datastores/workspaceblobstore/paths/{uuid.uuid4().hex}"
    call = replace(fresh_call(), output_path=place, settings=settings)
    task = _task(scored, scored.stage.workspace(project.root).invoke(call).name)
    assert (task["output_uri"], task["settings"]["output_file_name"]) == (f"{place}/", file)


def _task(scored: Scored, job: str) -> dict[str, Any]:
    found = scored.emulator.cloud.state.get(f"{scored.stage.workspace_id}/jobs/{job}")
    assert found is not None
    task: dict[str, Any] = found.secrets["task"]
    return task
