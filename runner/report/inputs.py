"""The section of the inputs: a line for each of their columns, from the job's profile."""

from __future__ import annotations

from runner.counting import many
from runner.profile.column import Column, Numbers, Texts
from runner.profile.profile import Profile
from runner.report.section import section
from runner.report.text import number, share, shown

_MOST_COLUMNS = 40  # of a wider table there is nothing to see


def inputs(profile: Profile | None) -> str:
    """Tell of each column its range or its kinds, and what is missing; nothing of many columns."""
    if profile is None or not 0 < len(profile.inputs) <= _MOST_COLUMNS:
        return ""
    lines = "".join(
        f"<dt>{shown(name, 40)}</dt><dd>{_about(column)}</dd>"
        for name, column in profile.inputs.items()
    )
    notes = [
        f"{many(len(profile.inputs), 'column')} of {many(profile.rows, 'row')}.",
        "Compare two jobs with <code>runner jobs compare</code>.",
    ]
    return section("Inputs by column", notes, f'<dl class="facts">{lines}</dl>')


def _about(column: Column) -> str:
    rows = column.count + column.nulls
    missing = f" {share(column.nulls, rows)} missing." if column.nulls else ""
    if not column.count:
        return f"No values.{missing}"
    if isinstance(column, Numbers):
        ends = f"From {number(column.low)} to {number(column.high)}, mean {number(column.mean)}."
        return f"{ends}{missing}"
    if isinstance(column, Texts):
        return f"{_kinds(column)}{missing}"
    return f"{many(column.count, 'value')}.{missing}"


def _kinds(column: Texts) -> str:
    """Say how many different texts there are, and the most frequent one where it may be told."""
    if column.kinds is None:
        return "Text of many kinds."
    code, count = max(column.kinds.items(), key=lambda item: item[1])
    name = (column.names or {}).get(code)
    kinds = f"{many(len(column.kinds), 'kind')}."
    if name is None:
        return kinds
    return f"{kinds} {shown(name, 40)} is the most frequent, {share(count, column.count)}."
