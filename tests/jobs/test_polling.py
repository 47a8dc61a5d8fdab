"""How often a job that runs elsewhere is looked at."""

from __future__ import annotations

import pytest

from runner.errors import WrongUsage
from runner.jobs.polling import first_pause, next_pause


def test_the_pause_grows_up_to_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNNER_POLL_INTERVAL", raising=False)
    pauses = [first_pause()]
    for _ in range(20):
        pauses.append(next_pause(pauses[-1]))
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (2.0, 30.0)


def test_who_wants_a_longer_pause_keeps_it() -> None:
    assert next_pause(60.0) == 60.0


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "1e9"])
def test_an_interval_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("RUNNER_POLL_INTERVAL", text)
    with pytest.raises(WrongUsage, match="RUNNER_POLL_INTERVAL"):
        first_pause()
