"""The charts that several sections draw: a table of bars, a histogram, and their axes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from runner.report.text import name_tag, number, share
from runner.tally import Bin


class Bar(NamedTuple):
    """Holds a row of a table of bars. A failed row has words in place of its bar."""

    name: str
    rows: int
    failed: bool = False


def bars(title: str, heading: str, drawn: Sequence[Bar], *, shares: bool) -> str:
    """Return a table with a bar for the rows of each, and with their shares where asked for."""
    most = max((bar.rows for bar in drawn), default=0) or 1
    whole = sum(bar.rows for bar in drawn)
    width = 1.2 * max(len(f"{most:,}"), 4)
    short = ' class="short"' if all(len(bar.name) <= 12 for bar in drawn) else ""
    share_heading = '<th scope="col" class="num share">Share</th>' if shares else ""
    body = []
    for bar in drawn:
        mark = (
            '<span class="lost">✕ failed</span>'
            if bar.failed
            else '<svg aria-hidden="true"><rect height="14" rx="3" '
            f'width="{100 * bar.rows / most:.2f}%"/></svg>'
        )
        part = f'<td class="num soft">{share(bar.rows, whole)}</td>' if shares else ""
        body.append(
            f'<tr><th scope="row" class="row">{name_tag(bar.name)}</th><td>{mark}</td>'
            f'<td class="num">{bar.rows:,}</td>{part}</tr>'
        )
    return (
        f'<table class="bars"><caption class="hidden">{title}</caption><thead><tr>'
        f'<th scope="col"{short}>{heading}</th><th><span class="hidden">Bar</span></th>'
        f'<th scope="col" class="num" style="width:{width:.1f}ch">Rows</th>'
        f"{share_heading}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def bins(values: Sequence[float]) -> list[Bin]:
    """Return bins of equal width; whole numbers in a small range get a bin each."""
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


def columns(
    drawn: Sequence[Bin], label: str, title: Callable[[Bin], str], axis: Callable[[float], str]
) -> str:
    """Draw a histogram: a column for each bin, with its `title` as tooltip and `axis` below."""
    low, high = drawn[0].low, drawn[-1].high
    span = high - low or 1.0
    most = max(bin_.count for bin_ in drawn) or 1
    height, top = 170.0, 8.0
    floor = top + height
    counts = [count for count in tick_values(0, most, 5) if count == int(count)]
    parts = []
    for count in counts:
        y = top + height * (1 - count / most)
        parts.append(
            f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="-10" y="{y + 4:.1f}" text-anchor="end">{number(count)}</text>'
        )
    for bin_ in drawn:
        x, width = 100 * (bin_.low - low) / span, 100 * (bin_.high - bin_.low) / span or 100.0
        tall = max(height * bin_.count / most, 1.5 if bin_.count else 0.0)
        parts.append(
            f"<g><title>{title(bin_)}</title>"
            f'<rect class="hit" x="{x:.2f}%" y="{top}" width="{width:.2f}%" height="{height}"/>'
            f'<rect class="bar edge" x="{x:.2f}%" y="{floor - tall:.1f}" '
            f'width="{width:.2f}%" height="{tall:.1f}"/></g>'
        )
    parts.append(base_line(floor))
    for value in tick_values(low, high, 5):
        parts.append(tick(100 * (value - low) / span, floor + 18, axis(value)))
    gutter = 12 + 7.2 * max(len(number(count)) for count in counts)
    return drawing("chart", label, floor + 24, gutter, parts)


def drawing(kind: str, label: str, height: float, gutter: float, parts: Iterable[str]) -> str:
    """Return a drawing as wide as its section but for the gutter on its left, in pixels."""
    return (
        f'<svg class="{kind}" role="img" aria-label="{label}" height="{height:.0f}" '
        f'style="margin-left:{gutter:.0f}px;width:calc(100% - {gutter:.0f}px)">'
        f"{''.join(parts)}</svg>"
    )


def base_line(y: float) -> str:
    return f'<line class="axis" x1="0" x2="100%" y1="{y}" y2="{y}"/>'


def tick(x: float, y: float, words: str) -> str:
    """Draw words under an axis, x in percent; those at an end stay inside."""
    anchor = "start" if x < 3 else "end" if x > 95 else "middle"
    return f'<text x="{x:.2f}%" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'


def tick_number(value: float) -> str:
    """Return a multiple of a step, without what floats add to it."""
    return number(float(f"{value:.9g}"))


def tick_seconds(value: float) -> str:
    return f"{tick_number(value)} s"


def round_step(rough: float) -> float:
    """Return the least of …, 0.1, 0.2, 0.5, 1, 2, 5, 10, … that is no less than rough."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((power * digit for digit in (1, 2, 5) if power * digit >= rough), power * 10)


def tick_values(low: float, high: float, about: int) -> list[float]:
    """Return round numbers from low to high, about so many."""
    rough = (high - low) / about
    step = round_step(rough) if 0 < rough < math.inf else 0.0
    if not step:
        return [low]
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
