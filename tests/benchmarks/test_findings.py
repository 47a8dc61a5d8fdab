"""Figures are worked out, judged and written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.findings import Finding, compare, format_table, write_results

SECONDS = {"runner": (2.0, 3.0, 4.0), "peer": (1.0, 2.0, 1.0)}


def test_a_ratio_is_taken_pair_by_pair() -> None:
    finding = compare("speed", SECONDS, "runner", "peer", at_most=2)
    assert finding.samples == (2.0, 1.5, 4.0)
    assert finding.value == 2.0


@pytest.mark.parametrize(
    ("target", "passed"),
    [
        ({"at_most": 2}, True),
        ({"at_most": 1.9}, False),
        ({"at_least": 2}, True),
        ({"at_least": 2.1}, False),
        ({}, None),
    ],
)
def test_a_target_judges_the_median(target: dict[str, float], passed: bool | None) -> None:
    assert Finding("speed", (1.0, 2.0, 9.0), **target).passed is passed  # type: ignore[arg-type]


def test_the_table_shows_the_median_the_range_the_target_and_the_verdict() -> None:
    missed = compare("speed", SECONDS, "runner", "peer", at_most=1.3)
    *_, line = format_table([missed], judged=True).splitlines()
    for part in ("speed", "2 ×", "1.5–4", "at most 1.3", "MISS", "runner 3 s, peer 1 s"):
        assert part in line
    assert "MISS" not in format_table([missed], judged=False)


def test_the_results_hold_every_measurement_and_name_the_machine(tmp_path: Path) -> None:
    finding = compare("speed", SECONDS, "runner", "peer", at_most=2)
    write_results(tmp_path / "results" / "speed.json", [finding], quick=False)
    document = json.loads((tmp_path / "results" / "speed.json").read_text())
    assert document["machine"]["cores"] >= 1
    (written,) = document["findings"]
    assert written["measured"] == {"runner": [2.0, 3.0, 4.0], "peer": [1.0, 2.0, 1.0]}
    assert (written["median"], written["passed"]) == (2.0, True)
