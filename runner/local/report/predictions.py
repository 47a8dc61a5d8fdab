"""The section of the predictions: how many of each class, or a histogram of numbers."""

from __future__ import annotations

from collections.abc import Mapping

from runner.local.report.charts import Bar, bars, columns, tick_number
from runner.local.report.section import section
from runner.local.report.text import many, share, shown
from runner.tally import ONLY, Bin, Numbers, Tally, histogram


def predictions(tally: Tally, rows: int) -> str:
    """Draw the tally of a job that scored so many rows, a section for each column."""
    counted = tally.by_column()
    if not counted:
        why = (
            "The output is neither classes nor numbers, so there is nothing to draw."
            if rows
            else "No rows were scored."
        )
        return section("Predictions", [], f'<p class="soft">{why}</p>')
    alone = counted.keys() == {ONLY}
    return "\n".join(
        _column("" if alone else f": {shown(name, 40)}", one) for name, one in counted.items()
    )


def _column(name: str, tally: Tally) -> str:
    numbers = tally.numbers
    if numbers is not None:
        return _histogram(f"Predictions{name}", tally, numbers)
    if tally.classes:
        return _by_class(f"Predictions by class{name}", tally.classes)
    return section(f"Predictions{name}", [], '<p class="soft">None of them is a number.</p>')


def _by_class(title: str, classes: Mapping[str, int]) -> str:
    ranked = [Bar(*one) for one in sorted(classes.items(), key=lambda item: -item[1])]
    first, whole = ranked[0], sum(classes.values())
    notes = [
        f"{many(len(ranked), 'class')}." if len(ranked) > 1 else "All in one class.",
        f"{shown(first.name, 40)} is the most frequent, {share(first.rows, whole)}.",
    ]
    return section(title, notes, bars(title, "Class", ranked, shares=True))


def _histogram(title: str, tally: Tally, numbers: Numbers) -> str:
    drawn = histogram(tally, bins=30)
    whole = numbers.count
    figures = f"Median {_about(numbers.median)}, mean {_about(numbers.mean)}."
    ends = f"From {_about(numbers.min)} to {_about(numbers.max)}."
    return section(
        title,
        [figures, ends, "Counted in buckets, so the median is good to about 1&nbsp;%."],
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
