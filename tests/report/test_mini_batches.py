"""The section of the mini-batches."""

from __future__ import annotations

from .pages import page, section
from .reports import attempt, report


def test_a_single_mini_batch_has_its_time_in_place_of_a_median() -> None:
    part = section(page(report([attempt(0, {"a.csv": 1}, seconds=2.0)])), "Time by mini-batch")
    assert [element.text for element in part.find("p", class_="note")] == [
        "1 attempt at 1 mini-batch.",
        "It took 2.00 s.",
    ]


def test_many_mini_batches_have_a_histogram_and_the_slowest_by_name() -> None:
    attempts = [attempt(i, {f"{i}.csv": i}, seconds=i + 1.0) for i in range(20)]
    attempts.insert(0, attempt(3, outcome="retried", seconds=500.0, reason="timed out"))
    part = section(page(report(attempts)), "Time by mini-batch")
    assert [element.text for element in part.find("p", class_="note")] == [
        "21 attempts at 20 mini-batches.",
        "Median 11.0 s, longest 20.0 s.",
        "95 % took 19.0 s or less.",
    ]
    (_, histogram) = part.find("svg", role="img")
    counts = [element.text.partition(": ")[2].split()[0] for element in histogram.find("title")]
    assert sum(map(int, counts)) == 20
    slowest = [row.find("td")[0].text for row in part.find("tbody")[0].find("tr")]
    assert slowest == ["19", "18", "17", "16", "15"]
