"""Says how often a job that runs elsewhere is looked at."""

from __future__ import annotations

import os

from runner.errors import WrongUsage

INTERVAL = "RUNNER_POLL_INTERVAL"
_FIRST = 2.0  # seconds between the first two looks
_GROWTH = 1.5
_LONGEST = 30.0


def first_pause() -> float:
    """Return the seconds after the first look: RUNNER_POLL_INTERVAL, or 2. Raises WrongUsage."""
    chosen = os.environ.get(INTERVAL)
    if not chosen:
        return _FIRST
    try:
        seconds = float(chosen)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise WrongUsage(f"{INTERVAL} is {chosen!r}, allowed: seconds above 0, up to 3600")
    return seconds


def next_pause(pause: float) -> float:
    """Return the pause after this one: ever longer, up to half a minute."""
    return min(pause * _GROWTH, max(_LONGEST, pause))
