"""Which of the models is meant that a job logged."""

from __future__ import annotations

import pytest

from runner.errors import NotFound, WrongUsage
from runner.jobs.logged_models import only_model
from runner.workspace import Job, JobStatus, LoggedModel, Run

JOB = Job("diabetes-train-1", "command", JobStatus.FAILED, "2025-03-01T14:05:09.000+00:00")


def run(*names: str) -> Run:
    models = tuple(LoggedModel(name) for name in names)
    return Run("0a1b", "brave-lamb", "diabetes", "FAILED", models=models)


def test_the_only_model_of_a_run_is_meant() -> None:
    address = "azureml://jobs/diabetes-train-1/outputs/artifacts/paths/best"
    assert str(only_model(JOB, run("best"))) == address


@pytest.mark.parametrize("tracked", [run(), None])
def test_a_job_without_a_model_says_how_it_ended_and_what_to_do(tracked: Run | None) -> None:
    with pytest.raises(NotFound, match=r"which is Failed, .* logged none: log one .* --artifact"):
        only_model(JOB, tracked)


def test_of_several_models_one_has_to_be_named() -> None:
    with pytest.raises(WrongUsage, match="logged several models: name one of a, b with --artifact"):
        only_model(JOB, run("a", "b"))
