"""The distance of two samples that chance exceeds in 5 of 100 pairs from one distribution.

A threshold alone cries wolf on small samples: of two samples of 400 rows from one distribution the
Jensen-Shannon distance of a number exceeds 0.1 in a third of cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from runner.chance import chi_square_limit
from runner.drift.metrics import (
    Histogram,
    jensen_shannon_terms,
    stability_index_term,
    unit_of,
)
from runner.profile.column import Numbers, points

TAIL = 0.05
_KNOTS = 64  # at which the distribution of both is looked at
# The 95 % point of the area under a Brownian bridge lies so many standard deviations above its
# mean: 1.976 for a continuous distribution (Johnson and Killeen 1983, Ann. Prob. 11, 807-811,
# table 1), 1.93 for one of two values, where it is that of a normal variable's size.
_DEVIATIONS = 1.976
_FEW = 40  # rows of a category in both, up to which each way to deal them out is reckoned with


def jensen_shannon_level(histogram: Histogram) -> float:
    """Return the Jensen-Shannon distance that chance exceeds in 5 of 100 cases."""
    ln2 = math.log(2)
    n, m = sum(histogram.baseline), sum(histogram.other)

    def part(before: float, after: float) -> float:
        return sum(jensen_shannon_terms(before / n, after / m))

    return math.sqrt(min(1.0, _level(histogram, part, (1 / n + 1 / m) / (8 * ln2))))


def stability_index_level(histogram: Histogram) -> float:
    """Return the population stability index that chance exceeds in 5 of 100 cases."""
    bins = len(histogram.baseline)
    n, m = sum(histogram.baseline) + bins, sum(histogram.other) + bins

    def part(before: float, after: float) -> float:
        return stability_index_term((before + 1) / n, (after + 1) / m)

    return _level(histogram, part, 1 / n + 1 / m)


def _level(histogram: Histogram, part: Callable[[float, float], float], of_many: float) -> float:
    """Return the level of a sum over categories where the rows of both are dealt out anew at
    random.

    `part` is what a category adds; its mean is `of_many` times the share of all rows that it lacks,
    where it has many. Both metrics are distributed as a chi-square variable, scaled to their mean.
    """
    n, m = round(sum(histogram.baseline)), round(sum(histogram.other))
    known: dict[int, float] = {}  # many categories have as few rows
    mean, degrees, always = 0.0, -1, 0.0
    for before, after in zip(histogram.baseline, histogram.other, strict=True):
        rows = round(before + after)
        if not rows:
            always += part(0, 0)
            continue
        if rows not in known:
            few = rows <= _FEW
            share = rows / (n + m)
            known[rows] = _mean_of_few(rows, n, m, part) if few else of_many * (1 - share)
        mean += known[rows]
        degrees += 1
    return always + (mean * chi_square_limit(TAIL, degrees) / degrees if degrees else mean)


def _mean_of_few(rows: int, n: int, m: int, part: Callable[[float, float], float]) -> float:
    """Return the mean over all ways to deal so many rows out, which are hypergeometric."""
    least, most = max(0, rows - m), min(rows, n)
    probability = math.exp(
        _log_choose(n, least) + _log_choose(m, rows - least) - _log_choose(n + m, rows)
    )
    total = 0.0
    for before in range(least, most + 1):
        total += probability * part(before, rows - before)
        left = m - rows + before + 1
        probability *= (n - before) / (before + 1) * (rows - before) / left if left else 0.0
    return total


def _log_choose(of: int, taken: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(taken + 1) - math.lgamma(of - taken + 1)


def normalized_wasserstein_level(baseline: Numbers, other: Numbers) -> float | None:
    """Return the normalized Wasserstein distance that chance exceeds in 5 of 100 cases; None of a
    baseline of one row, which has no such distance.

    It is the area under a Brownian bridge over the distribution of both, whose mean and variance
    are known, times the square root of 1/n + 1/m.
    """
    unit = unit_of(baseline)
    if unit is None:
        return None
    steps = _steps(baseline, other)
    spread = [(width, math.sqrt(share * (1 - share)), share) for width, share in steps]
    mean = math.sqrt(2 / math.pi) * math.fsum(width * size for width, size, _ in spread)
    square = 0.0
    for index, (width, size, share) in enumerate(spread):
        square += width * width * size * size
        for wider, larger, above in spread[:index]:
            if size and larger:
                # The mean product of the sizes of two normal variables that correlate so.
                together = min(1.0, above * (1 - share) / (size * larger))
                apart = math.sqrt(1 - together * together)
                product = (apart + together * math.asin(together)) * 2 / math.pi
                square += 2 * width * wider * size * larger * product
    deviation = math.sqrt(max(0.0, square - mean * mean))
    root = math.sqrt(1 / baseline.count + 1 / other.count)
    return (mean + _DEVIATIONS * deviation) * root / unit


def _steps(baseline: Numbers, other: Numbers) -> list[tuple[float, float]]:
    """Return the steps of both columns' common distribution: how wide each is, and which share of
    all values lies below it. There are about _KNOTS steps of as many values each, and one for each
    gap between values."""
    both = sorted(
        (low, high, count) for column in (baseline, other) for low, high, count in points(column)
    )
    rows = baseline.count + other.count
    steps: list[tuple[float, float]] = []
    start = at = both[0][0]
    below = since = 0  # rows: in all, and since the last step
    area = 0.0  # under the distribution function, since the last step
    for index, (_, high, count) in enumerate(both, 1):
        below += count
        since += count
        here = both[index][0] if index < len(both) else high
        area += (here - at) * (below / rows)
        at = here
        if (since * _KNOTS >= rows or index == len(both)) and here > start:
            steps.append((here - start, min(1.0, area / (here - start))))
            start, since, area = here, 0, 0.0
    return steps
