"""A column of a profile: how many values it has, and how they are distributed.

Profiles of files, mini-batches and jobs merge, and what comes of it does not depend on how the rows
were dealt out: a column of numbers keeps each value and its count while there are no more than
MOST_VALUES different ones. Beyond, it counts in bins of width 2^e from whole multiples of it, and e
is the smallest with which all values from the lowest to the highest take no more than MOST_VALUES
bins. Two bins of one e are exactly one of the next, so bins fold without a look at the values.

Figures that are made of it are exact up to MOST_VALUES different values. Beyond, each value is
known to a bin, whose width is less than 1/8,192 of the range.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import add
from typing import Any, Union

MOST_VALUES = 16_384  # different numbers that are counted one by one; and bins beyond
MOST_TEXTS = 4_096  # different texts that are counted; with more they are no categories
_SMALLEST_EXPONENT = -1_000  # for a bin's width: below, 2^-e is no float


@dataclass(frozen=True)
class Bins:
    """Counts in bins of equal width: bin i holds the values in [(first + i) w, (first + i + 1) w),
    where w is 2 to the power of `exponent`."""

    exponent: int
    first: int
    counts: Sequence[int]

    @property
    def width(self) -> float:
        return math.ldexp(1.0, self.exponent)

    def folded(self, exponent: int) -> Bins:
        """Return the same counts in bins of a greater exponent."""
        first, counts = self.first, list(self.counts)
        for step in range(exponent - self.exponent):
            if len(counts) == 1:
                first >>= exponent - self.exponent - step
                break
            if first % 2:
                counts.insert(0, 0)
            if len(counts) % 2:
                counts.append(0)
            first >>= 1
            counts = list(map(add, counts[::2], counts[1::2]))
        return Bins(exponent, first, counts)


@dataclass(frozen=True)
class Numbers:
    """A column of numbers, with `values` and `counts`, in ascending order, or with `bins`."""

    count: int  # finite numbers
    nulls: int = 0  # missing values, and what is not a number
    infinite: int = 0  # infinite values, which are part of no figure
    whole: bool = False  # the column's type is a whole number's
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    squares: float = 0.0  # sum of the squared deviations from the mean
    values: Sequence[float] = ()
    counts: Sequence[int] = ()
    bins: Bins | None = None

    @property
    def deviation(self) -> float | None:
        """Return the standard deviation of the sample; None for fewer than two values."""
        return math.sqrt(max(0.0, self.squares) / (self.count - 1)) if self.count > 1 else None

    @property
    def distinct(self) -> int | None:
        """Return how many different values there are; None where they are more than MOST_VALUES."""
        return None if self.bins else len(self.values)


@dataclass(frozen=True)
class Texts:
    """A column of texts, truth values or times: how many of each, if there are not too many."""

    count: int
    nulls: int = 0
    kinds: Mapping[str, int] | None = field(default_factory=dict)  # None: more than MOST_TEXTS
    # In a job's finished profile `kinds` are keyed by codes, and these are the texts of the
    # codes that are frequent enough to be told; None: the keys are the texts themselves.
    names: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Opaque:
    """A column that is neither: lists, bytes, or numbers here and texts there."""

    count: int
    nulls: int = 0


Column = Union[Numbers, Texts, Opaque]


def exponent_for(low: float, high: float) -> int:
    """Return the smallest e with which bins of width 2^e from `low` to `high` are no more than
    MOST_VALUES. Both are finite, and more than MOST_VALUES floats lie between them."""
    # The range is about 2^size times the bins there may be; halved first, it can't overflow.
    size = math.frexp(high / 2 - low / 2)[1] + 1 - (MOST_VALUES.bit_length() - 1)
    exponent = max(_SMALLEST_EXPONENT, size - 2)
    while _bins_between(low, high, exponent) > MOST_VALUES:
        exponent += 1
    return exponent


def place(value: float, exponent: int) -> int:
    """Return the number of the bin that a value falls into."""
    return math.floor(math.ldexp(value, -exponent))


def _bins_between(low: float, high: float, exponent: int) -> int:
    return place(high, exponent) - place(low, exponent) + 1


def merge_columns(columns: Iterable[Column]) -> Column:
    """Return the column that holds the values of all of these, which are at least one.

    One without a value says nothing of its type.
    """
    found = list(columns)
    nulls = sum(column.nulls for column in found)
    filled = [column for column in found if column.count or _has_infinite(column)] or found[:1]
    numbers = [column for column in filled if isinstance(column, Numbers)]
    if len(numbers) == len(filled):
        return replace(_merge_numbers(numbers), nulls=nulls)
    count = sum(column.count for column in filled)
    texts = [column for column in filled if isinstance(column, Texts)]
    if len(texts) == len(filled):
        return Texts(count, nulls, _merge_kinds(texts))
    return Opaque(count + sum(column.infinite for column in numbers), nulls)


def _has_infinite(column: Column) -> bool:
    return isinstance(column, Numbers) and column.infinite > 0


def _merge_kinds(columns: Sequence[Texts]) -> dict[str, int] | None:
    kinds: dict[str, int] = {}
    for column in columns:
        if column.kinds is None:
            return None
        for name, count in column.kinds.items():
            kinds[name] = kinds.get(name, 0) + count
    return kinds if len(kinds) <= MOST_TEXTS else None


def _merge_numbers(columns: Sequence[Numbers]) -> Numbers:
    if len(columns) == 1:
        return columns[0]
    infinite = sum(column.infinite for column in columns)
    whole = all(column.whole for column in columns)
    filled = [column for column in columns if column.count]
    if not filled:
        return Numbers(0, infinite=infinite, whole=whole)
    count, mean, squares = 0, 0.0, 0.0
    for column in filled:
        # Chan, Golub and LeVeque (1979): updating formulae of a mean and a sum of squares.
        total, apart = count + column.count, column.mean - mean
        mean += apart * (column.count / total)
        squares += column.squares + apart * apart * (count / total) * column.count
        count = total
    merged = Numbers(
        count,
        infinite=infinite,
        whole=whole,
        low=min(column.low for column in filled),
        high=max(column.high for column in filled),
        mean=mean,
        squares=squares,
    )
    if not any(column.bins for column in filled):
        values, counts = _add_values(filled)
        if len(values) <= MOST_VALUES:
            mean, squares = moments(values, counts)
            return replace(merged, mean=mean, squares=squares, values=values, counts=counts)
    return replace(merged, bins=_add_bins(merged, filled))


def _add_values(columns: Sequence[Numbers]) -> tuple[array[float], array[int]]:
    import numpy as np

    values = np.concatenate([np.asarray(column.values, np.float64) for column in columns])
    counts = np.concatenate([np.asarray(column.counts, np.int64) for column in columns])
    distinct, places = np.unique(values, return_inverse=True)
    totals = np.zeros(len(distinct), np.int64)
    np.add.at(totals, places, counts)
    return array("d", distinct.tobytes()), array("q", totals.tobytes())


def moments(values: Sequence[float], counts: Sequence[int]) -> tuple[float, float]:
    """Return the mean, and the sum of the squared deviations from it, of values that are there so
    often: the same however the rows were dealt out."""
    import numpy as np

    each = np.asarray(values, np.float64)
    often = np.asarray(counts, np.float64)
    with np.errstate(over="ignore"):
        mean = float((each * (often / often.sum())).sum())
        return mean, float((np.square(each - mean) * often).sum())


def _add_bins(merged: Numbers, columns: Sequence[Numbers]) -> Bins:
    exponent = exponent_for(merged.low, merged.high)
    first = place(merged.low, exponent)
    counts = [0] * (place(merged.high, exponent) - first + 1)
    for column in columns:
        part = column.bins.folded(exponent) if column.bins else in_bins(column, exponent)
        start = part.first - first
        # The bins that folding added at an end are empty.
        inside = part.counts[max(0, -start) : len(counts) - start]
        start = max(0, start)
        counts[start : start + len(inside)] = map(add, counts[start : start + len(inside)], inside)
    return Bins(exponent, first, counts)


def in_bins(column: Numbers, exponent: int) -> Bins:
    """Return the bins of an exponent of a column that has each value counted."""
    import numpy as np

    first = place(column.low, exponent)
    places = np.floor(np.asarray(column.values, np.float64) * 2.0**-exponent) - first
    counts = np.bincount(places.astype(np.int64), np.asarray(column.counts, np.float64))
    return Bins(exponent, first, counts.astype(np.int64).tolist())


def points(column: Numbers) -> Iterator[tuple[float, float, int]]:
    """Yield where the values lie, in ascending order: from, to, and how many between the two.

    Of a value that is counted by itself both are the value.
    """
    if column.bins is None:
        for value, count in zip(column.values, column.counts):
            yield value, value, count
        return
    bins = column.bins
    for index, count in enumerate(bins.counts, bins.first):
        if count:
            low = max(column.low, math.ldexp(index, bins.exponent))
            yield low, min(column.high, math.ldexp(index + 1, bins.exponent)), count


def as_document(column: Column) -> dict[str, Any]:
    """Return what `from_document` reads and JSON holds."""
    if isinstance(column, Opaque):
        return {"kind": "other", "count": column.count, "nulls": column.nulls}
    if isinstance(column, Texts):
        document: dict[str, Any] = {
            "kind": "text",
            "count": column.count,
            "nulls": column.nulls,
            "kinds": column.kinds,
        }
        return document if column.names is None else {**document, "names": column.names}
    document = {
        name: getattr(column, name)
        for name in ("count", "nulls", "infinite", "whole", "low", "high", "mean", "squares")
    }
    document["kind"] = "number"
    if column.bins is not None:
        bins = column.bins
        counts = _packed(bins.counts)
        document["bins"] = {"exponent": bins.exponent, "first": bins.first, "counts": counts}
    elif column.values:
        document["values"] = _packed(column.values, "d")
        document["counts"] = _packed(column.counts)
    return document


def from_document(document: Mapping[str, Any]) -> Column:
    """Read what `as_document` wrote. KeyError, TypeError or ValueError for anything else."""
    fields = dict(document)
    kind = fields.pop("kind")
    if kind == "other":
        return Opaque(**fields)
    if kind == "text":
        return Texts(**fields)
    if kind != "number":
        raise ValueError(f"no kind of column: {kind!r}")
    if "bins" in fields:
        bins = dict(fields["bins"])
        fields["bins"] = Bins(**{**bins, "counts": _unpacked(bins["counts"]).tolist()})
    elif "values" in fields:
        fields["values"] = _unpacked(fields["values"])
        fields["counts"] = _unpacked(fields["counts"])
    return Numbers(**fields)


def _packed(values: Sequence[float] | Sequence[int], codes: str = "BHIQ") -> str:
    """Write numbers for JSON in less time and space than their digits take: the code of the first
    of these types that holds the greatest, and their bytes."""
    from base64 import b64encode

    most = max(values, default=0)
    code = next(code for code in codes if code == "d" or most < 256 ** array(code).itemsize)
    return code + b64encode(array(code, values).tobytes()).decode()


def _unpacked(text: str) -> array[Any]:
    from base64 import b64decode

    found: array[Any] = array(text[0])
    found.frombytes(b64decode(text[1:], validate=True))
    return found
