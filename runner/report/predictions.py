"""The section of the predictions: how many of each class, or a histogram of numbers."""

from __future__ import annotations

from collections.abc import Mapping

from runner.counting import many
from runner.report.charts import Bar, bars, columns, tick_number
from runner.report.section import section
from runner.report.text import share, shown
from runner.tally import ONLY, Bin, Numbers, Tally, histogram


def predictions(tally: Tally, rows: int) -> str:
    """Draw the tally of a job that scored so many rows."""
    counted = tally.by_column()
    if not counted:
        why = (
            "The output is neither classes nor numbers, so there is nothing to draw."
            if rows
            else "No rows were scored."
        )
        return section("Predictions", [], f'<p class="soft">{why}</p>')
    if counted.keys() != {ONLY}:
        return _by_column(counted)
    numbers = tally.numbers
    return _by_class(tally.classes) if numbers is None else _histogram(tally, numbers)


def _by_column(counted: Mapping[str, Tally]) -> str:
    """Return a line for each column: its figures, or its most frequent class."""
    lines = "".join(
        f"<dt>{shown(name, 40)}</dt><dd>{_in_one_line(tally)}</dd>"
        for name, tally in counted.items()
    )
    notes = [f"{many(len(counted), 'column')}.", "Medians are good to a few percent of the rows."]
    return section("Predictions by column", notes, f'<dl class="facts">{lines}</dl>')


def _in_one_line(tally: Tally) -> str:
    if numbers := tally.numbers:
        return f"{_figures(numbers)} {_ends(numbers)}"
    return " ".join(_about_classes(tally.classes)) if tally.classes else "No numbers."


def _about_classes(classes: Mapping[str, int]) -> list[str]:
    name, rows = max(classes.items(), key=lambda item: item[1])
    return [
        f"{many(len(classes), 'class')}." if len(classes) > 1 else "All in one class.",
        f"{shown(name, 40)} is the most frequent, {share(rows, sum(classes.values()))}.",
    ]


def _figures(numbers: Numbers) -> str:
    return f"Median {_about(numbers.median)}, mean {_about(numbers.mean)}."


def _ends(numbers: Numbers) -> str:
    return f"From {_about(numbers.min)} to {_about(numbers.max)}."


def _by_class(classes: Mapping[str, int]) -> str:
    title = "Predictions by class"
    ranked = [
        Bar(name, count) for name, count in sorted(classes.items(), key=lambda item: -item[1])
    ]
    return section(title, _about_classes(classes), bars(title, "Class", ranked, shares=True))


def _histogram(tally: Tally, numbers: Numbers) -> str:
    drawn = histogram(tally, bins=30)
    whole = numbers.count
    figures, ends = _figures(numbers), _ends(numbers)
    return section(
        "Predictions",
        [figures, ends, "Counted in buckets, so the median is good to about 1&nbsp;%."],
        columns(
            drawn,
            f"Histogram of {whole:,} predictions. {figures} {ends}",
            lambda bin_: f"{_between(bin_)}: {many(bin_.count, 'row')}, {share(bin_.count, whole)}",
            tick_number if len(drawn) > 1 else _about,
        ),
    )


def _about(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 1000 or abs(value) >= 1e15 else f"{value:,.0f}"


def _between(bin_: Bin) -> str:
    return (
        f"{_about(bin_.low)} to {_about(bin_.high)}" if bin_.low < bin_.high else _about(bin_.low)
    )
