"""A comparison as a page: it runs nothing, and asks for nothing."""

from __future__ import annotations

from html.parser import HTMLParser

from runner.comparison.page import to_page
from tests.comparison.reports import hostile_report, report


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(page: str) -> _Tags:
    tags = _Tags()
    tags.feed(page)
    return tags


def test_the_page_has_all_that_was_found() -> None:
    text = _read(to_page(report())).text
    assert "38 of 400 predictions change (9.5 %)" in text
    assert "diabetes-mlflow:2 → diabetes-mlflow:3" in text
    assert "12 segments were tried" in text
    assert "runner models compare 2 3" in text


def test_whatever_names_hold_the_page_has_no_script() -> None:
    page = to_page(hostile_report())
    tags = _read(page)
    assert tags.seen.isdisjoint({"script", "img", "a", "iframe", "object", "form"})
    assert "<script>alert(1)</script>" in tags.text
    assert "\x1b" not in page
    assert "default-src 'none'" in page
