"""How many of each prediction: counts by class, or a histogram that merges.

Numbers fall into buckets of 1 % relative width, so the tallies of mini-batches add up to the
tally of the job without a second look at the predictions, and resuming loses nothing.
The bucket scheme is that of DDSketch (Masson, Rim and Lee, VLDB 2019).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_GAMMA = 1.02
_LOG_GAMMA = math.log(_GAMMA)
_LARGEST_LOG = math.log(sys.float_info.max)
MOST_CLASSES = 50  # more distinct values than this are numbers or free text, not classes
EMPTY, OTHER = "(empty)", "(other)"  # no prediction; free text beyond the kinds that are told


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

    Of free text in too many kinds the most frequent are told, and the rest as OTHER.
    """
    classes: dict[str, int] = {}
    buckets: dict[str, int] = {}
    for one in tallies:
        for name, count in one.get("classes", {}).items():
            classes[name] = classes.get(name, 0) + count
        for key, count in one.get("buckets", {}).items():
            buckets[key] = buckets.get(key, 0) + count
    numbers = {name: number for name in classes if (number := _number(name)) is not None}
    if not buckets:
        if len(classes) <= MOST_CLASSES:
            return Tally(classes=classes)
        if classes.keys() - numbers.keys() - {EMPTY, OTHER}:
            return Tally(classes=_most_frequent(classes))
    for name, number in numbers.items():
        buckets[bucket(number)] = buckets.get(bucket(number), 0) + classes[name]
    return Tally(buckets=buckets)


def _number(name: str) -> float | None:
    try:
        number = float(name)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _most_frequent(classes: Mapping[str, int]) -> dict[str, int]:
    told = sorted(classes.keys() - {OTHER}, key=lambda name: (-classes[name], name))
    kept = {name: classes[name] for name in told[: MOST_CLASSES - 1]}
    return kept | {OTHER: sum(classes.values()) - sum(kept.values())}


def histogram(tally: Tally, bins: int = 24) -> list[Bin]:
    """Equal-width bars over a tally of numbers; empty for a tally of classes.

    A bucket's count is shared out over the bars it overlaps, so bars narrower than a bucket
    come out smooth. Counts still add up to the tally's.
    """
    edges = sorted((*_edges(key), count) for key, count in tally.buckets.items())
    if not edges:
        return []
    if len(edges) == 1:
        (key, count), *_ = tally.buckets.items()
        return [Bin(middle(key), middle(key), count)]
    low, high = edges[0][0], edges[-1][1]
    width = high / bins - low / bins  # of the whole range it could be infinite
    marks = [low + width * index for index in range(1, bins)]
    below = [round(sum(_share_below(mark, *edge) for edge in edges)) for mark in marks]
    totals = [0, *below, sum(count for _, _, count in edges)]
    starts = [low, *marks, high]
    return [
        Bin(starts[index], starts[index + 1], totals[index + 1] - totals[index])
        for index in range(bins)
    ]


def _edges(key: str) -> tuple[float, float]:
    """The numbers a bucket lies between."""
    if key == "0":
        return 0.0, 0.0
    exponent = int(key[1:])
    near, far = _power(exponent), _power(exponent + 1)
    return (-far, -near) if key[0] == "-" else (near, far)


def _share_below(mark: float, low: float, high: float, count: int) -> float:
    """How much of a bucket's count lies below a mark, as if spread evenly."""
    if mark >= high:
        return count
    if mark <= low:
        return 0.0
    return count * (mark - low) / (high - low)


def _power(exponent: int) -> float:
    """GAMMA to a power, held to what a float can be."""
    return math.exp(min(exponent * _LOG_GAMMA, _LARGEST_LOG))
