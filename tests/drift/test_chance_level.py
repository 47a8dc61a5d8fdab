from __future__ import annotations

import math

import numpy as np
import pytest

from runner.drift.chance_level import (
    jensen_shannon_level,
    normalized_wasserstein_level,
    stability_index_level,
)
from runner.drift.metrics import (
    Histogram,
    categories,
    equal_bins,
    jensen_shannon,
    normalized_wasserstein,
    stability_index,
)
from runner.profile.sketch import sketch_numbers

PAIRS = 150
# 150 pairs of which each exceeds a level of 5 % come to more than 12 % in 1 of 10,000 cases.
MOST = 0.12


@pytest.mark.parametrize(("n", "m"), [(20, 20), (200, 50)])
@pytest.mark.parametrize("kind", ["normal", "long tail", "two values"])
def test_about_5_of_100_pairs_from_one_distribution_exceed_it(kind: str, n: int, m: int) -> None:
    random = np.random.default_rng(7)

    def draw(size: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        if kind == "two values":
            return (random.random(size) < 0.4).astype(np.float64)
        return random.normal(size=size) if kind == "normal" else random.exponential(size=size)

    exceeded = np.zeros(3)
    for _ in range(PAIRS):
        before, after = sketch_numbers(draw(n)), sketch_numbers(draw(m))
        histogram = equal_bins(before, after)
        distance = normalized_wasserstein(before, after)
        level = normalized_wasserstein_level(before, after)
        assert distance is not None
        assert level is not None
        exceeded += [
            distance.value > level,
            jensen_shannon(histogram).value > jensen_shannon_level(histogram),
            stability_index(histogram).value > stability_index_level(histogram),
        ]
    assert (exceeded / PAIRS < MOST).all()
    assert (exceeded / PAIRS > 0).all()


def test_of_many_rows_it_is_the_chi_square_distribution() -> None:
    histogram = Histogram([30_000, 50_000, 20_000], [15_000, 25_000, 10_000])
    expected = 5.991465 * (1 / 100_000 + 1 / 50_000)
    assert jensen_shannon_level(histogram) == pytest.approx(
        math.sqrt(expected / (8 * math.log(2))), rel=1e-4
    )
    assert stability_index_level(histogram) == pytest.approx(expected, rel=1e-3)


def test_of_a_normal_distribution_it_is_about_3_deviations_over_the_root_of_the_rows() -> None:
    rows = np.random.default_rng(2).normal(size=50_000)
    level = normalized_wasserstein_level(sketch_numbers(rows), sketch_numbers(rows[::2]))
    assert level is not None
    assert level / math.sqrt((1 / 50_000 + 1 / 25_000) / 2) == pytest.approx(3.0, rel=0.05)


def test_of_one_category_nothing_is_left_to_chance() -> None:
    assert jensen_shannon_level(categories({"a": 3}, {"a": 9})) == 0
    same = sketch_numbers(np.array([4.0] * 9))
    assert normalized_wasserstein_level(same, same) == 0


def test_of_one_row_there_is_no_distance_to_exceed() -> None:
    single, some = sketch_numbers(np.array([4.0])), sketch_numbers(np.array([4.0, 5.0]))
    assert normalized_wasserstein_level(single, some) is None
    assert jensen_shannon_level(categories({"a": 1}, {"b": 1})) == 1
