"""Tells a comparison as an HTML page, in the frame of the jobs' reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from runner.comparison.records import cut
from runner.comparison.report import Answer, Comparison
from runner.comparison.words import (
    checks,
    p_value,
    packages_size_time,
    percent,
    told_moves,
    verdict,
)
from runner.report.frame import framed
from runner.report.section import section
from runner.report.text import shown

_NAME = 60  # characters of a name
_IN_MATRIX = 24


def to_page(comparison: Comparison) -> str:
    """Return the whole page. It asks for nothing from anywhere and runs no script."""
    names = f"{comparison.old.label} → {comparison.new.label}"
    return framed(cut(names), "comparison", _head(comparison, names), _sections(comparison))


def _head(comparison: Comparison, names: str) -> str:
    where = " / ".join(part for part in (comparison.endpoint, comparison.deployment) if part)
    told = " · ".join(shown(part) for part in (where, comparison.data) if part)
    return (
        f"<header><h1>{shown(verdict(comparison))}</h1>"
        f'<p class="note">{shown(names)}</p><p class="note">{told}</p></header>'
    )


def _sections(comparison: Comparison) -> Iterator[str]:
    if comparison.breaks:
        yield section("What breaks", (), _list(found.text for found in comparison.breaks))
    for answer in comparison.answers:
        told = told_moves(answer.classes) if answer.classes else ""
        notes = (f"{answer.changed:,} of {answer.rows:,} rows change", shown(told))
        yield section(shown(answer.name, _NAME), notes, _answer(answer))
    yield section("Chance and floor", (), _list(checks(comparison)))
    yield section("Where changes gather", (_tried(comparison),), _segments(comparison))
    yield section("Packages, size, time", (), _list(packages_size_time(comparison)))
    if comparison.notices:
        yield section("Notices", (), _list(comparison.notices))
    yield section("Once more", (), f"<p><code>{shown(comparison.command)}</code></p>")


def _list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{shown(line)}</li>' for line in lines)}</ul>"


def _answer(answer: Answer) -> str:
    classes, numbers = answer.classes, answer.numbers
    if classes:
        names = [shown(name, _IN_MATRIX) for name in classes.names]
        rows = [
            [name, *(f"{count:,}" for count in line)]
            for name, line in zip(names, classes.matrix, strict=True)
        ]
        shifts = [
            [shown(part.name, _NAME), f"{part.old:,}", f"{part.new:,}", f"{part.chance:,.0f}"]
            for part in classes.shifts
        ]
        return _table(["old \\ new", *names], rows) + _table(
            ["class", "old", "new", "by chance up to"], shifts
        )
    if numbers:
        rows = [[f"{part.share:.0%}", f"{part.difference:.4g}"] for part in numbers.quantiles]
        return _table(["share of the rows with a number in both", "difference at most"], rows)
    return f"<p>{answer.differing:,} texts differ</p>"


def _tried(comparison: Comparison) -> str:
    segments = comparison.segments
    if segments.untried:
        return shown(segments.untried)
    return f"{segments.tried:,} segments were tried, and p is corrected for that"


def _segments(comparison: Comparison) -> str:
    found = comparison.segments.found
    if not found:
        return "<p>nowhere more than elsewhere</p>"
    rows = [
        [
            shown(f"{segment.column} {segment.values}", _NAME),
            f"{segment.rows:,}",
            f"{segment.changed:,}",
            percent(segment.share).replace("<", "&lt;").replace(">", "&gt;"),
            p_value(segment.p_value).replace("<", "&lt;"),
        ]
        for segment in found
    ]
    return _table(["segment", "rows", "changed", "share", "p"], rows)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of what is escaped already."""
    head = "".join(f"<th>{title}</th>" for title in titles)
    lines = (f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
