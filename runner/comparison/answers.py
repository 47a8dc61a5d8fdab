"""Counts what became of answers, part by part as they come: classes, numbers, or texts."""

from __future__ import annotations

import math
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from runner.chance import marginal_homogeneity, mcnemar
from runner.comparison.arrays import numbers_of, truths_of, whole_numbers_of
from runner.comparison.records import LONGEST, cut
from runner.comparison.report import (
    OTHERS,
    Answer,
    ChanceTest,
    Classes,
    Numbers,
    Quantile,
    Shift,
)
from runner.tally import EMPTY, MOST_CLASSES, OTHER, buckets_of, count_texts, in_order, upper_end

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

Kind = Literal["classes", "numbers", "texts"]

_TINY = 1e-12  # numbers that differ by less are the same, however small they are
_MOST_NAMES = 2_000  # classes that are told apart while they are counted
_MOST_SHOWN = 20  # classes of a matrix, the others together among them
_FEWEST = 20  # rows without which no new name is taken for an old one
_DEVIATIONS = 1.96  # of a normal variable, which more than these has in 5 % of cases
_SHARES = (0.5, 0.9, 0.99, 1.0)
_BOOLEANS = {"true": "1", "false": "0"}
_NUMBER = r"^\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|nan|inf)\s*$"


def kind_of(
    samples: Sequence[Sequence[str]], counted: Sequence[tuple[bool, Iterable[str]]] = ()
) -> Kind:
    """Return what cells are: numbers where they have points or are too many to be classes.

    `samples` are cells of both versions, `counted` what was counted of all of them, if it was:
    whether they are numbers, and their classes.
    """
    if not counted:
        found = [count_texts(cells) for cells in samples]
        counted = [("buckets" in part, part.get("classes", ())) for part in found]
    numbers = [are_numbers for are_numbers, _ in counted]
    if any(numbers):
        # Classes that one version answers as 0 and the other as 0.0 are classes still.
        return "numbers" if all(numbers) or not _are_few_whole_numbers(samples) else "classes"
    classes = {name for _, names in counted for name in names}
    return "classes" if OTHER not in classes and len(classes) <= 2 * MOST_CLASSES else "texts"


def _are_few_whole_numbers(samples: Sequence[Sequence[str]]) -> bool:
    """Return whether cells look like classes that have numbers for names, however written."""
    found = {_meant(cell) for cells in samples for cell in cells}
    return len(found) <= MOST_CLASSES and all(
        name.removeprefix("-").isdecimal() for name in found - {""}
    )


class AnswerCounter:
    """Counts one part of the answers of both versions, chunk by chunk."""

    def __init__(self, name: str, kind: Kind, tolerance: float) -> None:
        self.name = name
        self.kind = kind
        self._rows = self._changed = self._differing = 0
        self._classes = _ClassCounter()
        self._numbers = _NumberCounter(tolerance)

    def add(self, old: pa.Array, new: pa.Array) -> tuple[Mask, Mask]:
        """Count answers as texts; return for each row whether it changed, and differs at all."""
        import pyarrow.compute as pc

        differing = truths_of(pc.not_equal(old, new))
        if self.kind == "numbers":
            changed = self._numbers.add(old, new, differing)
        elif self.kind == "classes":
            changed = self._classes.add(old, new, differing)
        else:
            changed = differing
        self._rows += len(old)
        self._changed += int(changed.sum())
        self._differing += int(differing.sum())
        return changed, differing

    def answer(self) -> Answer:
        """Return what was counted."""
        classes = self._classes.result() if self.kind == "classes" else None
        numbers = self._numbers.result() if self.kind == "numbers" and self._rows else None
        return Answer(
            name=cut(self.name),
            rows=self._rows,
            changed=0 if classes and classes.renamed else self._changed,
            differing=self._differing,
            classes=classes,
            numbers=numbers,
        )

    def respelled(self) -> list[tuple[str, str]]:
        """Return the classes that are written otherwise now and still mean the same."""
        return self._classes.respelled()

    def new_and_gone(self) -> tuple[list[str], list[str]]:
        """Return the classes that only the new version answers, and those that only the old one
        does; none of either where they are only called otherwise."""
        return self._classes.new_and_gone() if self.kind == "classes" else ([], [])

    def permuted(self) -> list[tuple[str, str]]:
        """Return the classes of which each is another one now, with no exception."""
        return self._classes.permuted() if self.kind == "classes" else []


class _ClassCounter:
    def __init__(self) -> None:
        self._places: dict[str, int] = {}  # by the name as it is written
        self._names: list[str] = []  # by group, as first written
        self._groups: dict[str, int] = {}  # by the name as it is meant
        self._counts: Counter[tuple[int, int]] = Counter()
        self._spelled: tuple[dict[int, str], dict[int, str]] = ({}, {})

    def add(self, old: pa.Array, new: pa.Array, differing: Mask) -> Mask:
        import numpy as np

        before, after = self._codes(old, 0), self._codes(new, 1)
        others = self._groups.get(OTHERS, -1)
        changed: Mask = (before != after) | (differing & (before == others))
        size = len(self._names)
        together = before * size + after
        if size <= 64:
            counts = np.bincount(together, minlength=1)
            keys = np.flatnonzero(counts)
            counts = counts[keys]
        else:
            keys, counts = np.unique(together, return_counts=True)
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            self._counts[divmod(key, size)] += count
        return changed

    def _codes(self, cells: pa.Array, side: int) -> NDArray[np.int64]:
        """Return the group of each cell."""
        import numpy as np

        encoded = cells.dictionary_encode()
        groups = np.array(
            [self._group(name, side) for name in _plain(encoded.dictionary)], dtype=np.int64
        )
        found: NDArray[np.int64] = groups[whole_numbers_of(encoded.indices)]
        return found

    def _group(self, name: str, side: int) -> int:
        if len(name) > LONGEST:
            # Names that only differ behind what is shown of them are told apart.
            tag = zlib.crc32(name.encode(errors="surrogatepass"))
            name = f"{name[: LONGEST - 12]}… {tag:08x}"
        meant = _meant(name)
        if meant not in self._groups and len(self._groups) >= _MOST_NAMES:
            meant = name = OTHERS
        if meant not in self._groups:
            self._groups[meant] = len(self._names)
            self._names.append(name or EMPTY)
        group = self._groups[meant]
        self._spelled[side].setdefault(group, name)
        return group

    def respelled(self) -> list[tuple[str, str]]:
        old, new = self._spelled
        return [(name, new[group]) for group, name in old.items() if new.get(group, name) != name]

    def _totals(self) -> tuple[Counter[int], Counter[int]]:
        old: Counter[int] = Counter()
        new: Counter[int] = Counter()
        for (before, after), count in self._counts.items():
            old[before] += count
            new[after] += count
        return old, new

    def _moves(self) -> list[tuple[str, str]]:
        """Return which class became which, where that is so for every row; else nothing."""
        old, _ = self._totals()
        rows = sum(old.values())
        # Names that nearly each row has for itself are no classes.
        if rows < max(_FEWEST, 2 * len(self._counts)) or len(self._counts) > len(old):
            return []
        if len({after for _, after in self._counts}) < len(self._counts):
            return []
        return [
            (self._names[before], self._names[after])
            for before, after in self._counts
            if before != after
        ]

    def renamed(self) -> tuple[tuple[str, str], ...]:
        """Return old and new names where new names, and nothing else, explain every change."""
        moves = self._moves()
        old, new = self._totals()
        before = {self._names[group] for group in old}
        after = {self._names[group] for group in new}
        if all(a not in after and b not in before for a, b in moves):
            return tuple(moves[:_MOST_SHOWN])
        return ()

    def permuted(self) -> list[tuple[str, str]]:
        return [] if self.renamed() else self._moves()

    def new_and_gone(self) -> tuple[list[str], list[str]]:
        if self.renamed():
            return [], []
        old, new = self._totals()
        return (
            [self._names[group] for group in new if group not in old],
            [self._names[group] for group in old if group not in new],
        )

    def result(self) -> Classes | None:
        if not self._counts:
            return None
        old, new = self._totals()
        renamed = self.renamed()
        by_size = sorted(old | new, key=lambda group: -(old[group] + new[group]))
        kept = by_size if len(by_size) <= _MOST_SHOWN else by_size[: _MOST_SHOWN - 1]
        order = list(in_order({self._names[group]: 0 for group in kept}))
        place = {group: order.index(self._names[group]) for group in kept}
        names = [*order, OTHERS] if len(kept) < len(by_size) else order
        matrix = [[0] * len(names) for _ in names]
        out: Counter[int] = Counter()
        into: Counter[int] = Counter()
        for (before, after), count in self._counts.items():
            row, column = place.get(before, len(order)), place.get(after, len(order))
            matrix[row][column] += count
            if row != column:
                out[row] += count
                into[column] += count
        rows = [sum(line) for line in matrix]
        columns = [sum(line[place] for line in matrix) for place in range(len(names))]
        return Classes(
            names=tuple(names),
            matrix=tuple(map(tuple, matrix)),
            shifts=tuple(
                Shift(
                    name,
                    rows[place],
                    columns[place],
                    round(_DEVIATIONS * math.sqrt(out[place] + into[place]), 1),
                )
                for place, name in enumerate(names)
            ),
            test=None if renamed else _test(matrix),
            renamed=renamed,
        )


def _test(matrix: Sequence[Sequence[int]]) -> ChanceTest | None:
    if len(matrix) == 2:
        one_way, other_way = matrix[0][1], matrix[1][0]
        if one_way + other_way == 0:
            return None
        return ChanceTest("McNemar, mid-p", mcnemar(one_way, other_way))
    statistic, degrees, p_value = marginal_homogeneity(matrix)
    if not degrees:
        return None
    return ChanceTest("Stuart-Maxwell", p_value, statistic, degrees)


def _meant(name: str) -> str:
    """Return a class as it is meant: 0, 0.0 and False are the same."""
    plain = _BOOLEANS.get(name.lower(), name)
    if plain.removeprefix("-").isdecimal():
        return str(int(plain))  # which has digits that a float has no room for
    try:
        number = float(plain)
    except ValueError:
        return name
    if not math.isfinite(number):
        return name
    return str(int(number)) if number == int(number) else repr(number)


class _NumberCounter:
    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._buckets: Counter[str] = Counter()
        self._pairs = 0  # rows with a number on both sides
        self._sums = [0.0, 0.0]
        self._counts = [0, 0]
        self._nulls = [0, 0]
        self._largest = 0.0
        self._shift = 0.0
        self._probabilities = True
        self._crossing = 0

    def add(self, old: pa.Array, new: pa.Array, differing: Mask) -> Mask:
        import numpy as np

        before, after = _numbers(old), _numbers(new)
        for side, numbers in enumerate((before, after)):
            known = numbers[np.isfinite(numbers)]
            self._nulls[side] += len(numbers) - len(known)
            self._counts[side] += len(known)
            self._sums[side] += float(known.sum())
            if len(known) and (known.min() < 0 or known.max() > 1):
                self._probabilities = False
        both = np.isfinite(before) & np.isfinite(after)
        with np.errstate(over="ignore", invalid="ignore"):
            difference = np.abs(after - before)
            limit = self._tolerance * np.maximum(np.abs(before), np.abs(after)) + _TINY
            changed: Mask = differing & ~(both & (difference <= limit))
        # Two texts that both say that there is no number.
        changed &= ~(np.isnan(before) & np.isnan(after) & _say_none(old, new))
        found = difference[both]
        found = found[np.isfinite(found)]
        self._pairs += len(found)
        moved = found[found > 0]
        if len(moved):
            self._largest = max(self._largest, float(moved.max()))
            self._buckets.update(buckets_of(moved))
            self._shift += float((after[both] - before[both]).sum())
        self._buckets["0"] += len(found) - len(moved)
        self._crossing += int(((before >= 0.5) != (after >= 0.5))[both].sum())
        return changed

    def result(self) -> Numbers:
        means = [
            total / (count or 1) for total, count in zip(self._sums, self._counts, strict=True)
        ]
        probabilities = self._probabilities and min(self._counts) > 0
        return Numbers(
            tolerance=self._tolerance,
            quantiles=self._quantiles(),
            mean_shift=self._shift / (self._pairs or 1),
            old_mean=means[0],
            new_mean=means[1],
            old_nulls=self._nulls[0],
            new_nulls=self._nulls[1],
            probabilities=probabilities,
            crossing=self._crossing if probabilities else 0,
        )

    def _quantiles(self) -> tuple[Quantile, ...]:
        if not self._pairs:
            return ()
        found = []
        ranked = sorted((upper_end(key), count) for key, count in self._buckets.items() if count)
        reached = list(accumulate(count for _, count in ranked))
        for share in _SHARES:
            place = bisect_left(reached, math.ceil(share * self._pairs))
            value = ranked[min(place, len(ranked) - 1)][0]
            found.append(
                Quantile(share, self._largest if share == 1 else min(value, self._largest))
            )
        return tuple(found)


def _numbers(cells: pa.Array) -> NDArray[np.float64]:
    """Return cells as numbers; NaN for what is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = cells.cast(pa.float64())
    except pa.ArrowInvalid:
        # `if_else` and not a filter: each cell keeps its place.
        fitting = pc.match_substring_regex(cells, _NUMBER, ignore_case=True)
        none = pa.scalar(None, pa.string())
        numbers = pc.if_else(fitting, pc.utf8_trim_whitespace(cells), none).cast(pa.float64())
    return numbers_of(numbers)


def _say_none(old: pa.Array, new: pa.Array) -> Mask:
    """Return where both cells are empty or NaN, and no text that is no number."""
    import pyarrow.compute as pc

    none = r"^(nan)?$"
    return truths_of(
        pc.and_(
            pc.match_substring_regex(old, none, ignore_case=True),
            pc.match_substring_regex(new, none, ignore_case=True),
        )
    )


def _plain(names: pa.Array) -> list[str]:
    """Return texts of whatever bytes."""
    import pyarrow as pa

    return [name.decode(errors="replace") for name in names.cast(pa.binary()).to_pylist()]
