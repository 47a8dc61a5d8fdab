"""The section of the predictions: how many of each class, or a histogram of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate

from runner.counting import many
from runner.local.engine.tally import Bin, Tally, histogram, middle
from runner.local.report.charts import Bar, bars, columns, tick_number
from runner.local.report.section import section
from runner.local.report.text import share, shown


def predictions(tally: Tally, rows: int) -> str:
    """Draw the tally of a job that scored so many rows."""
    if tally.classes:
        return _by_class(tally.classes)
    if tally.buckets:
        return _histogram(tally)
    why = (
        "The output is neither classes nor numbers, so there is nothing to draw."
        if rows
        else "No rows were scored."
    )
    return section("Predictions", [], f'<p class="soft">{why}</p>')


def _by_class(classes: Mapping[str, int]) -> str:
    title = "Predictions by class"
    ranked = [Bar(*one) for one in sorted(classes.items(), key=lambda item: -item[1])]
    first, whole = ranked[0], sum(classes.values())
    notes = [
        f"{many(len(ranked), 'class')}." if len(ranked) > 1 else "All in one class.",
        f"{shown(first.name, 40)} is the most frequent, {share(first.rows, whole)}.",
    ]
    return section(title, notes, bars(title, "Class", ranked, shares=True))


def _histogram(tally: Tally) -> str:
    drawn = histogram(tally, bins=30)
    points = sorted((middle(key), count) for key, count in tally.buckets.items())
    whole = sum(tally.buckets.values())
    mean = math.fsum(value * (count / whole) for value, count in points)
    counts = accumulate(count for _, count in points)
    median = next(
        value for (value, _), upto in zip(points, counts, strict=True) if 2 * upto >= whole
    )
    figures = f"Median {_about(median)}, mean {_about(mean)}."
    ends = f"From {_about(points[0][0])} to {_about(points[-1][0])}."
    return section(
        "Predictions",
        [figures, ends, "Counted in buckets, so these figures are good to about 1&nbsp;%."],
        columns(
            drawn,
            f"Histogram of {whole:,} predictions. {figures} {ends}",
            lambda one: f"{_between(one)}: {many(one.count, 'row')}, {share(one.count, whole)}",
            tick_number if len(drawn) > 1 else _about,
        ),
    )


def _about(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 1000 or abs(value) >= 1e15 else f"{value:,.0f}"


def _between(one: Bin) -> str:
    return f"{_about(one.low)} to {_about(one.high)}" if one.low < one.high else _about(one.low)
