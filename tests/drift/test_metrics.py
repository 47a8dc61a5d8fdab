"""The metrics against recordings of Azure's own formulas, run over real Spark and SciPy.

`recorded.json` has ten pairs of columns of numbers and three of categories, and what each metric
of Azure's data drift component comes to for them, with pyspark 4.0.5 and SciPy 1.17.1.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from runner.drift.metrics import (
    area_between,
    categories,
    chi_square,
    equal_bins,
    is_categorical,
    jensen_shannon,
    kolmogorov_smirnov,
    normalized_wasserstein,
    stability_index,
)
from runner.profile.column import MOST_VALUES, Numbers
from runner.profile.sketch import sketch_numbers

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())
FIVE_DIGITS = 5e-6
RANDOM = np.random.default_rng(3)


def column(values: Any) -> Numbers:
    return sketch_numbers(np.array(values))


@pytest.mark.parametrize("name", RECORDED["numbers"])
def test_of_numbers_each_metric_is_azures_to_five_digits(name: str) -> None:
    pair = RECORDED["numbers"][name]
    before, after = column(pair["baseline"]), column(pair["other"])
    histogram = equal_bins(before, after)
    assert [list(histogram.baseline), list(histogram.other)] == pair["histograms"]
    found = {
        "JensenShannonDistance": jensen_shannon(histogram),
        "PopulationStabilityIndex": stability_index(histogram),
        "NormalizedWassersteinDistance": normalized_wasserstein(before, after),
    }
    for metric, figure in found.items():
        assert figure is not None
        assert figure.value == pytest.approx(pair[metric], abs=FIVE_DIGITS)
        assert figure.error == 0
    tested = kolmogorov_smirnov(before, after)
    assert tested == pytest.approx(pair["TwoSampleKolmogorovSmirnovTest"], abs=FIVE_DIGITS)


@pytest.mark.parametrize("name", RECORDED["categories"])
def test_of_categories_each_metric_is_azures_to_five_digits(name: str) -> None:
    pair = RECORDED["categories"][name]
    histogram = categories(*(Counter(map(str, pair[job])) for job in ("baseline", "other")))
    assert jensen_shannon(histogram).value == pytest.approx(
        pair["JensenShannonDistance"], abs=FIVE_DIGITS
    )
    assert stability_index(histogram).value == pytest.approx(
        pair["PopulationStabilityIndex"], abs=FIVE_DIGITS
    )
    assert chi_square(histogram) == pytest.approx(pair["PearsonsChiSquaredTest"], abs=FIVE_DIGITS)


@pytest.mark.parametrize(
    ("before", "after", "most"),
    [
        (RANDOM.normal(size=60_000), RANDOM.normal(0.2, 1.1, size=90_000), 5e-4),
        (RANDOM.normal(size=60_000), RANDOM.normal(size=60_000), 5e-4),
        (RANDOM.gamma(2, 3, 200_000), RANDOM.gamma(2, 3.3, 400), 5e-4),
        (RANDOM.lognormal(0, 2, 50_000), RANDOM.lognormal(0, 2, 50_000), 5e-4),
        # One value so far away that all others are in one bin.
        (np.append(RANDOM.normal(size=50_000), 1e5), RANDOM.normal(size=50_000), 5e-3),
    ],
    ids=["apart", "alike", "many and few", "long tail", "outlier"],
)
def test_of_more_values_than_are_counted_each_is_as_close_as_it_says(
    before: np.ndarray[tuple[int], np.dtype[np.float64]],
    after: np.ndarray[tuple[int], np.dtype[np.float64]],
    most: float,
) -> None:
    baseline, other = column(before), column(after)
    assert baseline.bins is not None
    histogram = equal_bins(baseline, other)
    low, high = min(baseline.low, other.low), max(baseline.high, other.high)
    bins = math.ceil(math.log2(min(len(before), len(after))) + 1)
    edges = np.linspace(low, high, bins + 1)
    p, q = np.histogram(before, edges)[0], np.histogram(after, edges)[0]
    smooth_p, smooth_q = (p + 1) / (p.sum() + bins), (q + 1) / (q.sum() + bins)
    exact = {
        jensen_shannon(histogram): distance.jensenshannon(p, q, base=2),
        stability_index(histogram): ((smooth_q - smooth_p) * np.log(smooth_q / smooth_p)).sum(),
        normalized_wasserstein(baseline, other): stats.wasserstein_distance(before, after)
        / before.std(ddof=1),
    }
    for figure, value in exact.items():
        assert figure is not None
        assert abs(figure.value - value) <= figure.error + 1e-9
        assert abs(figure.value - value) < most


def test_the_area_between_bins_and_values_is_that_of_the_values() -> None:
    before, after = RANDOM.normal(size=MOST_VALUES + 500), RANDOM.normal(1, 2, 300)
    found = area_between(column(before), column(after))
    assert found == pytest.approx(stats.wasserstein_distance(before, after), abs=2e-5)


@pytest.mark.parametrize("value", [0.0, -3.0, 7.5])
def test_one_value_in_both_is_no_distance(value: float) -> None:
    # pyspark refuses the edges that Azure makes of it unless it is above 0.
    before, after = column([value] * 20), column([value])
    histogram = equal_bins(before, after)
    distance_figure = normalized_wasserstein(before, after)
    assert distance_figure is not None
    assert (distance_figure.value, jensen_shannon(histogram).value) == (0, 0)
    assert stability_index(histogram).value == 0
    assert kolmogorov_smirnov(before, after) == 1


def test_one_row_is_a_bin_and_has_no_deviation_to_divide_by() -> None:
    before, after = column([1.0]), column([1.0, 2.0, 9.0])
    assert normalized_wasserstein(before, after) is None
    assert normalized_wasserstein(after, before) is not None
    assert jensen_shannon(equal_bins(before, after)).value == 0


@pytest.mark.parametrize(
    ("n", "m"), [(1, 1), (1, 20), (20, 20), (20, 400), (400, 400), (400, 401), (1000, 1700)]
)
def test_the_two_sample_test_is_scipys_exact_one(n: int, m: int) -> None:
    before, after = RANDOM.normal(size=n), RANDOM.normal(0.1, 1, size=m)
    expected = stats.ks_2samp(before, after, method="exact").pvalue
    assert kolmogorov_smirnov(column(before), column(after)) == pytest.approx(expected, abs=1e-9)


def test_the_two_sample_test_is_not_made_of_10_000_rows_as_on_azure() -> None:
    few, many = column(RANDOM.random(100)), column(RANDOM.random(10_000))
    assert kolmogorov_smirnov(few, many) is None


@pytest.mark.parametrize(
    ("values", "categorical"),
    [
        (np.arange(400) % 19, True),  # 0.0475
        (np.arange(400) % 20, False),  # 0.05
        ((np.arange(400) % 2).astype(float), False),
        (np.array([0, 1]), False),
        (np.arange(30_000), False),
    ],
)
def test_whole_numbers_of_few_different_values_are_categories(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], categorical: bool
) -> None:
    assert is_categorical(sketch_numbers(values)) is categorical
