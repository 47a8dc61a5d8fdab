"""The section of the mini-batches: when each ran, and how long it took."""

from __future__ import annotations

from collections.abc import Sequence

from runner.counting import many
from runner.engine.attempt import Attempt
from runner.report.charts import bins, columns, tick_seconds
from runner.report.section import section
from runner.report.text import duration
from runner.report.timeline import timeline

_FEW = 12  # that the timeline alone is enough for


def time_by_mini_batch(
    attempts: Sequence[Attempt], settled: Sequence[Attempt], *, resumed: bool
) -> str:
    """Draw all attempts in time; the figures are of those that settled a mini-batch."""
    title = "Time by mini-batch"
    if not attempts:
        return section(title, [], '<p class="soft">No mini-batch ran.</p>')
    ran = sorted(settled or attempts, key=lambda attempt: attempt.seconds)
    seconds = [attempt.seconds for attempt in ran]
    fastest, median, slowest = seconds[0], seconds[len(seconds) // 2], seconds[-1]
    tried = len({attempt.mini_batch for attempt in attempts})
    sliced = " and slices of large files" if any(attempt.slice for attempt in attempts) else ""
    took = (
        f"Median {duration(median)}, longest {duration(slowest)}."
        if len(ran) > 1
        else f"It took {duration(slowest)}."
    )
    notes = [f"{many(len(attempts), 'attempt')} at {many(tried, 'mini-batch')}{sliced}.", took]
    content = timeline(attempts, squeeze=resumed)
    if len(ran) <= _FEW:
        return section(title, notes, content)
    notes.append(f"95 % took {duration(seconds[int(0.95 * (len(seconds) - 1))])} or less.")
    if slowest > fastest:
        content += "<h3>How long mini-batches took</h3>" + columns(
            bins(seconds),
            f"Histogram of the time of {many(len(ran), 'mini-batch')}. {took}",
            lambda bin_: (
                f"{duration(bin_.low)} to {duration(bin_.high)}: {many(bin_.count, 'mini-batch')}"
            ),
            lambda value: tick_seconds(value) if value < 120 else duration(value),
        )
    return section(title, notes, content + _slowest_table(ran[:-6:-1]))


def _slowest_table(attempts: Sequence[Attempt]) -> str:
    rows = "".join(
        f'<tr><td class="num">{attempt.label}</td><td class="num">{attempt.worker:,}</td>'
        f'<td class="num">{attempt.rows:,}</td>'
        f'<td class="num">{duration(attempt.seconds)}</td></tr>'
        for attempt in attempts
    )
    heads = "".join(
        f'<th scope="col" class="num">{head}</th>'
        for head in ("Mini-batch", "Worker", "Rows", "Time")
    )
    return (
        '<h3>The slowest</h3><table class="list compact">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )
