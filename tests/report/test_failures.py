"""The section of the failures and retries."""

from __future__ import annotations

from runner.workspace import JobStatus

from .pages import bars, failure_rows, page, section
from .reports import attempt, report, small, troubled


def test_a_failure_is_listed_with_its_file_mini_batch_attempt_and_reason() -> None:
    attempts = [
        attempt(0, outcome="retried", started=0.0, reason="the worker died"),
        attempt(0, {"a.csv": 5, "b.csv": "row 3: 'x' is not a number"}, attempt=2, started=1.0),
    ]
    assert failure_rows(page(report(attempts))) == [
        ["failed", "b.csv", "0", "2", "1.10 s", "row 3: 'x' is not a number"],
        ["retried", "2 files", "0", "1", "0.10 s", "the worker died"],
    ]


def test_a_failure_that_a_resume_made_good_counts_as_run_again() -> None:
    attempts = [
        attempt(0, {"a.csv": "timed out"}, outcome="failed", reason="timed out"),
        attempt(0, {"a.csv": 5}),
    ]
    root = page(report(attempts, resumed=1))
    assert [row[0] for row in failure_rows(root)] == ["retried"]
    assert bars(section(root, "Rows by file")) == {"a.csv": ("100.00%", "5")}


def test_results_a_script_owed_are_failures() -> None:
    root = page(report([attempt(0, {"a.csv": 1, "b.csv": 1}, missing=1)]))
    assert failure_rows(root)[0][-1] == "run() returned 1 result too few"


def test_long_failures_are_cut_with_a_word_on_where_the_rest_is() -> None:
    attempts = [attempt(i, {f"{i}.csv": f"reason {i}"}) for i in range(700)]
    root = page(report(attempts))
    assert len(failure_rows(root)) == 500
    assert "and 200 more in failures.csv" in section(root, "Failures and retries").text


def test_reasons_that_differ_in_a_name_or_a_number_are_counted_together() -> None:
    (counted,) = section(page(troubled()), "Failures and retries").find("ul", class_="counted")
    assert [item.text for item in counted.find("li")] == [
        "10 timed out after 1 s and alike",
        "6 part-0.csv, row 7: 'n/a' is not a number and alike",
    ]


def test_a_job_without_trouble_says_so_and_has_no_script() -> None:
    root = page(small())
    assert "Nothing failed" in section(root, "Failures and retries").text
    assert root.find("script") == []


def test_a_job_that_failed_before_any_mini_batch_did_says_why_and_not_that_nothing_failed() -> None:
    text = section(
        page(report([], status=JobStatus.FAILED, error="the model can't be loaded")),
        "Failures and retries",
    ).text
    assert "the model can't be loaded" in text
    assert "Nothing failed" not in text
