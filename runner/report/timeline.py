"""The timeline: each worker's attempts from left to right, coloured by what came of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runner.counting import many
from runner.engine.attempt import Attempt, Outcome
from runner.report.charts import base_line, drawing, round_step, tick, tick_seconds
from runner.report.clock import Clock, clock_of
from runner.report.text import duration, shown

_MOST_BLOCKS = 400  # attempts drawn one by one; more are added up by moment
_MOST_LANES = 24
_MOMENTS = 160  # moments of a lane in which attempts are added up
_OUTCOMES: tuple[Outcome, ...] = ("done", "retried", "failed")
_LONG_STEPS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


class _Lanes(NamedTuple):
    """Holds a lane for each worker, or for several where there are too many, in pixels."""

    lane_of: Mapping[int, int]  # by worker
    names: Sequence[str]
    tops: Sequence[int]
    tall: int
    shared: int  # workers a lane is for

    @property
    def floor(self) -> int:
        return self.tops[-1] + self.tall + 6


def timeline(attempts: Sequence[Attempt], *, squeeze: bool) -> str:
    """Draw at least one attempt; `squeeze` the long stretches in which nothing ran."""
    clock = clock_of(attempts, squeeze=squeeze)
    workers = sorted({attempt.worker for attempt in attempts})
    lanes = _lanes(workers)
    parts = [
        f'<text x="-10" y="{top + lanes.tall / 2 + 4:.0f}" text-anchor="end">{name}</text>'
        f'<rect class="lane" y="{top}" width="100%" height="{lanes.tall}" rx="3"/>'
        for top, name in zip(lanes.tops, lanes.names, strict=True)
    ]
    if len(attempts) <= _MOST_BLOCKS:
        parts += [_block(attempt, clock, lanes) for attempt in attempts]
    else:
        parts += _load(attempts, clock, lanes)
    parts += _gaps(clock, lanes.floor - 6)
    parts += _axis(clock, lanes.floor)
    counts = Counter(attempt.outcome for attempt in attempts)
    told = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in _OUTCOMES if counts[outcome])
    label = (
        f"Timeline of {many(len(attempts), 'attempt')} by {many(len(workers), 'worker')} "
        f"over {duration(clock.moments[-1])}: {told}"
    )
    gutter = 12 + 6.8 * max(map(len, lanes.names))
    chart = drawing("chart timeline", label, lanes.floor + 24, gutter, parts)
    return _legend(counts, bool(clock.gaps)) + chart


def _lanes(workers: Sequence[int]) -> _Lanes:
    shared = math.ceil(len(workers) / _MOST_LANES)
    groups = [workers[i : i + shared] for i in range(0, len(workers), shared)]
    names = [f"{group[0]}" if len(group) == 1 else f"{group[0]}–{group[-1]}" for group in groups]
    few = len(groups) <= 8
    tall, apart = (26, 8) if few else (14, 5)
    return _Lanes(
        lane_of={worker: i // shared for i, worker in enumerate(workers)},
        names=[f"worker {name}" for name in names] if few else names,
        tops=[i * (tall + apart) for i in range(len(groups))],
        tall=tall,
        shared=shared,
    )


def _legend(counts: Mapping[Outcome, int], gaps: bool) -> str:
    items = [
        f'<li><i class="{outcome}"></i>{outcome} ({counts[outcome]:,})</li>'
        for outcome in _OUTCOMES
        if counts.get(outcome)
    ]
    if gaps:
        items.append(
            '<li><i class="gap"></i>nothing ran (not to scale); time counts anew after it</li>'
        )
    return f'<ul class="legend">{"".join(items)}</ul>'


def _block(attempt: Attempt, clock: Clock, lanes: _Lanes) -> str:
    top, tall = lanes.tops[lanes.lane_of[attempt.worker]], lanes.tall
    start, stop = clock.place(attempt.started), clock.place(attempt.started + attempt.seconds)
    width = max(stop - start, 0.15)
    start = min(start, 100 - width)
    why = f" — {shown(attempt.reason, 160)}" if attempt.reason else ""
    number = (
        f'<text class="inside" x="{start + width / 2:.2f}%" y="{top + tall / 2 + 4:.0f}" '
        f'text-anchor="middle">{attempt.label}</text>'
        if width > 6 and tall > 20
        else ""
    )
    return (
        f"<g><title>{attempt.where.capitalize()}, attempt {attempt.attempt:,}: "
        f"{attempt.outcome} after "
        f"{duration(attempt.seconds)}, {many(attempt.rows, 'row')}{why}</title>"
        f'<rect class="{attempt.outcome}{" edge" if width > 0.6 else ""}" '
        f'x="{start:.2f}%" y="{top}" '
        f'width="{width:.2f}%" height="{tall}" rx="{3 if width > 2 else 0}"/>{number}</g>'
    )


def _load(attempts: Sequence[Attempt], clock: Clock, lanes: _Lanes) -> list[str]:
    """Draw how busy each lane is at each moment: the height of its fill, by outcome."""
    busy = {outcome: [[0.0] * _MOMENTS for _ in lanes.tops] for outcome in _OUTCOMES}
    for attempt in attempts:
        start = clock.place(attempt.started) * _MOMENTS / 100
        stop = clock.place(attempt.started + attempt.seconds) * _MOMENTS / 100
        row = busy[attempt.outcome][lanes.lane_of[attempt.worker]]
        first, last = min(int(start), _MOMENTS - 1), min(int(stop), _MOMENTS - 1)
        if first == last:
            row[first] += stop - start
            continue
        row[first] += first + 1 - start
        row[last] += stop - last
        for moment in range(first + 1, last):
            row[moment] += 1
    tall = lanes.tall
    parts = []
    for lane, top in enumerate(lanes.tops):
        below = [0.0] * _MOMENTS
        for outcome in _OUTCOMES:
            path = []
            for moment, load in enumerate(busy[outcome][lane]):
                # A single failure among thousands of attempts must still be seen.
                least = 0.0 if outcome == "done" or not load else 3 / tall
                high = min(max(load / lanes.shared, least), 1.0)
                if high <= 0:
                    continue
                low = max(min(below[moment], 1 - high), 0.0)
                below[moment] = low + high
                path.append(
                    f"M{moment} {tall * (1 - low):.1f}v-{tall * high:.1f}h1v{tall * high:.1f}z"
                )
            if path:
                parts.append(
                    f'<svg y="{top}" width="100%" height="{tall}" viewBox="0 0 {_MOMENTS} {tall}" '
                    f'preserveAspectRatio="none"><path class="{outcome}" '
                    f'd="{"".join(path)}"/></svg>'
                )
    return parts


def _gaps(clock: Clock, tall: int) -> list[str]:
    parts = []
    for start, stop in clock.gaps:
        x, width = clock.place(start), clock.place(stop) - clock.place(start)
        parts.append(
            f"<g><title>Nothing ran for {duration(stop - start)}</title>"
            f'<rect class="lane" x="{x:.2f}%" width="{width:.2f}%" height="{tall}"/>'
            f'<rect class="gap" x="{x:.2f}%" width="{width:.2f}%" height="{tall}"/></g>'
        )
    return parts


def _axis(clock: Clock, floor: int) -> list[str]:
    """Draw round steps of the time in which something ran; after a gap they begin anew."""
    step = _time_step(clock.running / 5)
    parts = [base_line(floor)]
    last = -100.0
    for start, stop in clock.stretches():
        for i in range(math.floor((stop - start) / step) + 1):
            x = clock.place(start + i * step)
            if x - last >= 12:
                parts.append(tick(x, floor + 16, ("+" if start else "") + _elapsed(i * step)))
                last = x
    return parts


def _time_step(rough: float) -> float:
    if rough > 30:
        for step in _LONG_STEPS:
            if step >= rough:
                return float(step)
    return round_step(rough)


def _elapsed(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return tick_seconds(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{count:,} {unit}" for count, unit in parts if count)
