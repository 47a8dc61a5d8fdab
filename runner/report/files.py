"""The section of the files: the rows of each one by one, or a histogram where there are many."""

from __future__ import annotations

import math
from collections.abc import Sequence

from runner.counting import many, plural
from runner.engine.attempt import Attempt
from runner.report.charts import Bar, bars, bins, columns, tick_number
from runner.report.section import section
from runner.report.text import name_tag, number
from runner.tally import Bin

_MOST_BARS = 40  # drawn one by one; more become a histogram
_FEW_BARS = 8  # equal ones drawn all the same; more become a sentence


def rows_by_file(settled: Sequence[Attempt]) -> str:
    """Draw the rows by file, or by mini-batch where the script doesn't say whose they are."""
    if any(file.rows is None for attempt in settled for file in attempt.files):
        batches = [
            Bar(attempt.where, attempt.rows, attempt.outcome == "failed") for attempt in settled
        ]
        why = "The scoring script doesn't say which rows are of which file."
        return _rows_by("mini-batch", batches, why)
    rows: dict[str, int] = {}  # the slices of a file added up
    failed: set[str] = set()
    for attempt in settled:
        for file in attempt.files:
            rows[file.name] = rows.get(file.name, 0) + (file.rows or 0)
            if file.error is not None:
                failed.add(file.name)
    by_file = [Bar(name, count, name in failed) for name, count in rows.items()]
    return _rows_by("file", by_file, "")


def _rows_by(noun: str, all_bars: Sequence[Bar], why: str) -> str:
    title = f"Rows by {noun}"
    if not all_bars:
        return section(title, [], '<p class="soft">No file was finished.</p>')
    scored = sorted((bar for bar in all_bars if not bar.failed), key=lambda bar: bar.rows)
    failed = len(all_bars) - len(scored)
    lost = f"{many(failed, noun)} failed." if failed else ""
    alike = not scored or scored[0].rows == scored[-1].rows
    notes = [_range(scored, noun), lost, why]
    if len(all_bars) <= (_FEW_BARS if alike and not failed else _MOST_BARS):
        return section(title, notes, bars(title, noun.capitalize(), all_bars, shares=False))
    if alike:
        every = (
            f"{len(scored):,} {plural(noun)} of {many(scored[0].rows, 'row')} each."
            if scored
            else f"All {many(failed, noun)} failed."
        )
        return section(title, [lost, why], f"<p>{every}</p>")
    chart = columns(
        bins([bar.rows for bar in scored]),
        f"Histogram of the rows of {many(len(scored), noun)}. {notes[0]}",
        lambda bin_: f"{_whole_numbers(bin_)} rows: {many(bin_.count, noun)}",
        tick_number,
    )
    extremes = _ranking("Most rows", noun, scored[:-6:-1])
    extremes += _ranking("Fewest rows", noun, scored[:5])
    heading = f"<h3>How many {plural(noun)} have so many rows</h3>"
    return section(title, notes, f'{heading}{chart}<div class="pair">{extremes}</div>')


def _range(scored: Sequence[Bar], noun: str) -> str:
    """Return the fewest and the most rows of bars, which are in that order."""
    if not scored:
        return f"No {noun} was scored."
    low, middle, high = scored[0].rows, scored[len(scored) // 2].rows, scored[-1].rows
    if low == high:
        return f"{many(low, 'row')}{f' in each {noun}' if len(scored) > 1 else ''}."
    return f"From {low:,} to {many(high, 'row')}, median {number(middle)}."


def _whole_numbers(bin_: Bin) -> str:
    low, high = math.ceil(bin_.low), math.ceil(bin_.high) - 1
    return f"{low:,}" if low >= high else f"{low:,} to {high:,}"


def _ranking(title: str, noun: str, ranked: Sequence[Bar]) -> str:
    rows = "".join(
        f'<tr><td>{name_tag(bar.name)}</td><td class="num">{bar.rows:,}</td></tr>' for bar in ranked
    )
    return (
        f'<div><h3>{title}</h3><table class="list fixed"><thead><tr>'
        f'<th scope="col">{noun.capitalize()}</th>'
        '<th scope="col" class="num" style="width:7em">Rows</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
