"""Works out how likely chance alone is: tails of distributions, tests and their correction.

Standard library only, and no function takes longer than a moment, whatever the counts: sums end
where what is left of them no longer counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

_ENOUGH = 1e-15  # of a sum: what is smaller than that share of it no longer counts
_MOST_TERMS = 10_000  # of a series that converges; each of them does in fewer


def normal_tail(deviation: float) -> float:
    """Return the probability that a standard normal variable exceeds `deviation`."""
    return math.erfc(deviation / math.sqrt(2)) / 2


def chi_square_tail(value: float, degrees: int) -> float:
    """Return the probability that a chi-square variable of so many degrees exceeds `value`.

    By the series and the continued fraction of the incomplete gamma function: NIST's Digital
    Library of Mathematical Functions, 8.7.1 and 8.9.2. Raises ValueError for no degrees.
    """
    if degrees < 1:
        raise ValueError(f"a chi-square variable has at least 1 degree of freedom, not {degrees}")
    if value <= 0:
        return 1.0
    shape, at = degrees / 2, value / 2
    scale = math.exp(shape * math.log(at) - at - math.lgamma(shape))
    if at < shape + 1:
        return max(0.0, 1 - scale * _series(shape, at))
    return scale * _continued_fraction(shape, at)


def chi_square_limit(tail: float, degrees: int) -> float:
    """Return the value that a chi-square variable exceeds with probability `tail` (0 to 1)."""
    low, high = 0.0, 1.0
    while chi_square_tail(high, degrees) > tail:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if chi_square_tail(middle, degrees) > tail:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def mcnemar(one_way: int, other_way: int) -> float:
    """Return the two-sided mid-p value of McNemar's test.

    Of the pairs that differ, so many do one way and so many the other; by chance each way is as
    likely. The mid-p value counts half of what was seen itself: Fagerland, Lydersen and Laake
    (2013), BMC Medical Research Methodology 13:91, recommend it for every number of pairs.
    """
    pairs, fewer = one_way + other_way, min(one_way, other_way)
    if one_way == other_way:
        # Both tails reach the middle, and count what was seen once.
        return 1 - _binomial(pairs, fewer) / 2 if pairs else 1.0
    tail = _sum_of_falling(_binomial(pairs, seen) for seen in range(fewer, -1, -1))
    return min(1.0, 2 * tail - _binomial(pairs, fewer))


def marginal_homogeneity(table: Sequence[Sequence[int]]) -> tuple[float, int, float]:
    """Return the statistic, the degrees of freedom and the p-value of Stuart and Maxwell's test.

    `table` is square: of the pairs of each class before (rows) and after (columns), how many. The
    test asks whether the classes' shares have moved; for two classes it is McNemar's by chi-square.
    With no degrees of freedom no pair differs, and the p-value is 1.
    Source: Stuart (1955), Biometrika 42, 412-416; Maxwell (1970), Br. J. Psychiatry 116, 651-655.
    """
    size = range(len(table))
    shift = [
        float(sum(table[place]) - sum(table[other][place] for other in size)) for place in size
    ]
    spread = [
        [
            float(
                sum(table[place][k] + table[k][place] for k in size if k != place)
                if place == other
                else -(table[place][other] + table[other][place])
            )
            for other in size
        ]
        for place in size
    ]
    statistic, degrees = _quadratic_form(spread, shift)
    return statistic, degrees, chi_square_tail(statistic, degrees) if degrees else 1.0


def hypergeometric_tail(found: int, drawn: int, marked: int, total: int) -> float:
    """Return the probability that of `drawn` out of `total` at least `found` are marked.

    `marked` of the total are. It is Fisher's exact test of one side.
    """
    if found <= max(0, drawn + marked - total):
        return 1.0
    most = min(drawn, marked)
    if found > drawn * marked / total:
        return min(
            1.0,
            _sum_of_falling(
                _hypergeometric(seen, drawn, marked, total) for seen in range(found, most + 1)
            ),
        )
    least = max(0, drawn + marked - total)
    below = _sum_of_falling(
        _hypergeometric(seen, drawn, marked, total) for seen in range(found - 1, least - 1, -1)
    )
    return max(0.0, 1 - below)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values, in their order, corrected for how many tests were made.

    Each is at least as large as it was. Below a level, the chance that any of them is there by
    chance alone is below that level. Source: Holm (1979), Scandinavian Journal of Statistics 6.
    """
    corrected = list(p_values)
    largest = 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected


def _series(shape: float, at: float) -> float:
    """Return the lower incomplete gamma function, over its scale."""
    term = total = 1 / shape
    for number in range(1, _MOST_TERMS):
        term *= at / (shape + number)
        total += term
        if term < total * _ENOUGH:
            break
    return total


def _continued_fraction(shape: float, at: float) -> float:
    """Return the upper incomplete gamma function, over its scale, by Lentz's algorithm."""
    tiny = 1e-300
    b = at + 1 - shape
    c, d = 1 / tiny, 1 / b
    total = d
    for number in range(1, _MOST_TERMS):
        a = -number * (number - shape)
        b += 2
        d = 1 / (a * d + b or tiny)
        c = b + a / c or tiny
        total *= c * d
        if abs(c * d - 1) < _ENOUGH:
            break
    return total


def _sum_of_falling(terms: Iterator[float]) -> float:
    """Return the sum of terms that only fall, up to where they no longer count."""
    total = 0.0
    for term in terms:
        total += term
        if term < total * _ENOUGH * _ENOUGH or term == 0:
            break
    return total


def _binomial(pairs: int, seen: int) -> float:
    """Return the probability of so many heads of so many coins."""
    return math.exp(_log_choose(pairs, seen) - pairs * math.log(2))


def _hypergeometric(found: int, drawn: int, marked: int, total: int) -> float:
    return math.exp(
        _log_choose(marked, found)
        + _log_choose(total - marked, drawn - found)
        - _log_choose(total, drawn)
    )


def _log_choose(whole: int, part: int) -> float:
    return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)


def _quadratic_form(matrix: list[list[float]], vector: list[float]) -> tuple[float, int]:
    """Return `vector` times the inverse of a symmetric `matrix` times `vector`, and its rank.

    A matrix without full rank is inverted on the space that it spans, where the vector has to lie.
    """
    rows = [[*row, value] for row, value in zip(matrix, vector, strict=True)]
    largest = max((abs(row[place]) for place, row in enumerate(rows)), default=0.0)
    total, rank = 0.0, 0
    # The matrix has its largest entries on its diagonal, so elimination is steady without a choice
    # of pivots, and what it leaves of the vector adds up to the form.
    for place, row in enumerate(rows):
        pivot = row[place]
        if pivot <= largest * 1e-9:
            continue
        rank += 1
        total += row[-1] ** 2 / pivot
        for other in rows[place + 1 :]:
            factor = other[place] / pivot
            if factor:
                for column in range(place, len(row)):
                    other[column] -= factor * row[column]
    return total, rank
