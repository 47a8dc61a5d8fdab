"""Chance, held against SciPy."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from scipy import stats

from runner.chance import (
    chi_square_limit,
    chi_square_tail,
    holm,
    hypergeometric_tail,
    marginal_homogeneity,
    mcnemar,
    normal_tail,
)


@pytest.mark.parametrize("deviation", [-40.0, -1.96, 0.0, 0.5, 1.959964, 6.0, 37.0])
def test_the_normal_tail_is_scipys(deviation: float) -> None:
    assert normal_tail(deviation) == pytest.approx(stats.norm.sf(deviation), rel=1e-12)


def test_the_chi_square_tail_and_its_limit_are_scipys() -> None:
    for degrees in (1, 2, 3, 7, 30, 500, 4095):
        for factor in (0.01, 0.5, 0.99, 1.01, 2, 5):
            value = degrees * factor
            expected = float(stats.chi2.sf(value, degrees))
            assert chi_square_tail(value, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-300)
        for tail in (0.5, 0.05, 0.001, 1e-9):
            expected = float(stats.chi2.isf(tail, degrees))
            assert chi_square_limit(tail, degrees) == pytest.approx(expected, rel=1e-7)
    assert chi_square_tail(0, 3) == 1
    with pytest.raises(ValueError, match="degree"):
        chi_square_tail(1, 0)


def test_mcnemars_mid_p_value_is_that_of_the_binomial_distribution() -> None:
    for one_way, other_way in itertools.product((0, 1, 2, 5, 20, 399, 50_000), repeat=2):
        pairs, fewer = one_way + other_way, min(one_way, other_way)
        seen = float(stats.binom.pmf(fewer, pairs, 0.5))
        # Where both ways are as many, their tails overlap in what was seen.
        expected = (
            1 - seen / 2 if one_way == other_way else 2 * stats.binom.cdf(fewer, pairs, 0.5) - seen
        )
        expected = float(expected) if pairs else 1.0
        found = mcnemar(one_way, other_way)
        assert found == pytest.approx(min(1.0, expected), rel=1e-6, abs=1e-290)
    # Fagerland, Lydersen and Laake's example: 1 and 7 pairs.
    assert mcnemar(1, 7) == pytest.approx(0.039, abs=5e-4)


def test_the_tail_of_the_hypergeometric_distribution_is_scipys() -> None:
    chance = np.random.default_rng(1)
    for _ in range(200):
        total = int(chance.choice([1, 20, 400, 100_000]))
        drawn, marked = (int(part) for part in chance.integers(0, total, 2, endpoint=True))
        found = int(chance.integers(0, min(drawn, marked), endpoint=True))
        expected = float(stats.hypergeom.sf(found - 1, total, marked, drawn))
        found_here = hypergeometric_tail(found, drawn, marked, total)
        assert found_here == pytest.approx(expected, rel=1e-6, abs=1e-12)


def _with_the_pseudoinverse(table: list[list[int]]) -> tuple[float, int, float]:
    counts = np.array(table, dtype=float)
    shift = counts.sum(1) - counts.sum(0)
    spread = np.diag(counts.sum(1) + counts.sum(0)) - counts - counts.T
    degrees = int(np.linalg.matrix_rank(spread))
    statistic = float(shift @ np.linalg.pinv(spread) @ shift)
    return statistic, degrees, float(stats.chi2.sf(statistic, degrees)) if degrees else 1.0


def test_stuart_and_maxwells_test_is_the_quadratic_form_of_the_shifts() -> None:
    chance = np.random.default_rng(2)
    tables = [
        chance.choice([0, 0, 1, 7, 500], (size, size)).tolist()
        for size in (1, 2, 3, 5, 12)
        for _ in range(20)
    ]
    for table in tables:
        found = marginal_homogeneity(table)
        assert found == pytest.approx(_with_the_pseudoinverse(table), rel=1e-6, abs=1e-9)


def test_for_two_classes_stuart_and_maxwells_test_is_mcnemars_by_chi_square() -> None:
    statistic, degrees, _ = marginal_homogeneity([[100, 20], [8, 300]])
    assert statistic == pytest.approx((20 - 8) ** 2 / 28)
    assert degrees == 1


def test_classes_that_nothing_leads_between_are_degrees_of_freedom_of_their_own() -> None:
    table = [[5, 3, 0, 0], [1, 5, 0, 0], [0, 0, 5, 9], [0, 0, 2, 5]]
    assert marginal_homogeneity(table)[1] == 2


def test_no_pair_that_differs_is_no_shift() -> None:
    assert marginal_homogeneity([[3, 0], [0, 9]]) == (0.0, 0, 1.0)
    assert marginal_homogeneity([]) == (0.0, 0, 1.0)
    assert mcnemar(0, 0) == 1


def test_p_values_are_corrected_for_how_many_there_are() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_test_of_a_billion_pairs_takes_a_moment() -> None:
    began = time.process_time()
    assert mcnemar(500_000_000, 500_000_000) == pytest.approx(1, abs=1e-4)
    assert 0 < mcnemar(499_980_000, 500_020_000) < 1
    assert 0 < hypergeometric_tail(250_010_000, 500_000_000, 500_000_000, 1_000_000_000) < 1
    assert time.process_time() - began < 5
