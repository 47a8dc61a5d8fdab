"""The comparison of two batch jobs, by the columns of their inputs and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runner.cli.printing import print_json, print_note, print_table, printable
from runner.counting import many
from runner.drift.comparison import (
    CHI_SQUARE,
    JENSEN_SHANNON,
    KOLMOGOROV_SMIRNOV,
    STABILITY,
    WASSERSTEIN,
    ColumnDrift,
    Comparison,
    Measure,
    Part,
    compare_profiles,
)
from runner.errors import WrongUsage
from runner.workspace import JobStatus, as_json

if TYPE_CHECKING:
    from runner.workspace import Job, Workspace

_TITLES = ("column", "drift", "distance", "threshold", "by chance", "PSI", "p", "nulls")
_DISTANCES = {WASSERSTEIN: "W", JENSEN_SHANNON: "JS"}


def compare_jobs(workspace: Workspace, jobs: Sequence[Job]) -> Comparison:
    """Compare two completed batch jobs; the first is the baseline. WrongUsage for any others."""
    if len(jobs) != 2:
        raise WrongUsage("batch jobs are compared two at a time: name the baseline and another one")
    for job in jobs:
        if job.status is not JobStatus.COMPLETED:
            raise WrongUsage(f"job {job.name!r} can't be compared: {_why_not(job)}")
    before, after = jobs
    return compare_profiles(
        before.name,
        workspace.profile(before.name),
        after.name,
        workspace.profile(after.name),
    )


def _why_not(job: Job) -> str:
    if not job.status.final:
        return f"it is {job.status}; `runner jobs stream {job.name}` waits for its end"
    return (
        f"it is {job.status}, and what it scored is a part of its input;"
        f" `runner jobs resume {job.name}` takes it up again"
    )


def print_drift(comparison: Comparison, format_: str) -> None:
    """Print a comparison as `table`, `json` or `markdown`."""
    if format_ == "json":
        print_json(_document(comparison))
    elif format_ == "markdown":
        print("\n".join(_markdown(comparison)))
    else:
        rows = [[printable(cell) for cell in _row(column)] for column in comparison.columns]
        print_table(_TITLES, rows)
        print_note(_verdict(comparison))
        for note in _notes(comparison):
            print_note(note)


def _document(comparison: Comparison) -> dict[str, Any]:
    document: dict[str, Any] = as_json(comparison)
    for told, column in zip(document["columns"], comparison.columns, strict=True):
        told["drifted"] = column.drifted
    document["drifted"] = [column.name for column in comparison.drifted]
    return document


def _verdict(comparison: Comparison) -> str:
    drifted = comparison.drifted
    of = f"of {many(comparison.compared, 'column')} compared"
    rows = (
        f"{many(comparison.baseline_rows, 'row')} in {comparison.baseline},"
        f" {many(comparison.other_rows, 'row')} in {comparison.other}"
    )
    if not comparison.compared:
        return f"nothing to compare: {rows}"
    if not drifted:
        return f"no drift in any {of}: {rows}"
    return f"drift in {len(drifted)} {of}, {', '.join(c.name for c in drifted)}: {rows}"


def _notes(comparison: Comparison) -> list[str]:
    notes = [f"{_name(column)}: {column.note}" for column in comparison.columns if column.note]
    if not any(column.side == "input" for column in comparison.columns):
        notes.append("the inputs are not compared: neither job left a profile of them")
    return notes


def _name(column: ColumnDrift) -> str:
    return f"{column.name} (predicted)" if column.side == "output" else column.name


def _row(column: ColumnDrift) -> list[str]:
    judged = column.judged
    stability = column.measure(STABILITY)
    test = column.measure(KOLMOGOROV_SMIRNOV, CHI_SQUARE)
    nulls = f"{_rate(column.baseline)} → {_rate(column.other)}"
    if column.kind is None:
        return [_name(column), "-", "not compared", "", "", "", "", nulls]
    return [
        _name(column),
        "yes" if column.drifted else "no",
        f"{_DISTANCES[judged.metric]} {_number(judged)}" if judged else "",
        f"{judged.threshold:g}" if judged else "",
        f"{judged.chance:.5f}" if judged and judged.chance is not None else "",
        _number(stability),
        _number(test),
        nulls,
    ]


def _number(measure: Measure | None) -> str:
    """Return a value with five decimals, or fewer where its error leaves fewer."""
    if measure is None:
        return ""
    digits = next((n for n in (5, 4, 3, 2) if measure.error < 0.5 * 10.0**-n), 2)
    return f"{measure.value:.{digits}f}"


def _rate(part: Part | None) -> str:
    return "none" if part is None else f"{part.null_rate:.1%}"


def _markdown(comparison: Comparison) -> list[str]:
    lines = [f"**{_escaped(_verdict(comparison))}**", ""]
    lines.append(f"| {' | '.join(_TITLES)} |")
    lines.append("|---" * len(_TITLES) + "|")
    lines += [f"| {' | '.join(map(_escaped, _row(column)))} |" for column in comparison.columns]
    if notes := _notes(comparison):
        lines += ["", *(f"- {_escaped(note)}" for note in notes)]
    return lines


def _escaped(text: str) -> str:
    """Return a text as neither Markdown nor HTML, whatever a column is called, cut to a cell."""
    shown = printable(text)
    shown = shown if len(shown) <= 300 else shown[:299] + "…"
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{sign}" if sign in "\\`*_[]|#@!~" else sign for sign in shown)
