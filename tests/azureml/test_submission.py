"""A job is asked for, and looked for in between, as often and as long as it should be."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from runner.azure.errors import ServiceError
from runner.azureml import submission
from runner.azureml.connection import Connection
from runner.azureml.submission import Found, begin_job, is_named, name_job
from runner.errors import EnvironmentRefused, Interrupted
from tests.azureml.stage import Stage

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

JOB = {"name": "batchjob-1", "properties": {}}


@dataclass
class Answer:
    """An answer, as azure-core has it."""

    status_code: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        return json.dumps(self.body)

    def json(self) -> Any:
        if isinstance(self.body, ValueError):
            raise self.body
        return self.body


ACCEPTED = Answer(201, JOB)
TROUBLE = Answer(500)
LOST = None  # no answer


@dataclass
class Azure:
    """Gives answers in turn, finds the job after some looks, and notes what happens."""

    answers: list[Answer | EnvironmentRefused | None]
    looks: float = float("inf")
    maybe: tuple[str, ...] = ()
    happened: list[str | float] = field(default_factory=list)

    def ask(self) -> HttpResponse:
        self.happened.append("asked")
        answer = self.answers.pop(0)
        if answer is None:
            raise ServiceError("there is no answer")
        if isinstance(answer, EnvironmentRefused):
            raise answer
        return cast("HttpResponse", answer)

    def find(self) -> Found:
        self.happened.append("looked")
        self.looks -= 1
        return Found(maybe=self.maybe) if self.looks > 0 else Found(JOB)

    @property
    def pauses(self) -> list[float]:
        """Return the seconds between the first two requests, or after the only one."""
        end = self.happened.index("asked", 1) if self.happened.count("asked") > 1 else None
        return [event for event in self.happened[:end] if isinstance(event, float)]


Begin = Callable[[Azure], Mapping[str, Any]]


@pytest.fixture
def begin(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Begin a job that Azure names, without waiting."""

    def begun(azure: Azure) -> Mapping[str, Any]:
        monkeypatch.setattr(time, "sleep", lambda seconds: azure.happened.append(float(seconds)))
        return begin_job(Connection(stage.outputs()), "echo-0123abcd", azure.ask, azure.find)

    return begun


def test_a_job_that_is_answered_is_not_looked_for(begin: Begin) -> None:
    azure = Azure([ACCEPTED])
    assert begin(azure) == JOB
    assert azure.happened == ["asked"]


@pytest.mark.parametrize("lost", [LOST, TROUBLE, Answer(408), Answer(503), Answer(504)])
def test_a_lost_job_is_looked_for_half_a_minute_before_azure_is_asked_again(
    begin: Begin, lost: Answer | None
) -> None:
    azure = Azure([lost, ACCEPTED])
    assert begin(azure) == JOB
    assert azure.happened.count("asked") == 2
    assert sum(azure.pauses) == pytest.approx(30, abs=5)
    assert azure.pauses == sorted(azure.pauses)
    assert azure.happened.count("looked") == len(azure.pauses)


def test_a_lost_job_that_is_found_late_is_the_only_one(begin: Begin) -> None:
    azure = Azure([LOST], looks=4)
    assert begin(azure) == JOB
    assert azure.happened.count("looked") == 4


@pytest.mark.parametrize("status", [409, 429])
def test_what_was_refused_for_sure_is_not_looked_for(begin: Begin, status: int) -> None:
    azure = Azure([Answer(status, headers={"Retry-After": "7"}), ACCEPTED])
    assert begin(azure) == JOB
    assert azure.happened == ["asked", 7.0, "asked"]


@pytest.mark.parametrize("status", [429, 503])
def test_nobody_waits_for_longer_than_a_minute_whatever_azure_says(
    begin: Begin, status: int
) -> None:
    azure = Azure([Answer(status, headers={"Retry-After": "86400"}), ACCEPTED], looks=1)
    assert begin(azure) == JOB
    assert azure.pauses == [submission._LONGEST_PAUSE]


def test_azure_says_how_long_to_wait_at_least(begin: Begin) -> None:
    azure = Azure([Answer(503, headers={"x-ms-retry-after-ms": "5000"})], looks=1)
    assert begin(azure) == JOB
    assert azure.happened == ["asked", 5.0, "looked"]


def test_jobs_that_may_be_it_are_named_in_place_of_another_request(begin: Begin) -> None:
    azure = Azure([LOST], maybe=("batchjob-1", "batchjob-2"))
    with pytest.raises(EnvironmentRefused) as refused:
        begin(azure)
    assert str(refused.value) == (
        "there is no answer; but one of the jobs batchjob-1, batchjob-2 may be it: look with"
        " `runner jobs show NAME` before beginning another"
    )
    assert sum(azure.pauses) == pytest.approx(30, abs=5)


def test_what_is_lost_again_and_again_is_given_up(begin: Begin) -> None:
    azure = Azure([LOST] * 9)
    with pytest.raises(EnvironmentRefused, match="no job was found: look with `runner jobs list`"):
        begin(azure)
    assert azure.happened.count("asked") == submission._TRIES
    assert azure.happened[-1] == "looked"


def test_what_is_refused_again_and_again_is_given_up_without_a_last_wait(begin: Begin) -> None:
    azure = Azure([Answer(429, headers={"Retry-After": "7"})] * 9)
    with pytest.raises(ServiceError, match="no job was begun") as refused:
        begin(azure)
    assert refused.value.status == 429
    assert azure.happened.count(7.0) == submission._TRIES - 1
    assert azure.happened[-1] == "asked"


def test_an_answer_that_is_not_json_is_a_lost_one(begin: Begin) -> None:
    azure = Azure([Answer(200, ValueError("no JSON"))], looks=2)
    assert begin(azure) == JOB
    assert azure.happened.count("looked") == 2


@pytest.mark.parametrize("error", [EnvironmentRefused("not signed in"), ServiceError("no", 404)])
def test_a_later_error_keeps_the_earlier_request_in_mind(
    begin: Begin, error: EnvironmentRefused
) -> None:
    with pytest.raises(EnvironmentRefused) as refused:
        begin(Azure([LOST, error]))
    assert str(refused.value) == (
        f"{error}; whether an earlier request began a job, `runner jobs list` tells"
    )


def test_a_job_that_comes_to_be_after_ctrl_c_is_canceled(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{stage.batch('echo')}-train-{uuid.uuid4().hex[:8]}"
    monkeypatch.setattr(time, "sleep", lambda _: stage.job("echo", "Running", name))

    def ask() -> HttpResponse:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=f"interrupted: job {name} was canceled"):
        begin_job(Connection(stage.outputs()), name, ask)


def test_a_job_that_takes_its_name_is_looked_for_by_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure = Azure([LOST])
    monkeypatch.setattr(time, "sleep", lambda seconds: azure.happened.append(float(seconds)))
    name = stage.job(stage.batch("echo"), "Running")
    found = begin_job(Connection(stage.outputs()), name, azure.ask)
    assert found["name"] == name
    assert azure.happened == ["asked", 0.5]


@pytest.mark.parametrize("stem", ["echo", "echo-train", "a" * 60])
def test_the_runners_names_are_known_again(stem: str) -> None:
    assert is_named(name_job(stem, "0123456789abcdef"))


@pytest.mark.parametrize("name", ["careful_bulb_plwyqfx0", "", "nightly", "echo-0123", "-01234567"])
def test_other_names_are_not_the_runners(name: str) -> None:
    assert not is_named(name)
