"""Durations in ISO 8601."""

import pytest

from infra.duration import milliseconds, seconds


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "PT0S"),
        (30, "PT30S"),
        (60, "PT1M"),
        (90, "PT1M30S"),
        (3600, "PT1H"),
        (3601, "PT1H1S"),
        (90_000, "PT25H"),
    ],
)
def test_seconds_are_hours_minutes_and_seconds(count: int, text: str) -> None:
    assert seconds(count) == text


@pytest.mark.parametrize(
    ("count", "text"), [(1, "PT0.001S"), (500, "PT0.5S"), (5000, "PT5S"), (60_010, "PT1M0.01S")]
)
def test_milliseconds_are_a_fraction_of_a_second(count: int, text: str) -> None:
    assert milliseconds(count) == text
