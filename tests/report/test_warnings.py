"""The section of the warnings."""

from __future__ import annotations

from .pages import page, section
from .reports import attempt, report, small


def test_warnings_are_counted() -> None:
    attempts = [attempt(i, {f"{i}.csv": 1}, warnings=("column Notes ignored",)) for i in range(3)]
    assert "3 column Notes ignored" in section(page(report(attempts)), "Warnings").text
    assert "Warnings" not in [heading.text for heading in page(small()).find("h2")]
