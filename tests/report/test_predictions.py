"""The section of the predictions."""

from __future__ import annotations

import pytest

from runner.tally import Tally, bucket

from .pages import bars, page, section
from .reports import attempt, report, small


def test_a_class_is_a_bar_as_long_as_its_rows_are_many() -> None:
    part = section(page(small()), "Predictions by class")
    assert bars(part) == {"0": ("100.00%", "300"), "1": ("33.33%", "100")}
    assert "75.0 %" in part.text
    assert "25.0 %" in part.text


def test_one_class_is_said_to_be_the_only_one() -> None:
    shown = report([attempt(0, {"a.csv": 5})], Tally(classes={"1": 5}))
    assert "All in one class." in section(page(shown), "Predictions by class").text


def test_numbers_are_a_histogram_with_their_median() -> None:
    tally = Tally(buckets={bucket(10.0): 1, bucket(200.0): 3, bucket(300.0): 1})
    part = section(page(report([attempt(0, {"a.csv": 5})], tally)), "Predictions")
    (chart,) = part.find("svg", class_="chart")
    counted = [title.text for title in chart.find("title") if ": 0 rows" not in title.text]
    assert [title.partition(": ")[2] for title in counted] == [
        "1 row, 20.0 %",
        "3 rows, 60.0 %",
        "1 row, 20.0 %",
    ]
    median = float(part.text.partition("Median ")[2].partition(",")[0])
    assert median == pytest.approx(200, rel=0.01)


def test_one_number_alone_is_a_histogram_of_one_column() -> None:
    tally = Tally(buckets={bucket(7.0): 9})  # whose middle is 7.03
    (chart,) = page(report([attempt(0, {"a.csv": 9})], tally)).find(
        "svg", role="img", class_="chart"
    )
    assert [title.text for title in chart.find("title")] == ["7.03: 9 rows, 100 %"]


def test_the_mean_and_the_ends_are_the_numbers_own() -> None:
    tally = Tally(buckets={bucket(10.0): 1, bucket(200.0): 3}, sum=613, min=10, max=201)
    part = section(page(report([attempt(0, {"a.csv": 4})], tally)), "Predictions")
    assert "mean 153." in part.text
    assert "From 10 to 201." in part.text


def test_several_columns_are_a_line_each() -> None:
    columns = {
        "label": Tally(classes={"a": 3, "b": 1}),
        "<score>": Tally(buckets={bucket(0.5): 4}, sum=2, min=0.5, max=0.5),
        "empty": Tally(),
    }
    shown = page(report([attempt(0, {"a.csv": 4})], Tally(columns=columns)))
    part = section(shown, "Predictions by column")
    assert [term.text for term in part.find("dt")] == ["label", "<score>", "empty"]
    assert [figures.text for figures in part.find("dd")] == [
        "2 classes. a is the most frequent, 75.0 %.",
        "Median 0.5, mean 0.5. From 0.5 to 0.5.",
        "No numbers.",
    ]
