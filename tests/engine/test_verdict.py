"""The rules for an attempt and for a job."""

from __future__ import annotations

import pytest

from runner.engine.plan import Settings
from runner.engine.verdict import nothing_scored, outcome, too_many_failed


@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize(("answered", "last"), [(True, "done"), (False, "failed")])
def test_what_may_do_better_is_run_again_as_often_as_max_retries_says(
    retries: int, answered: bool, last: str
) -> None:
    settings = Settings(max_retries=retries)
    came_to = [
        outcome(settings, attempt, answered=answered, again=True)
        for attempt in range(1, retries + 2)
    ]
    assert came_to == [*["retried"] * retries, last]


def test_a_result_that_no_second_attempt_would_change_is_done_at_once() -> None:
    assert outcome(Settings(max_retries=3), 1, answered=True, again=False) == "done"


@pytest.mark.parametrize(
    ("threshold", "failed", "too_many"),
    [(-1, 10**6, False), (0, 0, False), (0, 1, True), (2, 2, False), (2, 3, True)],
)
def test_a_threshold_is_how_many_failed_files_are_tolerated_and_minus_one_tolerates_all(
    threshold: int, failed: int, too_many: bool
) -> None:
    assert too_many_failed(Settings(error_threshold=threshold), failed) is too_many


def test_a_job_of_which_every_file_failed_has_scored_nothing() -> None:
    assert nothing_scored(files=2, failed_files=2)
    assert not nothing_scored(files=2, failed_files=1)
