"""The page that shows what a job did: one HTML file that needs no network.

Everything that comes from data is escaped, and what would fill the page is added up first, so
a page stays small and quick to make for 20,000 files and 100,000 attempts.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from pathlib import Path
from typing import NamedTuple

from runner.local.engine.attempt import Attempt, FileResult, Outcome
from runner.local.engine.journal import finished
from runner.local.engine.tally import Bin, Tally, histogram, middle
from runner.workspace import JobStatus, Summary

_MOST_BARS = 40  # files drawn one by one; more become a histogram
_FEW_BARS = 8  # equal ones drawn all the same; more become a sentence
_MOST_BLOCKS = 400  # attempts drawn one by one; more are added up by moment
_MOST_LANES = 24
_MOMENTS = 160  # moments of a lane in which attempts are added up
_MOST_ROWS = 500  # of the failures table,
_MOST_CHARACTERS = 600_000  # which is cut sooner where names and reasons are enormous
_MOST_WARNINGS = 20
_MOST_REASONS = 6
_OUTCOMES: tuple[Outcome, ...] = ("done", "retried", "failed")

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_NO_DIGITS = str.maketrans("", "", "0123456789")
_ICONS = {
    JobStatus.COMPLETED: "M3 8.5l3.2 3.2L13 5",
    JobStatus.FAILED: "M4 4l8 8M12 4l-8 8",
    JobStatus.CANCELED: "M4 8h8",
}
_ICON = "M8 4v5M8 11.5v.5"


@dataclass(frozen=True)
class Report:
    """Everything a page shows. Attempts are in time order, those of all its starts together."""

    summary: Summary
    endpoint: str | None
    deployment: str | None
    model: str | None  # azureml:name:version
    input: str
    started_at: str | None  # ISO 8601, UTC
    ended_at: str | None
    error: str | None
    settings: Mapping[str, str]
    attempts: Sequence[Attempt]
    tally: Tally
    resumed: int  # times it was taken up again
    columns: Sequence[str] = ("row", "prediction", "file")  # of the output; empty: not known


def render(report: Report) -> str:
    """Make the page. It is valid UTF-8 whatever the names in it hold, and under 1.5 MB."""
    settled = sorted(finished(report.attempts).values(), key=lambda one: one.mini_batch)
    troubles = _troubles(report.attempts, settled)
    script = _asset("report.js") if troubles.filtered else ""
    title = _text(f"{report.summary.job} · {report.summary.status}")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>{_asset('report.css')}</style>",
            f'<body class="{_text(report.summary.status)}"><div class="wrap">',
            _header(report),
            "<main>",
            _totals(report.summary),
            _predictions(report),
            _rows_by_file(settled),
            _time(report, settled),
            _failures(troubles, report),
            _warnings(report.attempts),
            _facts(report),
            "</main></div>",
            f"<script>{script}</script>" if script else "",
            "</body></html>\n",
        ]
    )


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """Forbid every request; allow this very script, if there is one."""
    rules = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    if script:
        import binascii
        import hashlib

        digest = hashlib.sha256(script.encode()).digest()
        rules += f"script-src 'sha256-{binascii.b2a_base64(digest, newline=False).decode()}'; "
    return rules + "base-uri 'none'; form-action 'none'"


# Words and figures


def _visible(text: str) -> str:
    """Spell out what can't be shown: control characters, bytes that are no UTF-8."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _code(one) for one in text)


def _code(character: str) -> str:
    point = ord(character)
    if 0xDC80 <= point <= 0xDCFF:  # a byte that `surrogateescape` carried along
        return f"\\x{point - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def _shorten(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"


def _text(text: str, longest: int = 600) -> str:
    return _shorten(_visible(text), longest).translate(_ESCAPES)


def _name(name: str) -> str:
    """A name that gives way in its middle where it is too long, whole in its title."""
    whole = _visible(name)
    shown = _shorten(whole, 120)
    cut = len(shown) - 10 if len(shown) > 14 else len(shown)
    parts = [shown[:cut], shown[cut:]]
    spans = "".join(f"<span>{part.translate(_ESCAPES)}</span>" for part in parts if part)
    title = f' title="{_text(name)}"' if len(parts[1]) else ""
    return f'<div class="name"{title}>{spans}</div>'


def _share(part: int, whole: int) -> str:
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:
        return "&lt;&nbsp;0.1&nbsp;%"
    if 99.9 < share < 100:
        return "&gt;&nbsp;99.9&nbsp;%"
    return f"{share:.2f}&nbsp;%" if share < 1 else f"{share:.1f}&nbsp;%".replace("100.0", "100")


def _duration(seconds: float) -> str:
    """Seconds as people read them: 0.034 s, 12.3 s, 3 min 20 s, 2 h 13 min."""
    if seconds < 59.95:
        digits = 3 if seconds < 0.0995 else 2 if seconds < 9.995 else 1
        return f"{seconds:.{digits}f}&nbsp;s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}&nbsp;min {whole % 60}&nbsp;s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,}&nbsp;h {minutes % 60}&nbsp;min"


def _number(value: float) -> str:
    if abs(value) < 1e15 and value == int(value):
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.6g}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    return noun + ("es" if noun.endswith(("s", "ch")) else "s")


def _moment(iso: str) -> str:
    return f'<time datetime="{_text(iso)}">{_text(iso[:19].replace("T", " "))} UTC</time>'


def _section(title: str, notes: Iterable[str], content: str) -> str:
    said = "".join(f'<p class="note">{note}</p>' for note in notes if note)
    return f"<section><div><h2>{title}</h2>{said}</div><div>{content}</div></section>"


# Header and totals


def _header(report: Report) -> str:
    summary = report.summary
    icon = next((path for status, path in _ICONS.items() if status == summary.status), _ICON)
    done = f"{_many(summary.rows, 'row')} from {_many(summary.files, 'file')}"
    workers = len({one.worker for one in report.attempts})
    by = f" by {_many(workers, 'worker')}" if workers else ""
    took = f"Scored {done} in {_duration(summary.seconds)}{by}."
    if report.resumed:
        took += f" Taken up again {_many(report.resumed, 'time')}."
    when = _moment(report.started_at) if report.started_at else ""
    error = (
        f'<p class="error" role="alert"><b>Why it ended:</b> {_text(report.error, 2000)}</p>'
        if report.error
        else ""
    )
    return (
        f'<header><div class="eyebrow"><span class="status"><svg viewBox="0 0 16 16" '
        f'aria-hidden="true"><path d="{icon}"/></svg>{_text(summary.status)}</span>'
        f"<span>Batch job</span>{when}</div>"
        f'<h1>{_text(summary.job)}</h1><p class="lede">{took}</p>{error}</header>'
    )


def _totals(summary: Summary) -> str:
    failed = f"{summary.failed_files:,}"
    if summary.failed_files:
        failed += f" <small>{_share(summary.failed_files, summary.files)}</small>"
    speed = summary.rows_per_second
    cells = [
        ("first", "Rows", "", f"{summary.rows:,}"),
        ("", "Rows a second", "", f"{speed:,.0f}" if speed >= 10 else f"{speed:.3g}"),
        ("", "Time", "", _duration(summary.seconds)),
        ("", "Files", "", f"{summary.files:,}"),
        ("", "Failed files", "bad" if summary.failed_files else "", failed),
        ("", "Mini-batches", "", f"{summary.mini_batches:,}"),
        ("", "Retries", "warn" if summary.retries else "", f"{summary.retries:,}"),
    ]
    return '<dl class="totals" aria-label="Totals">{}</dl>'.format(
        "".join(
            f'<div class="{place}"><dt>{name}</dt><dd class="{colour}">{figure}</dd></div>'
            for place, name, colour, figure in cells
        )
    )


# Bars and columns


@dataclass(frozen=True)
class _Bar:
    name: str
    count: int
    lost: bool = False


def _bars(caption: str, heading: str, unit: str, bars: Sequence[_Bar], *, shares: bool) -> str:
    """A table with a bar in each row, as long as its count; with its share of all counts."""
    most = max((bar.count for bar in bars), default=0) or 1
    whole = sum(bar.count for bar in bars)
    width = 1.2 * max(len(f"{most:,}"), 4)
    short = ' class="short"' if all(len(bar.name) <= 12 for bar in bars) else ""
    share_heading = '<th scope="col" class="num share">Share</th>' if shares else ""
    rows = []
    for bar in bars:
        drawn = (
            '<span class="lost">✕ failed</span>'
            if bar.lost
            else '<svg aria-hidden="true"><rect height="14" rx="3" '
            f'width="{100 * bar.count / most:.2f}%"/></svg>'
        )
        share = f'<td class="num soft">{_share(bar.count, whole)}</td>' if shares else ""
        rows.append(
            f'<tr><th scope="row" class="row">{_name(bar.name)}</th><td>{drawn}</td>'
            f'<td class="num">{bar.count:,}</td>{share}</tr>'
        )
    return (
        f'<table class="bars"><caption class="hidden">{caption}</caption><thead><tr>'
        f'<th scope="col"{short}>{heading}</th><th><span class="hidden">Bar</span></th>'
        f'<th scope="col" class="num" style="width:{width:.1f}ch">{unit}</th>'
        f"{share_heading}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _steps(low: float, high: float, about: int) -> list[float]:
    """Round numbers from low to high, about so many."""
    rough = (high - low) / about
    if not 0 < rough < math.inf:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * one for one in (1, 2, 5) if power * one >= rough), power * 10)
    if not step:
        return [low]
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _bins(values: Sequence[float]) -> list[Bin]:
    """Equal-width bars over plain values; whole numbers in a small range get a bar each."""
    most = min(30, max(8, round(2 * math.sqrt(len(values)))))
    low, high = min(values), max(values)
    if all(isinstance(value, int) for value in values) and high - low < most:
        counts = Counter(values)
        return [
            Bin(value - 0.5, value + 0.5, counts[value]) for value in range(int(low), int(high) + 1)
        ]
    width = (high - low) / most or 1.0
    found = Counter(min(most - 1, int((value - low) / width)) for value in values)
    return [Bin(low + i * width, low + (i + 1) * width, found[i]) for i in range(most)]


def _columns(
    bins: Sequence[Bin], label: str, say: Callable[[Bin], str], axis: Callable[[float], str]
) -> str:
    """A histogram: one column a bin, `say` its tooltip, `axis` the words under it."""
    low, high = bins[0].low, bins[-1].high
    span = high - low or 1.0
    most = max(one.count for one in bins) or 1
    height, top = 170.0, 8.0
    ticks = [tick for tick in _steps(0, most, 5) if tick == int(tick)]
    gutter = 12 + 7.2 * max(len(_number(tick)) for tick in ticks)
    parts = []
    for tick in ticks:
        y = top + height * (1 - tick / most)
        parts.append(
            f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="-10" y="{y + 4:.1f}" text-anchor="end">{_number(tick)}</text>'
        )
    for one in bins:
        x, width = 100 * (one.low - low) / span, 100 * (one.high - one.low) / span or 100.0
        tall = max(height * one.count / most, 1.5 if one.count else 0.0)
        parts.append(
            f"<g><title>{say(one)}</title>"
            f'<rect class="hit" x="{x:.2f}%" y="{top}" width="{width:.2f}%" height="{height}"/>'
            f'<rect class="bar edge" x="{x:.2f}%" y="{top + height - tall:.1f}" '
            f'width="{width:.2f}%" height="{tall:.1f}"/></g>'
        )
    floor = top + height
    parts.append(f'<line class="axis" x1="0" x2="100%" y1="{floor}" y2="{floor}"/>')
    for tick in _steps(low, high, 5):
        parts.append(_tick(100 * (tick - low) / span, floor + 18, axis(tick)))
    return (
        f'<svg class="chart" role="img" aria-label="{label}" height="{floor + 24:.0f}" '
        f'style="margin-left:{gutter:.0f}px;width:calc(100% - {gutter:.0f}px)">'
        f"{''.join(parts)}</svg>"
    )


def _tick(x: float, y: float, words: str) -> str:
    anchor = "start" if x < 3 else "end" if x > 95 else "middle"
    return f'<text x="{x:.2f}%" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'


# Predictions


def _predictions(report: Report) -> str:
    tally, rows = report.tally, report.summary.rows
    if tally.classes:
        counts = sorted(tally.classes.items(), key=lambda item: -item[1])
        whole = sum(tally.classes.values())
        most = f"{_text(counts[0][0], 40)} is the most frequent, {_share(counts[0][1], whole)}."
        return _section(
            "Predictions by class",
            [_many(len(counts), "class") + "." if len(counts) > 1 else "All in one class.", most],
            _bars(
                "Predictions by class",
                "Class",
                "Rows",
                [_Bar(*one) for one in counts],
                shares=True,
            ),
        )
    if tally.buckets:
        return _histogram(tally)
    why = (
        "The output is neither classes nor numbers, so there is nothing to draw."
        if rows
        else "No rows were scored."
    )
    return _section("Predictions", [], f'<p class="soft">{why}</p>')


def _histogram(tally: Tally) -> str:
    bins = histogram(tally, bins=30)
    points = sorted((middle(key), count) for key, count in tally.buckets.items())
    whole = sum(count for _, count in points)
    mean = math.fsum(value * (count / whole) for value, count in points)
    median, seen = points[0][0], 0
    for value, count in points:
        seen += count
        if 2 * seen >= whole:
            median = value
            break
    figures = f"Median {_about(median)}, mean {_about(mean)}."
    ends = f"From {_about(points[0][0])} to {_about(points[-1][0])}."
    return _section(
        "Predictions",
        [figures, ends, "Counted in buckets, so these figures are good to about 1&nbsp;%."],
        _columns(
            bins,
            f"Histogram of {whole:,} predictions. {figures} {ends}",
            lambda one: f"{_between(one)}: {_many(one.count, 'row')}, {_share(one.count, whole)}",
            _axis if len(bins) > 1 else _about,
        ),
    )


def _about(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 1000 or abs(value) >= 1e15 else f"{value:,.0f}"


def _between(one: Bin) -> str:
    return f"{_about(one.low)} to {_about(one.high)}" if one.low < one.high else _about(one.low)


def _axis(value: float) -> str:
    return _number(float(f"{value:.9g}"))


# Rows by file


def _rows_by_file(settled: Sequence[Attempt]) -> str:
    if any(file.rows is None for one in settled for file in one.files):
        bars = [
            _Bar(f"mini-batch {one.mini_batch}", one.rows, one.outcome == "failed")
            for one in settled
        ]
        return _rows_by(
            "mini-batch", bars, "The scoring script doesn't say which rows are of which file."
        )
    bars = [
        _Bar(file.name, file.rows or 0, file.error is not None)
        for one in settled
        for file in one.files
    ]
    return _rows_by("file", bars, "")


def _rows_by(noun: str, bars: Sequence[_Bar], why: str) -> str:
    """Rows of each file (or mini-batch): one by one, or a histogram where there are many."""
    title = f"Rows by {noun}"
    if not bars:
        return _section(title, [], '<p class="soft">No file was finished.</p>')
    scored = [bar for bar in bars if not bar.lost]
    lost = f"{_many(len(bars) - len(scored), noun)} failed." if len(scored) < len(bars) else ""
    if not scored:
        range_ = f"No {noun} was scored."
    else:
        counts = [bar.count for bar in scored]
        low, high = min(counts), max(counts)
        range_ = (
            f"{_many(low, 'row')}{f' in each {noun}' if len(counts) > 1 else ''}."
            if low == high
            else f"From {low:,} to {_many(high, 'row')}, median {_median(counts)}."
        )
    notes = [range_, lost, why]
    uniform = not lost and low == high and len(bars) > _FEW_BARS
    if len(bars) <= _MOST_BARS and not uniform:
        return _section(title, notes, _bars(title, noun.capitalize(), "Rows", bars, shares=False))
    if not scored or low == high:
        every = (
            f"{len(scored):,} {_plural(noun)} of {_many(low, 'row')} each."
            if scored
            else f"All {_many(len(bars), noun)} failed."
        )
        return _section(title, [lost, why], f"<p>{every}</p>")
    ranked = sorted(scored, key=lambda bar: bar.count)
    chart = _columns(
        _bins(counts),
        f"Histogram of the rows of {_many(len(scored), noun)}. {range_}",
        lambda one: f"{_range(one)} rows: {_many(one.count, noun)}",
        _axis,
    )
    extremes = _ranking("Most rows", noun, ranked[:-6:-1]) + _ranking(
        "Fewest rows", noun, ranked[:5]
    )
    heading = f"<h3>How many {_plural(noun)} have so many rows</h3>"
    return _section(title, notes, f'{heading}{chart}<div class="pair">{extremes}</div>')


def _median(values: Sequence[int]) -> str:
    return _number(sorted(values)[len(values) // 2])


def _range(one: Bin) -> str:
    """The whole numbers in a bin."""
    low, high = math.ceil(one.low), math.ceil(one.high) - 1
    return f"{low:,}" if low >= high else f"{low:,} to {high:,}"


def _ranking(title: str, noun: str, bars: Sequence[_Bar]) -> str:
    rows = "".join(
        f'<tr><td>{_name(bar.name)}</td><td class="num">{bar.count:,}</td></tr>' for bar in bars
    )
    return (
        f'<div><h3>{title}</h3><table class="list fixed"><thead><tr>'
        f'<th scope="col">{noun.capitalize()}</th>'
        '<th scope="col" class="num" style="width:7em">Rows</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


# Time


@dataclass(frozen=True)
class _Clock:
    """Where a moment lies across the timeline, in percent. Idle stretches are squeezed."""

    moments: Sequence[float]  # seconds, rising
    places: Sequence[float]  # percent, rising
    gaps: Sequence[tuple[float, float]]  # idle stretches squeezed, in seconds

    def place(self, moment: float) -> float:
        i = bisect_right(self.moments, moment, 1, len(self.moments) - 1)
        start, left = self.moments[i - 1], self.places[i - 1]
        into = (moment - start) / ((self.moments[i] - start) or 1.0)
        return min(max(left + (self.places[i] - left) * into, 0.0), 100.0)


def _clock(attempts: Sequence[Attempt], squeeze: bool) -> _Clock:
    """Lay out time from the job's start to its last attempt's end.

    A job taken up again the next morning would be two slivers at the ends of a night, so the
    time in which nothing ran is squeezed when there is much of it.
    """
    idle: list[tuple[float, float]] = []
    spans = [(one.started, one.started + one.seconds) for one in attempts]
    end = 0.0
    for start, stop in sorted(spans) if squeeze else []:
        if start > end:
            idle.append((end, start))
        end = max(end, stop)
    end = max(stop for _, stop in spans) or 1.0
    busy = end - sum(stop - start for start, stop in idle)
    gaps = [gap for gap in idle if gap[0] > 0 and gap[1] - gap[0] > 0.25 * busy]
    running = end - sum(stop - start for start, stop in gaps)
    width = min(4.0, 30.0 / len(gaps)) if gaps else 0.0
    scale = (100 - width * len(gaps)) / (running or 1.0)
    moments, places = [0.0], [0.0]
    for start, stop in gaps:
        places += [places[-1] + (start - moments[-1]) * scale]
        places += [places[-1] + width]
        moments += [start, stop]
    return _Clock([*moments, end], [*places, 100.0], gaps)


def _time(report: Report, settled: Sequence[Attempt]) -> str:
    title = "Time by mini-batch"
    attempts = report.attempts
    if not attempts:
        return _section(title, [], '<p class="soft">No mini-batch ran.</p>')
    ran = settled or attempts
    seconds = sorted(one.seconds for one in ran)
    middle_one, slowest = seconds[len(seconds) // 2], seconds[-1]
    notes = [
        f"{_many(len(attempts), 'attempt')} at {_mini_batches(attempts)}.",
        f"Median {_duration(middle_one)}, longest {_duration(slowest)}."
        if len(seconds) > 1
        else f"It took {_duration(slowest)}.",
    ]
    lanes = _timeline(attempts, squeeze=report.resumed > 0)
    if len(ran) <= 12:
        return _section(title, notes, lanes)
    notes.append(f"95 % took {_duration(seconds[int(0.95 * (len(seconds) - 1))])} or less.")
    columns = ""
    if slowest > seconds[0]:
        columns = "<h3>How long mini-batches took</h3>" + _columns(
            _bins(seconds),
            f"Histogram of the time of {_many(len(ran), 'mini-batch')}. {notes[1]}",
            lambda one: (
                f"{_duration(one.low)} to {_duration(one.high)}: {_many(one.count, 'mini-batch')}"
            ),
            _seconds_axis,
        )
    longest = sorted(ran, key=lambda one: one.seconds)[:-6:-1]
    return _section(title, notes, lanes + columns + _slowest_table(longest))


def _mini_batches(attempts: Sequence[Attempt]) -> str:
    return _many(len({one.mini_batch for one in attempts}), "mini-batch")


def _seconds_axis(value: float) -> str:
    if value < 120:
        return f"{_number(float(f'{value:.6g}'))} s"
    return _duration(value)


def _slowest_table(attempts: Sequence[Attempt]) -> str:
    rows = "".join(
        f'<tr><td class="num">{one.mini_batch:,}</td><td class="num">{one.worker:,}</td>'
        f'<td class="num">{one.rows:,}</td><td class="num">{_duration(one.seconds)}</td></tr>'
        for one in attempts
    )
    heads = "".join(
        f'<th scope="col" class="num">{head}</th>'
        for head in ("Mini-batch", "Worker", "Rows", "Time")
    )
    return (
        '<h3>The slowest</h3><table class="list compact">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _timeline(attempts: Sequence[Attempt], squeeze: bool) -> str:
    """Each worker's attempts from left to right, coloured by what came of them."""
    clock = _clock(attempts, squeeze)
    workers = sorted({one.worker for one in attempts})
    together = math.ceil(len(workers) / _MOST_LANES)
    lane_of = {worker: i // together for i, worker in enumerate(workers)}
    lanes = [workers[i : i + together] for i in range(0, len(workers), together)]
    tall, apart = (26, 8) if len(lanes) <= 8 else (14, 5)
    names = [f"{lane[0]}" if len(lane) == 1 else f"{lane[0]}–{lane[-1]}" for lane in lanes]
    if len(names) <= 8:
        names = [f"worker {name}" for name in names]
    gutter = 12 + 6.8 * max(map(len, names))
    tops = [i * (tall + apart) for i in range(len(lanes))]
    floor = tops[-1] + tall + 6
    parts = [
        f'<text x="-10" y="{top + tall / 2 + 4:.0f}" text-anchor="end">{name}</text>'
        f'<rect class="lane" y="{top}" width="100%" height="{tall}" rx="3"/>'
        for top, name in zip(tops, names, strict=True)
    ]
    if len(attempts) <= _MOST_BLOCKS:
        parts += [_block(one, clock, tops[lane_of[one.worker]], tall) for one in attempts]
    else:
        parts += _load(attempts, clock, lane_of, tops, tall, together)
    for start, stop in clock.gaps:
        x, width = clock.place(start), clock.place(stop) - clock.place(start)
        parts.append(
            f"<g><title>Nothing ran for {_duration(stop - start)}</title>"
            f'<rect class="lane" x="{x:.2f}%" width="{width:.2f}%" height="{floor - 6}"/>'
            f'<rect class="gap" x="{x:.2f}%" width="{width:.2f}%" height="{floor - 6}"/></g>'
        )
    parts.append(_time_axis(clock, floor))
    counts = Counter(one.outcome for one in attempts)
    told = ", ".join(f"{counts[one]:,} {one}" for one in _OUTCOMES if counts[one])
    label = (
        f"Timeline of {_many(len(attempts), 'attempt')} by {_many(len(workers), 'worker')} "
        f"over {_duration(clock.moments[-1])}: {told}"
    )
    return (
        f"{_legend(counts, bool(clock.gaps))}"
        f'<svg class="chart timeline" role="img" aria-label="{label}" height="{floor + 24}" '
        f'style="margin-left:{gutter:.0f}px;width:calc(100% - {gutter:.0f}px)">'
        f"{''.join(parts)}</svg>"
    )


def _legend(counts: Mapping[Outcome, int], gaps: bool) -> str:
    items = [
        f'<li><i class="{one}"></i>{one} ({counts[one]:,})</li>'
        for one in _OUTCOMES
        if counts.get(one)
    ]
    if gaps:
        items.append(
            '<li><i class="gap"></i>nothing ran (not to scale); time counts anew after it</li>'
        )
    return f'<ul class="legend">{"".join(items)}</ul>'


def _block(one: Attempt, clock: _Clock, top: int, tall: int) -> str:
    start, stop = clock.place(one.started), clock.place(one.started + one.seconds)
    width = max(stop - start, 0.15)
    start = min(start, 100 - width)
    why = f" — {_text(one.reason, 160)}" if one.reason else ""
    number = (
        f'<text class="inside" x="{start + width / 2:.2f}%" y="{top + tall / 2 + 4:.0f}" '
        f'text-anchor="middle">{one.mini_batch}</text>'
        if width > 6 and tall > 20
        else ""
    )
    return (
        f"<g><title>Mini-batch {one.mini_batch:,}, attempt {one.attempt:,}: {one.outcome} after "
        f"{_duration(one.seconds)}, {_many(one.rows, 'row')}{why}</title>"
        f'<rect class="{one.outcome}{" edge" if width > 0.6 else ""}" x="{start:.2f}%" y="{top}" '
        f'width="{width:.2f}%" height="{tall}" rx="{3 if width > 2 else 0}"/>{number}</g>'
    )


def _load(
    attempts: Sequence[Attempt],
    clock: _Clock,
    lane_of: Mapping[int, int],
    tops: Sequence[int],
    tall: int,
    together: int,
) -> list[str]:
    """How busy each lane is at each moment: the height of its fill, by outcome."""
    busy = {one: [[0.0] * _MOMENTS for _ in tops] for one in _OUTCOMES}
    for one in attempts:
        start = clock.place(one.started) * _MOMENTS / 100
        stop = clock.place(one.started + one.seconds) * _MOMENTS / 100
        row = busy[one.outcome][lane_of[one.worker]]
        first, last = min(int(start), _MOMENTS - 1), min(int(stop), _MOMENTS - 1)
        if first == last:
            row[first] += stop - start
            continue
        row[first] += first + 1 - start
        row[last] += stop - last
        for moment in range(first + 1, last):
            row[moment] += 1
    parts = []
    for lane, top in enumerate(tops):
        below = [0.0] * _MOMENTS
        for outcome in _OUTCOMES:
            path = []
            for moment, load in enumerate(busy[outcome][lane]):
                # A single failure among thousands of attempts must still be seen.
                least = 0.0 if outcome == "done" or not load else 3 / tall
                high = min(max(load / together, least), 1.0)
                if high <= 0:
                    continue
                low = max(min(below[moment], 1 - high), 0.0)
                below[moment] = low + high
                path.append(
                    f"M{moment} {tall * (1 - low):.1f}v-{tall * high:.1f}h1v{tall * high:.1f}z"
                )
            if path:
                parts.append(
                    f'<svg y="{top}" width="100%" height="{tall}" viewBox="0 0 {_MOMENTS} {tall}" '
                    f'preserveAspectRatio="none"><path class="{outcome}" '
                    f'd="{"".join(path)}"/></svg>'
                )
    return parts


def _time_axis(clock: _Clock, floor: int) -> str:
    """Round steps of the time in which something ran; after a gap they count from its end."""
    squeezed = sum(stop - start for start, stop in clock.gaps)
    step = _round_step((clock.moments[-1] - squeezed) / 5)
    parts = [f'<line class="axis" x1="0" x2="100%" y1="{floor}" y2="{floor}"/>']
    last = -100.0
    for start, stop in _running(clock):
        for i in range(math.floor((stop - start) / step) + 1):
            x = clock.place(start + i * step)
            if x - last >= 12:
                parts.append(_tick(x, floor + 16, ("+" if start else "") + _moments(i * step)))
                last = x
    return "".join(parts)


def _running(clock: _Clock) -> list[tuple[float, float]]:
    """The stretches between the gaps, in seconds."""
    edges = [0.0, *chain.from_iterable(clock.gaps), clock.moments[-1]]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _round_step(rough: float) -> float:
    for step in (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400):
        if rough > 30 and step >= rough:
            return float(step)
    power = 10.0 ** math.floor(math.log10(rough))
    return next((power * one for one in (1, 2, 5) if power * one >= rough), power * 10)


def _moments(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{_number(float(f'{seconds:.6g}'))} s"
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{count:,} {unit}" for count, unit in parts if count)


# Failures, retries, warnings


class _Trouble(NamedTuple):  # made 100,000 times, where a dataclass would be slow
    attempt: Attempt
    file: FileResult | None
    reason: str


@dataclass(frozen=True)
class _Troubles:
    failed: Sequence[_Trouble]  # for good
    retried: Sequence[_Trouble]

    @property
    def count(self) -> int:
        return len(self.failed) + len(self.retried)

    @property
    def filtered(self) -> bool:
        """True when there are too many to take in at a glance."""
        return self.count > 8


def _troubles(attempts: Sequence[Attempt], settled: Sequence[Attempt]) -> _Troubles:
    """What was lost for good, and what was run again: by the engine or when taken up again."""
    failed = []
    for one in settled:
        lost = [file for file in one.files if file.error is not None]
        failed += [_Trouble(one, file, file.error or "") for file in lost]
        if one.missing:
            failed.append(_Trouble(one, None, f"run() returned {one.missing:,} results too few"))
        elif one.outcome == "failed" and not lost:
            failed.append(_Trouble(one, None, one.reason or "no reason was given"))
    final = {id(one) for one in settled}
    retried = [
        _Trouble(one, None, one.reason or "no reason was given")
        for one in attempts
        if one.outcome == "retried" or (one.outcome == "failed" and id(one) not in final)
    ]
    return _Troubles(failed, retried)


def _failures(troubles: _Troubles, report: Report) -> str:
    title = "Failures and retries"
    if not troubles.count:
        return _section(title, [], "<p>Nothing failed and nothing was run again.</p>")
    failed_files, retried = report.summary.failed_files, len(troubles.retried)
    notes = [
        f"{_many(failed_files, 'file')} failed for good." if failed_files else "No file failed.",
        f"{_many(retried, 'attempt')} run again." if retried else "Nothing was run again.",
    ]
    names = _file_names(report.attempts) if retried else {}
    rows, size = [], 0
    labelled = chain(
        zip(troubles.failed, repeat("failed")), zip(troubles.retried, repeat("retried"))
    )
    for one, kind in islice(labelled, _MOST_ROWS):
        rows.append(_trouble_row(one, kind, names))
        size += len(rows[-1])
        if size > _MOST_CHARACTERS:
            break
    more = troubles.count - len(rows)
    tools = (
        '<div id="tools" hidden><input type="search" aria-label="Filter failures and retries" '
        'placeholder="Filter by file or reason"><output aria-live="polite"></output></div>'
    )
    scroll = '<div class="scroll" tabindex="0" role="region" aria-label="Failures and retries">'
    return _section(
        title,
        notes,
        f"{_reasons(troubles) + tools + scroll if troubles.filtered else '<div>'}"
        '<table id="failures" class="list"><caption class="hidden">Failures and retries</caption>'
        '<thead><tr><th scope="col">What</th><th scope="col">File</th>'
        '<th scope="col" class="num">Mini-batch</th><th scope="col" class="num">Attempt</th>'
        '<th scope="col" class="num">At</th><th scope="col">Reason</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        + (f'<p class="more">and {more:,} more in <code>failures.csv</code></p>' if more else ""),
    )


def _reasons(troubles: _Troubles) -> str:
    """The most frequent reasons. Those that differ only in a file's name or a number are one."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    alike: set[str] = set()
    kinds: dict[str, str] = {}
    for one in chain(troubles.failed, troubles.retried):
        kind = kinds.get(one.reason, "")
        if not kind:
            nameless = one.reason.replace(one.file.name, "") if one.file else one.reason
            kind = kinds[one.reason] = nameless.translate(_NO_DIGITS)
        counts[kind] += 1
        if first.setdefault(kind, one.reason) != one.reason:
            alike.add(kind)
    if len(counts) == troubles.count:
        return ""
    shown = [
        (count, _text(first[kind], 240) + (" <i>and alike</i>" if kind in alike else ""))
        for kind, count in counts.most_common(_MOST_REASONS)
    ]
    rest = len(counts) - len(shown)
    more = f'<p class="more">and {_many(rest, "reason")} more</p>' if rest else ""
    return f"<h3>Reasons</h3>{_counted(shown)}{more}<h3>One by one</h3>"


def _counted(items: Iterable[tuple[int, str]]) -> str:
    return '<ul class="counted">{}</ul>'.format(
        "".join(
            f'<li><b class="num">{count:,}</b> <span>{said}</span></li>' for count, said in items
        )
    )


def _file_names(attempts: Sequence[Attempt]) -> dict[int, tuple[FileResult, ...]]:
    """The files of each mini-batch, as far as an attempt named them."""
    return {one.mini_batch: one.files for one in attempts if one.files}


def _trouble_row(one: _Trouble, kind: str, names: Mapping[int, tuple[FileResult, ...]]) -> str:
    attempt = one.attempt
    files = names.get(attempt.mini_batch, ())
    if one.file is not None:
        file = _name(one.file.name)
    elif len(files) == 1:
        file = _name(files[0].name)
    else:
        file = f'<span class="soft">{_many(len(files), "file") if files else "not known"}</span>'
    at = attempt.started + attempt.seconds
    title = f' title="{_text(one.reason)}"' if len(one.reason) > 240 else ""
    return (
        f'<tr><td class="kind {kind}">{kind}</td><td>{file}</td>'
        f'<td class="num">{attempt.mini_batch}</td><td class="num">{attempt.attempt}</td>'
        f'<td class="num" data-key="{1000 * at:.0f}">{_duration(at)}</td>'
        f'<td class="reason"{title}>{_text(one.reason, 240)}</td></tr>'
    )


def _warnings(attempts: Sequence[Attempt]) -> str:
    counts = Counter(warning for one in attempts for warning in one.warnings)
    if not counts:
        return ""
    shown = [(count, _text(warning)) for warning, count in counts.most_common(_MOST_WARNINGS)]
    rest = len(counts) - len(shown)
    more = f'<p class="more">and {rest:,} more in the logs</p>' if rest else ""
    return _section(
        "Warnings",
        [f"{counts.total():,} in all{f', {len(counts):,} different' if len(counts) > 1 else ''}."]
        if counts.total() > len(counts)
        else [],
        _counted(shown) + more,
    )


# How it was run


def _facts(report: Report) -> str:
    summary = report.summary
    facts = [
        ("Endpoint", report.endpoint),
        ("Deployment", report.deployment),
        ("Model", report.model),
        ("Input", report.input),
        ("Output", summary.output),
    ]
    listed = [(name, f'<span class="mono">{_text(value)}</span>') for name, value in facts if value]
    if report.started_at:
        listed.append(("Started", _moment(report.started_at)))
    if report.ended_at:
        listed.append(("Ended", _moment(report.ended_at)))
    if report.resumed:
        listed.append(("Taken up again", _many(report.resumed, "time")))
    items = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in listed)
    settings = "".join(
        f"<dt>{_text(key)}</dt><dd>{_text(value)}</dd>" for key, value in report.settings.items()
    )
    table = f'<h3>Settings</h3><dl class="facts mono">{settings}</dl>' if settings else ""
    return _section(
        "How it was run", [], f'<dl class="facts">{items}</dl>{_reading(report)}{table}'
    )


def _reading(report: Report) -> str:
    output = report.summary.output
    if output is None or report.settings.get("output_action") == "summary_only":
        return ""
    how = (
        f"    index_col=0,\n    names={list(report.columns)!r},"
        if report.columns
        else "    header=None,"
    )
    code = f"import pandas as pd\n\npredictions = pd.read_csv(\n    {output!r},\n{how}\n)"
    shown = "\n".join(line.translate(_ESCAPES) for line in code.split("\n"))
    return f"<h3>Read the predictions</h3><pre><code>{shown}</code></pre>"
