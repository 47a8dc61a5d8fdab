"""The metrics of Azure's model monitoring, from profiles in place of rows.

The formulas are those of its data drift component: azureml-assets on GitHub,
`assets/model_monitoring/components/src/data_drift_compute_metrics` and `shared_utilities/
histogram_utils.py`, which counts with pyspark's `RDD.histogram`. A profile that has each value
counted gives the same figures; of one with bins, `bound` says how far they may be off.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from runner.chance import chi_square_tail
from runner.profile.column import Numbers, points

_LEAST_DEVIATION = 0.001  # a column's distances are never divided by less
_EVEN = 1e-10  # edges whose distances differ by less are counted by dividing
_FAR = 3.0  # in units of Kolmogorov's limit: of such samples chance makes 3 in 100 million
_RESCALED = 500  # steps, in which paths become 2^500 times as many at most
_MOST_TESTED = 10_000  # rows of each, beyond which Azure makes no Kolmogorov-Smirnov test
CATEGORICAL_BELOW = 0.05  # different values to rows: whole numbers of fewer are categories


@dataclass(frozen=True)
class Figure:
    """A metric's value, and how far it may be off because of values that are known to a bin."""

    value: float
    error: float = 0.0


class Cut(NamedTuple):
    """Rows that an edge of a histogram may have on either side, and where they are counted."""

    other: bool  # the rows are the other job's, not the baseline's
    left: int  # the bin before the edge
    rows_left: float
    rows_right: float


@dataclass(frozen=True)
class Histogram:
    """Rows of the baseline and of the other job, in the same bins or of the same categories."""

    baseline: Sequence[float]
    other: Sequence[float]
    cuts: Sequence[Cut] = ()

    def moved(self, cut: Cut, rows: float) -> Histogram:
        """Return the histogram with so many rows of a cut taken from right to left of its edge."""
        counts = list(self.other if cut.other else self.baseline)
        counts[cut.left] += rows
        counts[cut.left + 1] -= rows
        if cut.other:
            return Histogram(self.baseline, counts)
        return Histogram(counts, self.other)


def is_categorical(column: Numbers) -> bool:
    """Tell whether Azure takes a column of numbers of the baseline for categories.

    It does so with whole numbers of few different values. More than a profile counts one by one
    are always numbers here.
    """
    if not column.whole or not column.count or column.distinct is None:
        return False
    different = column.distinct + bool(column.nulls)
    return different / (column.count + column.nulls) < CATEGORICAL_BELOW


def categories(baseline: Mapping[str, int], other: Mapping[str, int]) -> Histogram:
    """Return the rows of each category that either has."""
    names = {**baseline, **other}
    return Histogram(
        [baseline.get(name, 0) for name in names], [other.get(name, 0) for name in names]
    )


def equal_bins(baseline: Numbers, other: Numbers) -> Histogram:
    """Count two columns, each with a value, in bins of equal width over the range of both.

    They are as many as Sturges' rule gives of the smaller one. One value only is one bin.
    """
    low, high = min(baseline.low, other.low), max(baseline.high, other.high)
    if low == high:
        return Histogram([baseline.count], [other.count])
    number = math.ceil(math.log2(min(baseline.count, other.count)) + 1)
    width = (high - low) / number
    if not math.isfinite(width):
        low, high, width = low / 2, high / 2, high / 2 / number - low / 2 / number
    edges = [low, *(low + step * width for step in range(1, number + 1))]
    cuts: list[Cut] = []
    return Histogram(_count(baseline, edges, cuts, False), _count(other, edges, cuts, True), cuts)


def _count(column: Numbers, edges: Sequence[float], cuts: list[Cut], other: bool) -> list[float]:
    """Count the rows between edges as pyspark does. The rows that an edge divides go into `cuts`.

    Values above the last edge, where rounding put that below the highest value, are left out.
    """
    counts = [0.0] * (len(edges) - 1)
    last = len(counts) - 1
    bin_of = _finder(edges)
    if column.bins is None:
        for value, count in zip(column.values, column.counts, strict=True):
            if value <= edges[-1]:
                counts[min(bin_of(value), last)] += count
        return counts
    for low, high, count in points(column):
        left = min(bin_of(low), last)
        if left == last or high <= edges[left + 1]:
            counts[left] += count
            continue
        # A profile's bins are narrower than these, so one edge at most is in one. As if the
        # values were spread evenly over it.
        before = count * (edges[left + 1] - low) / (high - low)
        counts[left] += before
        counts[left + 1] += count - before
        cuts.append(Cut(other, left, before, count - before))
    return counts


def _finder(edges: Sequence[float]) -> Callable[[float], int]:
    """Return the function by which pyspark finds a value's bin: it divides where edges are even."""
    steps = [after - before for before, after in pairwise(edges)]
    if max(steps) - min(steps) >= _EVEN:
        return lambda value: bisect_right(edges, value) - 1
    low, step = edges[0], (edges[-1] - edges[0]) / len(steps)
    return lambda value: int((value - low) / step)


def _with_error(metric: Callable[[Histogram], float], histogram: Histogram) -> Figure:
    """Return a metric's value. Its error is the sum of what each cut could do to it by itself."""
    value = metric(histogram)
    error = 0.0
    for cut in histogram.cuts:
        ways = (cut.rows_right, -cut.rows_left)
        error += max(abs(metric(histogram.moved(cut, rows)) - value) for rows in ways)
    return Figure(value, error)


def jensen_shannon(histogram: Histogram) -> Figure:
    """Return the Jensen-Shannon distance, with logarithms to base 2: 0 where all shares are equal,
    1 where nothing is in both."""
    return _with_error(_jensen_shannon, histogram)


def _jensen_shannon(histogram: Histogram) -> float:
    n, m = math.fsum(histogram.baseline), math.fsum(histogram.other)
    terms = [
        term
        for before, after in zip(histogram.baseline, histogram.other, strict=True)
        for term in jensen_shannon_terms(before / n, after / m)
    ]
    return math.sqrt(max(0.0, math.fsum(terms)))


def jensen_shannon_terms(p: float, q: float) -> list[float]:
    """Return the terms of a category that has these shares of both samples."""
    middle = (p + q) / 2
    return [share * math.log2(share / middle) / 2 for share in (p, q) if share > 0]


def stability_index(histogram: Histogram) -> Figure:
    """Return the population stability index, with natural logarithms.

    As in Azure's component a row is added to each bin, so that none is empty, and as many to the
    rows of all.
    """
    return _with_error(_stability_index, histogram)


def _stability_index(histogram: Histogram) -> float:
    bins = len(histogram.baseline)
    n, m = math.fsum(histogram.baseline) + bins, math.fsum(histogram.other) + bins
    return math.fsum(
        stability_index_term((before + 1) / n, (after + 1) / m)
        for before, after in zip(histogram.baseline, histogram.other, strict=True)
    )


def stability_index_term(p: float, q: float) -> float:
    """Return the term of a category that has these shares of both samples."""
    return (q - p) * math.log(q / p)


def chi_square(histogram: Histogram) -> float:
    """Return the p-value of Pearson's test with the baseline's shares as what is expected.

    It takes the baseline for the whole population, as Azure's component does, so that of two
    samples alike it is too small. 0 where the other job has a category that the baseline lacks.
    """
    n, m = math.fsum(histogram.baseline), math.fsum(histogram.other)
    statistic = 0.0
    for before, after in zip(histogram.baseline, histogram.other, strict=True):
        expected = before / n * m
        if not expected:
            return 0.0
        statistic += (after - expected) ** 2 / expected
    degrees = len(histogram.baseline) - 1
    return chi_square_tail(statistic, degrees) if degrees else 1.0


def normalized_wasserstein(baseline: Numbers, other: Numbers) -> Figure | None:
    """Return the Wasserstein distance in standard deviations of the baseline.

    None of a baseline of one row, which has none.
    """
    unit = unit_of(baseline)
    if unit is None:
        return None
    off = sum(column.bins.width for column in (baseline, other) if column.bins)
    return Figure(area_between(baseline, other) / unit, off / unit)


def unit_of(baseline: Numbers) -> float | None:
    """Return what distances are divided by: the standard deviation of the baseline's sample.

    None where that is no number: of one row, or of the greatest numbers there are.
    """
    deviation = baseline.deviation
    if deviation is None or not math.isfinite(deviation):
        return None
    return max(deviation, _LEAST_DEVIATION)


def area_between(baseline: Numbers, other: Numbers) -> float:
    """Return the area between the distribution functions of two columns.

    Within a bin the values are taken for spread evenly.
    """
    knots = [_knots(column) for column in (baseline, other)]
    marks = sorted({mark for each in knots for mark in each})
    before, after = (_shares(each, marks) for each in knots)
    areas = []
    start = left = 0.0
    for mark, (low, high), (low_other, high_other) in zip(marks, before, after, strict=True):
        end = low - low_other
        if start * end >= 0:
            areas.append(abs(start + end) / 2 * (mark - left))
        else:
            mean = (start * start + end * end) / (abs(start) + abs(end)) / 2
            areas.append(mean * (mark - left))
        start, left = high - high_other, mark
    return math.fsum(areas)


def _knots(column: Numbers) -> dict[float, tuple[float, float]]:
    """Return where the distribution function jumps or bends, in ascending order, with its values
    just before and at each place. It is a straight line from one place to the next."""
    knots: dict[float, tuple[float, float]] = {}
    rows = 0
    for low, high, count in points(column):
        share, more = rows / column.count, (rows + count) / column.count
        if low == high:
            knots[low] = (knots[low][0] if low in knots else share, more)
        else:
            knots.setdefault(low, (share, share))
            knots[high] = (more, more)
        rows += count
    return knots


def _shares(
    knots: Mapping[float, tuple[float, float]], marks: Sequence[float]
) -> list[tuple[float, float]]:
    """Return the distribution function just before and at each mark; some marks are its knots."""
    found = []
    left = start = 0.0  # the last knot, and the function there
    rest = iter(knots.items())
    right, ahead = next(rest)
    for mark in marks:
        if mark == right:
            found.append(ahead)
            left, start = right, ahead[1]
            right, ahead = next(rest, (math.inf, (start, start)))
        elif ahead[0] == start:
            found.append((start, start))
        else:
            share = start + (ahead[0] - start) * ((mark - left) / (right - left))
            found.append((share, share))
    return found


def kolmogorov_smirnov(baseline: Numbers, other: Numbers) -> float | None:
    """Return the p-value of the two-sample test: how likely it is that two samples from one
    distribution lie as far apart somewhere.

    None where Azure makes no test, of 10,000 rows and more, and where values are known to a bin.
    """
    if max(baseline.count, other.count) >= _MOST_TESTED or baseline.bins or other.bins:
        return None
    marks = sorted({*baseline.values, *other.values})
    n, m = baseline.count, other.count
    below, below_other = (
        [round(share * count) for _, share in _shares(_knots(column), marks)]
        for column, count in ((baseline, n), (other, m))
    )
    # A whole number: of the largest difference of shares, times both samples' sizes.
    largest = max(abs(a * m - b * n) for a, b in zip(below, below_other, strict=True))
    return two_sample_tail(largest, n, m)


def two_sample_tail(largest: int, n: int, m: int) -> float:
    """Return how likely the largest difference of two samples' distribution functions, times both
    samples' sizes, is to be `largest` or more.

    Each order of the two samples' values is a path from (0, 0) to (n, m), and all are as likely.
    Those that stay within the difference are counted along the diagonals: Hodges (1957), Arkiv för
    matematik 3, 469-486. Where the samples share values it is an upper bound, as in SciPy.
    """
    if largest <= 0:
        return 1.0
    apart = largest / math.sqrt(n * m * (n + m))
    if apart > _FAR:
        return 2 * math.exp(-2 * apart * apart)  # Kolmogorov's limit, all but 0
    import numpy as np

    # The paths that came so far, by how many of the first sample they took (one is added, so that
    # there is a place before 0); in units of e to the power of `unit`.
    paths, after, unit = np.zeros(n + 3), np.zeros(n + 3), 0.0
    paths[1] = 1.0
    for step in range(1, n + m + 1):
        # taken m - (step - taken) n lies between -largest and largest.
        least = max(0, step - m, (step * n - largest) // (n + m) + 1) + 1
        most = min(n, step, -((-step * n - largest) // (n + m)) - 1) + 1
        np.add(paths[least - 1 : most], paths[least : most + 1], out=after[least : most + 1])
        after[least - 1] = after[most + 1] = 0.0
        paths, after = after, paths
        if step % _RESCALED == 0:
            highest = paths[least : most + 1].max(initial=0.0)
            if not highest:
                return 1.0
            paths /= highest
            unit += math.log(highest)
    if not paths[n + 1]:
        return 1.0
    all_paths = math.lgamma(n + m + 1) - math.lgamma(n + 1) - math.lgamma(m + 1)
    return min(1.0, max(0.0, -math.expm1(math.log(paths[n + 1]) + unit - all_paths)))
