"""How many of each prediction: counts by class, or a histogram that merges.

Numbers fall into buckets of 1 % relative width, so the tallies of mini-batches add up to the
tally of the job without a second look at the predictions, and resuming loses nothing.
The bucket scheme is that of DDSketch (Masson, Rim and Lee, VLDB 2019).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_GAMMA = 1.02
_LOG_GAMMA = math.log(_GAMMA)
MOST_CLASSES = 50  # more distinct values than this are numbers or free text, not classes


@dataclass(frozen=True)
class Bin:
    """One bar of a histogram: values in [low, high)."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Tally:
    """Counts of predictions. `classes` and `buckets` are never both filled."""

    classes: Mapping[str, int] = field(default_factory=dict)  # prediction → rows
    buckets: Mapping[str, int] = field(default_factory=dict)  # bucket key → rows

    def as_dict(self) -> dict[str, dict[str, int]]:
        return {"classes": dict(self.classes), "buckets": dict(self.buckets)}


def bucket(value: float) -> str:
    """The key of the bucket a finite number falls into: its sign and its logarithm's floor."""
    if value == 0:
        return "0"
    exponent = math.floor(math.log(abs(value)) / _LOG_GAMMA)
    return f"{'-' if value < 0 else '+'}{exponent}"


def middle(key: str) -> float:
    """The number that stands for a bucket, within 1 % of every number in it."""
    if key == "0":
        return 0.0
    size = math.exp((int(key[1:]) + 0.5) * _LOG_GAMMA)
    return -size if key[0] == "-" else size


def merge(tallies: Iterable[Mapping[str, Mapping[str, int]]]) -> Tally:
    """Add tallies up. Classes that turn out too many, or mixed with numbers, become buckets.

    Free text in too many kinds to be classes is dropped: there is nothing to draw of it.
    """
    classes: dict[str, int] = {}
    buckets: dict[str, int] = {}
    for one in tallies:
        for name, count in one.get("classes", {}).items():
            classes[name] = classes.get(name, 0) + count
        for key, count in one.get("buckets", {}).items():
            buckets[key] = buckets.get(key, 0) + count
    if not buckets and len(classes) <= MOST_CLASSES:
        return Tally(classes=classes)
    for name, count in classes.items():
        try:
            number = float(name)
        except ValueError:
            continue
        if math.isfinite(number):
            buckets[bucket(number)] = buckets.get(bucket(number), 0) + count
    return Tally(buckets=buckets)


def histogram(tally: Tally, bins: int = 24) -> list[Bin]:
    """Equal-width bars over a tally of numbers; empty for a tally of classes."""
    if not tally.buckets:
        return []
    points = sorted((middle(key), count) for key, count in tally.buckets.items())
    low, high = points[0][0], points[-1][0]
    if low == high:
        return [Bin(low, high, sum(count for _, count in points))]
    width = (high - low) / bins
    counts = [0] * bins
    for value, count in points:
        counts[min(bins - 1, int((value - low) / width))] += count
    return [Bin(low + i * width, low + (i + 1) * width, count) for i, count in enumerate(counts)]
