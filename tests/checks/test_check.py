"""The check as a whole."""

from __future__ import annotations

from .conftest import Checked


def test_nothing_is_found_in_a_clean_project(project: Checked) -> None:
    report = project.report()
    assert report.findings == ()
    assert report.unchecked == ()
