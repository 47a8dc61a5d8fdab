"""The head of the page and its totals."""

from __future__ import annotations

from .pages import page
from .reports import troubled


def test_the_totals_name_every_figure_of_the_summary() -> None:
    (totals,) = page(troubled()).find("dl", class_="totals")
    figures = dict(
        zip(
            [cell.text for cell in totals.find("dt")],
            [cell.text for cell in totals.find("dd")],
            strict=True,
        )
    )
    assert figures == {
        "Rows": "2,700",
        "Rows a second": "5,400",
        "Time": "0.50 s",
        "Files": "60",
        "Failed files": "6 10.0 %",
        "Mini-batches": "30",
        "Retries": "10",
    }


def test_the_head_says_how_many_of_the_workers_had_something_to_do() -> None:
    def lede(processes: str) -> str:
        report = troubled()._replace(settings={"processes": processes})
        (found,) = page(report).find("p", class_="lede")
        return found.text

    assert lede("2").endswith("by 2 workers.")
    assert lede("3").endswith("by 2 of 3 workers.")
