"""Two batch jobs side by side, column by column, from their profiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from runner.drift.chance_level import (
    TAIL,
    jensen_shannon_level,
    normalized_wasserstein_level,
    stability_index_level,
)
from runner.drift.metrics import (
    Figure,
    Histogram,
    categories,
    chi_square,
    equal_bins,
    is_categorical,
    jensen_shannon,
    kolmogorov_smirnov,
    normalized_wasserstein,
    stability_index,
    unit_of,
)
from runner.profile.column import MOST_TEXTS, Column, Numbers, Opaque, Texts
from runner.profile.profile import Profile

Side = Literal["input", "output"]
Kind = Literal["number", "category"]
# Azure's names of its metrics, in the order of their columns.
WASSERSTEIN, JENSEN_SHANNON = "NormalizedWassersteinDistance", "JensenShannonDistance"
STABILITY = "PopulationStabilityIndex"
KOLMOGOROV_SMIRNOV, CHI_SQUARE = "TwoSampleKolmogorovSmirnovTest", "PearsonsChiSquaredTest"
# The thresholds above which Azure's SDK raises an alert by default; it has no others.
THRESHOLDS: Mapping[Kind, tuple[str, float]] = {
    "number": (WASSERSTEIN, 0.1),
    "category": (JENSEN_SHANNON, 0.1),
}


@dataclass(frozen=True)
class Measure:
    """A metric of a column."""

    metric: str
    value: float  # the p-value, if it is a test
    error: float = 0.0  # the most that it may be off where values are known to a bin
    threshold: float | None = None  # Azure's, of the metric that it looks at by itself
    chance: float | None = None  # two samples from one distribution exceed it in 5 of 100 cases

    @property
    def drifted(self) -> bool:
        """Return True above the threshold and above what chance does."""
        if self.threshold is None or self.chance is None:
            return False
        return self.value > max(self.threshold, self.chance)


@dataclass(frozen=True)
class Part:
    """The values that one of the jobs has of a column."""

    values: int
    nulls: int
    null_rate: float


@dataclass(frozen=True)
class ColumnDrift:
    """A column of both jobs, or of one of them."""

    name: str
    side: Side
    kind: Kind | None  # None where the column is not compared
    baseline: Part | None  # None where the job has no such column
    other: Part | None
    measures: tuple[Measure, ...] = ()
    note: str | None = None  # the reason why it is not compared, or a remark

    @property
    def drifted(self) -> bool:
        return any(measure.drifted for measure in self.measures)

    @property
    def judged(self) -> Measure | None:
        """Return the metric that the column is judged by."""
        return next((each for each in self.measures if each.threshold is not None), None)

    def measure(self, *metrics: str) -> Measure | None:
        """Return the first of these metrics that the column has."""
        return next((each for each in self.measures if each.metric in metrics), None)


@dataclass(frozen=True)
class Comparison:
    """The result of comparing two jobs."""

    baseline: str  # the job that the other one is held against
    other: str
    baseline_rows: int
    other_rows: int
    columns: tuple[ColumnDrift, ...]

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        return tuple(column for column in self.columns if column.drifted)

    @property
    def compared(self) -> int:
        return sum(column.kind is not None for column in self.columns)


def compare_profiles(
    baseline: str, profile: Profile, other: str, other_profile: Profile
) -> Comparison:
    """Compare the profiles of two jobs: the predictions first, then what they were made for."""
    same_codes = profile.codes == other_profile.codes
    columns = (
        *_columns("output", profile.outputs, other_profile.outputs, baseline, other, same_codes),
        *_columns("input", profile.inputs, other_profile.inputs, baseline, other, same_codes),
    )
    return Comparison(baseline, other, profile.answers, other_profile.answers, tuple(columns))


def _columns(
    side: Side,
    mine: Mapping[str, Column],
    theirs: Mapping[str, Column],
    baseline: str,
    other: str,
    same_codes: bool,
) -> Iterator[ColumnDrift]:
    for name in dict.fromkeys((*mine, *theirs)):
        before, after = mine.get(name), theirs.get(name)
        parts = _part(before), _part(after)
        if before is None or after is None:
            only = f"only in {baseline if after is None else other}"
            yield ColumnDrift(name, side, None, *parts, note=only)
            continue
        kind, measures, note = _compare(before, after, baseline, other, same_codes)
        yield ColumnDrift(name, side, kind, *parts, measures, note)


def _part(column: Column | None) -> Part | None:
    if column is None:
        return None
    infinite = column.infinite if isinstance(column, Numbers) else 0
    rows = column.count + column.nulls + infinite
    return Part(column.count + infinite, column.nulls, column.nulls / rows if rows else 0.0)


def _compare(
    before: Column, after: Column, baseline: str, other: str, same_codes: bool
) -> tuple[Kind | None, tuple[Measure, ...], str | None]:
    empty = [job for job, column in ((baseline, before), (other, after)) if not column.count]
    if empty:
        return None, (), f"no value in {' and '.join(empty)}"
    if isinstance(before, Opaque) or isinstance(after, Opaque):
        return None, (), "neither numbers nor texts"
    if isinstance(before, Texts) and isinstance(after, Texts):
        if before.kinds is None or after.kinds is None:
            return None, (), f"text of more than {MOST_TEXTS:,} kinds, which is no category"
        if not same_codes:
            return None, (), "texts of two workspaces, whose codes are not the same"
        return "category", _of_categories(categories(before.kinds, after.kinds)), None
    if isinstance(before, Texts):
        return None, (), f"text in {baseline}, a number in {other}"
    if isinstance(after, Texts):
        return None, (), f"a number in {baseline}, text in {other}"
    if is_categorical(before) and after.whole and not after.bins:
        return "category", _of_categories(categories(_counts(before), _counts(after))), None
    return "number", tuple(_of_numbers(before, after)), _note(before, after, baseline, other)


def _counts(column: Numbers) -> dict[str, int]:
    return {str(value): count for value, count in zip(column.values, column.counts, strict=True)}


def _note(before: Numbers, after: Numbers, baseline: str, other: str) -> str | None:
    infinite = {
        job: column.infinite
        for job, column in ((baseline, before), (other, after))
        if column.infinite
    }
    if infinite:
        each = ", ".join(f"{count:,} in {job}" for job, count in infinite.items())
        return f"without what is infinite: {each}"
    if unit_of(before) is None:
        return f"{baseline} has no standard deviation to measure a distance by"
    if before.whole != after.whole:
        whole, not_whole = (baseline, other) if before.whole else (other, baseline)
        return f"whole numbers in {whole} and others in {not_whole}, which Azure does not compare"
    return None


def _measure(
    metric: str, figure: Figure, threshold: float | None = None, chance: float | None = None
) -> Measure:
    return Measure(metric, figure.value, figure.error, threshold, chance)


def _threshold(kind: Kind, metric: str) -> float | None:
    name, value = THRESHOLDS[kind]
    return value if name == metric else None


def _of_both(kind: Kind, histogram: Histogram) -> Iterator[Measure]:
    """Yield the metrics that numbers and categories have in common."""
    yield _measure(
        JENSEN_SHANNON,
        jensen_shannon(histogram),
        _threshold(kind, JENSEN_SHANNON),
        jensen_shannon_level(histogram),
    )
    yield _measure(STABILITY, stability_index(histogram), chance=stability_index_level(histogram))


def _of_categories(histogram: Histogram) -> tuple[Measure, ...]:
    test = Measure(CHI_SQUARE, chi_square(histogram), chance=TAIL)
    return (*_of_both("category", histogram), test)


def _of_numbers(before: Numbers, after: Numbers) -> Iterator[Measure]:
    distance = normalized_wasserstein(before, after)
    if distance is not None:
        chance = normalized_wasserstein_level(before, after)
        yield _measure(WASSERSTEIN, distance, _threshold("number", WASSERSTEIN), chance)
    yield from _of_both("number", equal_bins(before, after))
    tested = kolmogorov_smirnov(before, after)
    if tested is not None:
        yield Measure(KOLMOGOROV_SMIRNOV, tested, chance=TAIL)
