"""What is said of a comparison."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.cli.comparison import excess, print_comparison
from runner.comparison.report import Break, Floor
from runner.comparison.words import checks, packages_size_time, percent, verdict
from runner.counting import size
from tests.comparison.reports import hostile_report, report


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0, "0 %"),
        (1e-9, "< 0.1 %"),
        (0.095, "9.5 %"),
        (0.05, "5 %"),
        (0.99999, "> 99.9 %"),
        (1, "100 %"),
    ],
)
def test_a_share_is_never_none_or_all_where_it_is_neither(share: float, told: str) -> None:
    assert percent(share) == told


def test_the_verdict_counts_or_says_why_there_is_nothing_to_count() -> None:
    assert verdict(report()) == "38 of 400 predictions change (9.5 %)"
    assert verdict(report(rows=1, changed=1)) == "1 of 1 prediction changes (100 %)"
    assert verdict(report(changed=0)) == "None of 400 predictions changes"
    assert verdict(report(rows=0, changed=0)) == "No row can be compared"
    refused = report(rows=0, changed=0, breaks=(Break("refused", "new", "the new version fails"),))
    assert verdict(refused) == "the new version fails"


def test_changes_are_reported_above_the_floor() -> None:
    told = list(checks(report(floor=Floor(100, 5))))
    assert any("answers differently each time: 5 of 100 rows (5 %)" in line for line in told)
    assert any("4.5 % of the rows change above that" in line for line in told)


def test_shifts_and_numbers_are_told_in_sentences() -> None:
    assert next(checks(report())) == (
        "the counts of the classes shift no more than by chance (McNemar, mid-p, p = 0.75): 0 by"
        " -2; chance alone moves up to 12 in 95 of 100 cases"
    )
    told = [line.partition(": ")[2] for line in checks(hostile_report()) if " move by " in line]
    assert told == [
        "50 % of the rows with a number in both move by at most 0.1, 100 % by at most 1.5; its mean"
        " goes from 1 to 1.1; 3 cross 0.5; without a number: 0, now 2"
    ]


def test_packages_size_and_time_stand_beside_each_other() -> None:
    assert list(packages_size_time(report())) == [
        "packages: scikit-learn 1.8.0 → 1.9.0",
        "model 1 kB → 1.5 kB; scoring 1.5 s → 2.0 s",
    ]
    assert size(999) == "999 B"
    assert size(999_999) == "1,000 kB"
    assert size(5_000_000_000_000) == "5,000 GB"


def test_more_than_the_limit_above_the_floor_is_too_much() -> None:
    assert excess(report(), 0.05) == "--fail-over: 9.5 % of the rows change, and 5 % may"
    assert excess(report(), 0.095) is None
    assert excess(report(floor=Floor(100, 8)), 0.05) is None


@pytest.mark.parametrize(
    ("kind", "side", "too_much"),
    [
        ("refused", "new", True),
        ("files", "new", True),
        ("files", "old", False),
        ("rows", "new", True),
        ("signature", "new", False),
        ("classes", "new", False),
    ],
)
def test_what_the_new_version_fails_at_is_always_too_much(
    kind: str, side: str, too_much: bool
) -> None:
    made = report(changed=0, breaks=(Break(kind, side, "x"),))  # type: ignore[arg-type]
    assert (excess(made, 1.0) is not None) is too_much


def test_a_terminal_gets_no_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    print_comparison(hostile_report())
    print_comparison(replace(report(), answers=()))
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "where changes gather" in printed
