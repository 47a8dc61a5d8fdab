"""The section of the files."""

from __future__ import annotations

from dataclasses import replace

from runner.engine.attempt import FileResult

from .pages import bars, page, section
from .reports import attempt, report


def test_the_files_of_a_small_job_are_bars_in_input_order() -> None:
    attempts = [
        attempt(1, {"b.csv": 50}),
        attempt(0, {"a.csv": 100, "z.csv": "row 2 has 7 columns, not 8"}),
    ]
    part = section(page(report(attempts)), "Rows by file")
    assert list(bars(part).items()) == [
        ("a.csv", ("100.00%", "100")),
        ("z.csv", ("", "0")),
        ("b.csv", ("50.00%", "50")),
    ]
    assert "1 file failed." in part.text


def test_the_files_of_a_large_job_are_a_histogram_with_its_extremes() -> None:
    attempts = [attempt(i, {f"{i}.csv": i + 1}) for i in range(100)]
    part = section(page(report(attempts)), "Rows by file")
    assert len(part.find("svg", class_="chart")) == 1
    largest, smallest = part.find("tbody")
    assert [row.text for row in largest.find("tr")] == [
        "99.csv100",
        "98.csv99",
        "97.csv98",
        "96.csv97",
        "95.csv96",
    ]
    assert smallest.find("tr")[0].text == "0.csv1"


def test_a_histogram_counts_every_file_once() -> None:
    attempts = [attempt(i, {f"{i}.csv": (i * i) % 977}) for i in range(500)]
    (chart,) = section(page(report(attempts)), "Rows by file").find("svg", class_="chart")
    counts = [title.text.partition(": ")[2].split()[0] for title in chart.find("title")]
    assert sum(map(int, counts)) == 500


def test_many_files_of_one_size_are_a_sentence() -> None:
    attempts = [attempt(i, {f"{i}.csv": 1}) for i in range(5000)]
    part = section(page(report(attempts)), "Rows by file")
    assert "5,000 files of 1 row each." in part.text
    assert part.find("svg") == []


def test_rows_are_by_mini_batch_where_the_script_does_not_say_whose_they_are() -> None:
    unknown = (FileResult("a.csv", None), FileResult("b.csv", None))
    attempts = [replace(attempt(i, rows=7 + i), files=unknown) for i in range(3)]
    part = section(page(report(attempts)), "Rows by mini-batch")
    assert bars(part)["mini-batch 1"] == ("88.89%", "8")
