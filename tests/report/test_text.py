"""Names and other words on the page."""

from __future__ import annotations

import pytest

from runner.report import render
from runner.report.text import escape
from runner.tally import Tally

from .pages import bars, failure_rows, page, section
from .reports import attempt, report


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>alert(1)</script>.csv", "<script>alert(1)</script>.csv"),
        ("\"quoted\" & 'single'.csv", "\"quoted\" & 'single'.csv"),
        ("two\nlines.csv", "two\\nlines.csv"),
        ("not-utf8-\udcff.csv", "not-utf8-\\xff.csv"),
        ("half-\ud800.csv", "half-\\ud800.csv"),
        ("right\u202eleft.csv", "right\\u202eleft.csv"),
        ("환자.csv", "환자.csv"),
    ],
)
def test_any_name_is_shown_as_text(name: str, shown: str) -> None:
    attempts = [
        attempt(0, {name: f"{name} is wrong"}, warnings=(name,)),
        attempt(1, outcome="retried", reason=name),
        attempt(1, {"other.csv": 1}, attempt=2),
    ]
    whole = report(
        attempts,
        Tally(classes={name: 1}),
        job=name,
        output=f"/out/{name}",
        endpoint=name,
        deployment=name,
        model=name,
        input=name,
        started_at=name,
        error=name,
        settings={name: name},
    )
    render(whole).encode("utf-8")
    root = page(whole)
    assert root.find("script") == []
    assert root.find("h1")[0].text == shown
    assert root.find("title")[0].text == f"{shown} · Completed"
    assert shown in bars(section(root, "Predictions by class"))
    assert failure_rows(root)[0][1] == shown
    assert failure_rows(root)[0][-1] == f"{shown} is wrong"
    assert shown in section(root, "Warnings").text
    assert [cell.text for cell in section(root, "How it was run").find("dd")].count(shown) == 5


def test_a_long_name_gives_way_in_its_middle_and_is_whole_in_its_title() -> None:
    name = "a" * 200 + "-0042.csv"
    (cell,) = section(page(report([attempt(0, {name: 5})])), "Rows by file").find(
        "div", class_="name"
    )
    assert cell.attributes["title"] == name
    assert len(cell.text) == 120
    assert cell.text.endswith("-0042.csv")
    assert "…" in cell.text


def test_no_sign_of_a_name_or_a_reason_ends_an_attribute() -> None:
    assert escape("""<a b="c" d='e'>&""") == ("&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;")
    name = '" onclick="alert(1)" and a name that is long enough to be cut.csv'
    attempts = [attempt(0, {name: f"{name} is wrong"}, warnings=(name,)), attempt(1, {name: 1})]
    shown = render(report(attempts, Tally(classes={name: 1}), job=name, error=name))
    assert name not in shown
