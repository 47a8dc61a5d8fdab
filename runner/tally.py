"""Counting predictions: by class, or as figures and a histogram that merge.

Numbers fall into buckets of 1 % relative width, so the tallies of mini-batches add up to the
tally of the job without a second look at the predictions, and resuming loses nothing.
The bucket scheme is that of DDSketch (Masson, Rim and Lee, VLDB 2019).
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_GAMMA = 1.02
_LOG_GAMMA = math.log(_GAMMA)
_LARGEST_LOG = math.log(sys.float_info.max)
MOST_CLASSES = 50  # more distinct values than this are numbers or free text, not classes
_MOST_BUCKETS, _FEWEST_BUCKETS = 256, 25  # kept of several columns: of all, and of each
EMPTY, OTHER = "(empty)", "(other)"  # no prediction; free text beyond the kinds that are told
ONLY = "prediction"  # the column's name where each answer is one value


@dataclass(frozen=True)
class Bin:
    """One bar of a histogram: values in [low, high)."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Numbers:
    """The figures of a column of numbers; what is no finite number is not among them."""

    count: int
    min: float
    median: float  # to about 1 %; of several columns to a few percent of the rows
    mean: float
    max: float


@dataclass(frozen=True)
class Tally:
    """Counts of predictions. `classes` and `buckets` are never both filled; `columns` is, and
    neither of them, where an answer holds several values."""

    classes: Mapping[str, int] = field(default_factory=dict)  # prediction → rows
    buckets: Mapping[str, int] = field(default_factory=dict)  # bucket key → rows
    sum: float | None = None  # the sum of the numbers in the buckets; None where it is not known
    min: float | None = None  # likewise
    max: float | None = None
    columns: Mapping[str, Tally] = field(default_factory=dict)  # by the column's name

    def as_dict(self) -> dict[str, Any]:
        """Return the document that `merge` takes and JSON holds.

        Of several columns only so many buckets are kept that a journal of many mini-batches stays
        as small as with one column: neighbours are put together, and the ranks of numbers, the
        median's too, are then good to a few percent.
        """
        if self.columns:
            most = max(_FEWEST_BUCKETS, _MOST_BUCKETS // len(self.columns))
            return {
                "columns": {name: column._thinned(most) for name, column in self.columns.items()}
            }
        if not self.buckets:
            return {"classes": dict(self.classes)} if self.classes else {}
        figures = {"sum": self.sum, "min": self.min, "max": self.max}
        known = {name: value for name, value in figures.items() if value is not None}
        return {"buckets": dict(self.buckets), **known}

    def _thinned(self, most: int) -> dict[str, Any]:
        return replace(self, buckets=_put_together(self.buckets, most)).as_dict()

    @property
    def numbers(self) -> Numbers | None:
        """Return the figures, from the buckets where they are not known better. None of classes."""
        if not self.buckets:
            return None
        points = sorted((middle(key), count) for key, count in self.buckets.items())
        count = sum(self.buckets.values())
        low = points[0][0] if self.min is None else self.min
        high = points[-1][0] if self.max is None else self.max
        upto = accumulate(count for _, count in points)
        median = next(value for (value, _), n in zip(points, upto) if 2 * n >= count)
        if self.sum is None:
            mean = math.fsum(value * (number / count) for value, number in points)
        else:
            mean = self.sum / count
        return Numbers(count, low, min(max(median, low), high), mean, high)

    def by_column(self) -> dict[str, Tally]:
        """Return the tally of each column; a single column is called ONLY."""
        if self.columns:
            return dict(self.columns)
        return {ONLY: self} if self.classes or self.buckets else {}


def told(tally: Tally) -> dict[str, dict[str, Any]]:
    """Return each column's figures, or its classes in order with their rows, ready for JSON."""
    columns: dict[str, dict[str, Any]] = {}
    for name, column in tally.by_column().items():
        numbers = column.numbers
        columns[name] = asdict(numbers) if numbers else {"classes": in_order(column.classes)}
    return columns


def in_order(classes: Mapping[str, int]) -> dict[str, int]:
    """Sort classes as people do: numbers by their value, then words, then EMPTY and OTHER."""

    def place(name: str) -> tuple[int, float, str]:
        number = _number(name)
        if number is not None:
            return 0, number, name
        return (2 if name in (EMPTY, OTHER) else 1), 0.0, name

    return {name: classes[name] for name in sorted(classes, key=place)}


def count_texts(cells: Sequence[str]) -> dict[str, Any]:
    """Count the cells of a column as a CSV file holds them, into what `merge` takes.

    Whole numbers and words are classes, numbers with a point or an exponent are not.
    """
    found = Counter(cells)
    numbers = {cell: number for cell in found if (number := _number(cell)) is not None}
    empty = found.pop("", 0)
    if found and any(not _is_whole(cell) for cell in found) and _are_numbers(found):
        return _numbers_of([(number, found[cell]) for cell, number in numbers.items()])
    if empty:
        found[EMPTY] = empty
    if len(found) <= MOST_CLASSES:
        return {"classes": dict(found)} if found else {}
    if len(numbers) == len(found) - bool(empty):
        return _numbers_of([(number, found[cell]) for cell, number in numbers.items()])
    return {"classes": {OTHER: len(cells)}}


def _are_numbers(cells: Iterable[str]) -> bool:
    for cell in cells:
        try:
            float(cell)
        except ValueError:
            return False
    return True


def _is_whole(cell: str) -> bool:
    return cell.removeprefix("-").isdecimal()


def _numbers_of(counts: Sequence[tuple[float, int]]) -> dict[str, Any]:
    """Return the document of a column of numbers, from each number and how often it is there."""
    if not counts:
        return {}
    buckets: dict[str, int] = {}
    for number, count in counts:
        buckets[bucket(number)] = buckets.get(bucket(number), 0) + count
    numbers = [number for number, _ in counts]
    total = _total([number * count for number, count in counts])
    return Tally(buckets=buckets, sum=total, min=min(numbers), max=max(numbers)).as_dict()


def _total(values: Sequence[float]) -> float | None:
    """Return the sum, the same in any order; None beyond what a float holds."""
    try:
        total = math.fsum(values)
    except (OverflowError, ValueError):
        return None
    return total if math.isfinite(total) else None


def bucket(value: float) -> str:
    """Return the key of a finite number's bucket: its sign and its logarithm's floor."""
    if value == 0:
        return "0"
    exponent = math.floor(math.log(abs(value)) / _LOG_GAMMA)
    return f"{'-' if value < 0 else '+'}{exponent}"


def buckets_of(numbers: np.ndarray[Any, Any]) -> dict[str, int]:
    """Return how many of an array's finite numbers fall into each bucket: `bucket` for many at
    once."""
    import numpy as np

    found = {"0": int(np.count_nonzero(numbers == 0))}
    for sign, part in (("-", -numbers[numbers < 0]), ("+", numbers[numbers > 0])):
        exponents = np.floor(np.log(part) / _LOG_GAMMA).astype(np.int64)
        keys, counts = np.unique(exponents, return_counts=True)
        found |= {f"{sign}{key}": count for key, count in zip(keys.tolist(), counts.tolist())}
    return {key: count for key, count in found.items() if count}


def _put_together(buckets: Mapping[str, int], most: int) -> Mapping[str, int]:
    """Merge neighbouring buckets into about so many of about equal counts; each stands where half
    of its count lies."""
    if len(buckets) <= most:
        return buckets
    deep = sum(buckets.values()) / most
    fewer: dict[str, int] = {}
    group: list[tuple[str, int]] = []
    for key in sorted(buckets, key=middle):
        group.append((key, buckets[key]))
        count = sum(number for _, number in group)
        if count >= deep:
            fewer[_halfway(group)] = count
            group = []
    if group:
        fewer[_halfway(group)] = sum(number for _, number in group)
    return fewer


def _halfway(group: Sequence[tuple[str, int]]) -> str:
    upto = accumulate(count for _, count in group)
    whole = sum(count for _, count in group)
    return next(key for (key, _), count in zip(group, upto) if 2 * count >= whole)


def middle(key: str) -> float:
    """Return the number that stands for a bucket, within 1 % of every number in it."""
    if key == "0":
        return 0.0
    size = math.exp((int(key[1:]) + 0.5) * _LOG_GAMMA)
    return -size if key[0] == "-" else size


def upper_end(key: str) -> float:
    """Return what no number in a bucket exceeds, which is within 2 % of every number in it."""
    return _edges(key)[1]


def merge(tallies: Iterable[Mapping[str, Any]]) -> Tally:
    """Add tallies up. Classes that turn out too many, or mixed with numbers, become buckets.

    Of free text in too many kinds the most frequent are told, and the rest as OTHER.
    """
    alone: list[Mapping[str, Any]] = []
    columns: dict[str, list[Mapping[str, Any]]] = {}
    for tally in tallies:
        if "columns" not in tally:
            alone.append(tally)
        for name, column in tally.get("columns", {}).items():
            columns.setdefault(name, []).append(column)
    if not columns:
        return _merge_column(alone)
    # Some files' answers were one value each, others' were several.
    if any(alone):
        columns.setdefault(ONLY, []).extend(alone)
    return Tally(columns={name: _merge_column(parts) for name, parts in columns.items()})


def _merge_column(parts: Sequence[Mapping[str, Any]]) -> Tally:
    classes: dict[str, int] = {}
    buckets: dict[str, int] = {}
    for part in parts:
        for name, count in part.get("classes", {}).items():
            classes[name] = classes.get(name, 0) + count
        for key, count in part.get("buckets", {}).items():
            buckets[key] = buckets.get(key, 0) + count
    numbers = {name: number for name in classes if (number := _number(name)) is not None}
    if not buckets:
        if len(classes) <= MOST_CLASSES:
            return Tally(classes=classes)
        if classes.keys() - numbers.keys() - {EMPTY, OTHER}:
            return Tally(classes=_most_frequent(classes))
    for name, number in numbers.items():
        buckets[bucket(number)] = buckets.get(bucket(number), 0) + classes[name]
    counted = [part for part in parts if part.get("buckets")]
    sums = [part.get("sum") for part in counted]
    sums += [number * classes[name] for name, number in numbers.items()]
    lows = [part.get("min") for part in counted] + list(numbers.values())
    highs = [part.get("max") for part in counted] + list(numbers.values())
    return Tally(
        buckets=buckets,
        sum=_total(known) if (known := _all_known(sums)) else None,
        min=min(known) if (known := _all_known(lows)) else None,
        max=max(known) if (known := _all_known(highs)) else None,
    )


def _all_known(values: Sequence[float | None]) -> list[float]:
    """Return the values, or none of them where a journal of an earlier version lacks one."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def _number(name: str) -> float | None:
    try:
        number = float(name)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(name) if _is_whole(name) else number


def _most_frequent(classes: Mapping[str, int]) -> dict[str, int]:
    told = sorted(classes.keys() - {OTHER}, key=lambda name: (-classes[name], name))
    kept = {name: classes[name] for name in told[: MOST_CLASSES - 1]}
    return kept | {OTHER: sum(classes.values()) - sum(kept.values())}


def histogram(tally: Tally, bins: int = 24) -> list[Bin]:
    """Return equal-width bars over a tally of numbers; none for a tally of classes.

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
    """Return the numbers a bucket lies between."""
    if key == "0":
        return 0.0, 0.0
    exponent = int(key[1:])
    near, far = _power(exponent), _power(exponent + 1)
    return (-far, -near) if key[0] == "-" else (near, far)


def _share_below(mark: float, low: float, high: float, count: int) -> float:
    """Return how much of a bucket's count lies below a mark, as if spread evenly."""
    if mark >= high:
        return count
    if mark <= low:
        return 0.0
    return count * (mark - low) / (high - low)


def _power(exponent: int) -> float:
    """Return GAMMA to a power, held to what a float can be."""
    return math.exp(min(exponent * _LOG_GAMMA, _LARGEST_LOG))
