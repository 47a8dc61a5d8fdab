"""Tells a comparison in sentences, the same wherever they stand. Nothing here is escaped."""

from __future__ import annotations

from collections.abc import Iterator

from runner.comparison.records import cut
from runner.comparison.report import Answer, Classes, Comparison, Numbers
from runner.counting import many, size

_MOST_MOVES = 4
_LONGEST = 60  # characters of a name in a sentence
_SURE = 0.05


def percent(share: float) -> str:
    """Return a share as people read it, never 0 % or 100 % for what is neither."""
    value = 100 * share
    if 0 < value < 0.1:
        return "< 0.1 %"
    if 99.9 < value < 100:
        return "> 99.9 %"
    return f"{value:.1f} %".replace(".0 %", " %")


def verdict(comparison: Comparison) -> str:
    """Return what the new version does to the answers, in a few words."""
    refused = [found.text for found in comparison.breaks if found.kind == "refused"]
    if refused:
        return refused[0]
    if not comparison.rows:
        return "No row can be compared"
    whole = many(comparison.rows, "prediction")
    if not comparison.changed:
        return f"None of {whole} changes"
    verb = "changes" if comparison.changed == 1 else "change"
    return f"{comparison.changed:,} of {whole} {verb} ({percent(comparison.share)})"


def moves(classes: Classes) -> list[tuple[int, str, str]]:
    """Return how many rows went from which class to which, the most frequent first."""
    found = [
        (count, classes.names[row], classes.names[column])
        for row, line in enumerate(classes.matrix)
        for column, count in enumerate(line)
        if row != column and count
    ]
    return sorted(found, key=lambda move: -move[0])


def told_moves(classes: Classes) -> str:
    """Return the most frequent moves in a line; empty where there is none."""
    found = moves(classes)
    if classes.renamed or not found:
        return ""
    told = [f"{count:,} from {_name(a)} to {_name(b)}" for count, a, b in found[:_MOST_MOVES]]
    rest = sum(count for count, _, _ in found[_MOST_MOVES:])
    return ", ".join(told) + (f", {rest:,} others" if rest else "")


def checks(comparison: Comparison) -> Iterator[str]:
    """Yield what stands beside the verdict: chance, the floor, what differs at all."""
    for answer in comparison.answers:
        if answer.classes and answer.classes.test:
            yield _test(answer, several=len(comparison.answers) > 1)
        if answer.numbers:
            yield _numbers(answer.name, answer.numbers)
    if comparison.differing > comparison.changed:
        yield (
            f"{many(comparison.differing, 'answer')} {_are(comparison.differing)} not the same"
            f" text; {comparison.changed:,} differ by more than the tolerance or in their meaning"
        )
    floor = comparison.floor
    if floor and floor.changed:
        yield (
            f"the old version answers differently each time: {floor.changed:,} of"
            f" {many(floor.rows, 'row')} ({percent(comparison.floor_share)}) when it is scored"
            f" again; {percent(comparison.above_floor)} of the rows change above that"
        )
    elif floor and floor.rows:
        yield f"the old version answers {many(floor.rows, 'row')} the same when it is scored again"


def _test(answer: Answer, several: bool) -> str:
    classes = answer.classes
    assert classes is not None
    assert classes.test is not None
    test = classes.test
    within = test.p_value >= _SURE
    shift = max(classes.shifts, key=lambda shift: abs(shift.new - shift.old) - shift.chance)
    moved = shift.new - shift.old
    of = f" of {_name(answer.name)}" if several else ""
    return (
        f"the counts of the classes{of} shift {'no more' if within else 'more'} than by chance"
        f" ({test.name}, {told_p(test.p_value)}): {_name(shift.name)} by {moved:+,};"
        f" chance alone moves up to {shift.chance:,.0f} in 95 of 100 cases"
    )


def told_p(value: float) -> str:
    """Return a p-value as it stands in a sentence: `p = 0.03`."""
    text = p_value(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def p_value(value: float) -> str:
    """Return a p-value as people read it."""
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def _numbers(name: str, numbers: Numbers) -> str:
    whole = not (numbers.old_nulls or numbers.new_nulls)
    rows = "the rows" if whole else "the rows with a number in both"
    told = ", ".join(
        f"{percent(part.share)}{'' if place else f' of {rows} move'} by at most"
        f" {part.difference:.3g}"
        for place, part in enumerate(numbers.quantiles)
    )
    line = f"{_name(name)}: {told}" if told else f"{_name(name)}: no row has a number in both"
    line += f"; its mean goes from {numbers.old_mean:.6g} to {numbers.new_mean:.6g}"
    if numbers.probabilities:
        line += f"; {numbers.crossing:,} {'crosses' if numbers.crossing == 1 else 'cross'} 0.5"
    if numbers.old_nulls != numbers.new_nulls:
        line += f"; without a number: {numbers.old_nulls:,}, now {numbers.new_nulls:,}"
    return line


def packages_size_time(comparison: Comparison) -> Iterator[str]:
    """Yield what differs in packages, size and time."""
    old, new = comparison.old, comparison.new
    packages = comparison.packages
    if packages:
        told = [
            f"{_name(package.name)} {_version(package.old)} → {_version(package.new)}"
            for package in packages[:8]
        ]
        more = f" and {len(packages) - 8} more" if len(packages) > 8 else ""
        yield f"packages: {', '.join(told)}{more}"
    if old.python != new.python:
        yield f"declared environment: {_name(old.python)} → {_name(new.python)}"
    yield (
        f"model {size(old.size)} → {size(new.size)}; scoring {old.seconds:,.1f} s →"
        f" {new.seconds:,.1f} s"
    )


def _version(version: str | None) -> str:
    return "not there" if version is None else cut(version, _LONGEST)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _name(text: str) -> str:
    return cut(text, _LONGEST)
