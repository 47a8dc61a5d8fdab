"""The timeline."""

from __future__ import annotations

from dataclasses import replace

from .pages import Element, page
from .reports import attempt, report


def blocks(root: Element) -> dict[str, tuple[float, float, str]]:
    """Return each block of the timeline by its tooltip's start: its beginning and its width."""
    (chart,) = root.find("svg", class_="chart timeline")
    found = {}
    for group in chart.find("g"):
        title, rect = group.find("title")[0].text, group.find("rect")[0].attributes
        place = float(rect["x"].rstrip("%")), float(rect["width"].rstrip("%"))
        found[title.partition(" after")[0]] = (*place, rect["class"].split()[0])
    return found


def test_the_timeline_has_a_block_for_each_attempt_from_its_start_to_its_end() -> None:
    attempts = [
        attempt(0, outcome="retried", started=0.0, seconds=1.0, reason="timed out after 1 s"),
        attempt(0, {"a.csv": 1}, attempt=2, started=1.0, seconds=3.0),
        attempt(1, {"b.csv": "x"}, outcome="failed", started=2.0, seconds=1.0),
    ]
    assert blocks(page(report(attempts))) == {
        "Mini-batch 0, attempt 1: retried": (0, 25, "retried"),
        "Mini-batch 0, attempt 2: done": (25, 75, "done"),
        "Mini-batch 1, attempt 1: failed": (50, 25, "failed"),
    }


def test_the_night_between_two_starts_is_squeezed() -> None:
    attempts = [
        attempt(0, {"a.csv": 1}, started=0.0, seconds=1.0),
        attempt(1, {"b.csv": 1}, started=30000.0, seconds=1.0),
    ]
    found = blocks(page(report(attempts, resumed=1)))
    assert found["Mini-batch 0, attempt 1: done"][:2] == (0, 48)
    assert found["Mini-batch 1, attempt 1: done"][:2] == (52, 48)
    assert "Nothing ran for 8 h 20 min" in found
    through = blocks(page(report(attempts)))
    assert through["Mini-batch 1, attempt 1: done"][0] > 99


def test_a_single_retry_among_thousands_of_attempts_is_still_drawn() -> None:
    attempts = [
        attempt(i, {f"{i}.csv": 1}, worker=0, started=i * 0.1, seconds=0.1) for i in range(5000)
    ]
    attempts[2000] = replace(attempts[2000], outcome="retried", reason="killed", files=())
    (chart,) = page(report(attempts)).find("svg", class_="chart timeline")
    assert [path.attributes["class"] for path in chart.find("path")] == ["done", "retried"]
    assert "1 retried" in chart.attributes["aria-label"]


def test_more_workers_than_lanes_share_lanes() -> None:
    attempts = [attempt(i, {f"{i}.csv": 1}, worker=i, started=0.0) for i in range(100)]
    (chart,) = page(report(attempts)).find("svg", class_="chart timeline")
    assert len(chart.find("rect", class_="lane")) == 20
    assert chart.find("text")[0].text == "0–4"


def test_attempts_that_took_no_time_at_all_are_drawn() -> None:
    attempts = [attempt(i, {f"{i}.csv": 1}, started=0.0, seconds=0.0) for i in range(20)]
    assert len(blocks(page(report(attempts)))) == 20
