"""The clock of the timeline: where a moment lies across it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from runner.engine.attempt import Attempt


class Clock(NamedTuple):
    """Says how far across the page each moment lies, in seconds from the job's start."""

    moments: Sequence[float]  # rising, from 0 to the end of the last attempt
    places: Sequence[float]  # percent, rising
    gaps: Sequence[tuple[float, float]]  # idle stretches squeezed
    running: float  # seconds outside the gaps

    def place(self, moment: float) -> float:
        i = bisect_right(self.moments, moment, 1, len(self.moments) - 1)
        start, left = self.moments[i - 1], self.places[i - 1]
        into = (moment - start) / ((self.moments[i] - start) or 1.0)
        return min(max(left + (self.places[i] - left) * into, 0.0), 100.0)

    def stretches(self) -> list[tuple[float, float]]:
        """Return the stretches between the gaps."""
        edges = [0.0, *chain.from_iterable(self.gaps), self.moments[-1]]
        return list(zip(edges[::2], edges[1::2], strict=True))


def clock_of(attempts: Sequence[Attempt], *, squeeze: bool) -> Clock:
    """Lay out time from the job's start to its last attempt's end.

    A job taken up again the next morning would be two slivers at the ends of a night, so the
    time in which nothing ran is squeezed when there is much of it.
    """
    end = max(attempt.started + attempt.seconds for attempt in attempts) or 1.0
    gaps = _gaps(attempts, end) if squeeze else []
    running = end - sum(stop - start for start, stop in gaps)
    width = min(4.0, 30.0 / len(gaps)) if gaps else 0.0
    scale = (100 - width * len(gaps)) / (running or 1.0)
    moments, places = [0.0], [0.0]
    for start, stop in gaps:
        left = places[-1] + (start - moments[-1]) * scale
        places += [left, left + width]
        moments += [start, stop]
    return Clock([*moments, end], [*places, 100.0], gaps, running)


def _gaps(attempts: Sequence[Attempt], end: float) -> list[tuple[float, float]]:
    """Return the idle stretches that are long beside all the time in which something ran."""
    idle, seen = [], 0.0
    for start, stop in sorted(
        (attempt.started, attempt.started + attempt.seconds) for attempt in attempts
    ):
        if start > seen:
            idle.append((seen, start))
        seen = max(seen, stop)
    busy = end - sum(stop - start for start, stop in idle)
    return [(start, stop) for start, stop in idle if start > 0 and stop - start > 0.25 * busy]
