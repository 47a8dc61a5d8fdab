"""`runner models compare`, which finds and scores two versions and shows the differences."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.interrupt import interruptible
from runner.cli.options import Session
from runner.project import LOCAL

if TYPE_CHECKING:
    from runner.comparison.report import Answer, Comparison

TOLERANCE = 1e-6  # of numbers, where none is given
EXCEEDED = 4  # the exit status where more changes than --fail-over allows
_FAILING = ("refused", "files", "rows")  # what --fail-over counts as too much, however little
_MOST_CLASSES = 12  # of a matrix on the terminal


def share(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Read a share of rows, such as 5%, as a number from 0 to 1."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s?%", value, re.ASCII)
    if found is None or float(found[1]) > 100:
        raise click.BadParameter(f"{value!r} is no share of the rows; write 5% or 0.5%", ctx, param)
    return float(found[1]) / 100


def excess(comparison: Comparison, limit: float) -> str | None:
    """Return in a line why a comparison goes over a limit, a share of the rows; None where not.

    The share that the old version's own unsteadiness explains is taken off. Rows at which only the
    new version fails go over every limit.
    """
    from runner.comparison.words import percent

    for found in comparison.breaks:
        if found.side == "new" and found.kind in _FAILING:
            return f"--fail-over: {found.text}"
    if comparison.above_floor > limit:
        share = percent(comparison.above_floor)
        return f"--fail-over: {share} of the rows change, and {percent(limit)} may"
    return None


def compare_versions(
    session: Session,
    old: str,
    new: str | None,
    rows: Path | None,
    *,
    endpoint: str | None,
    deployment: str | None,
    data: str | None,
    tolerance: float,
) -> Comparison:
    """Find both versions, score them on this machine, and compare what they answer.

    The rows that changed are written to the file `rows`, if one is given.
    Raises a RunnerError naming what can't be found, reached or scored.
    """
    from runner.cli.printing import print_note
    from runner.comparison.changed_rows import changed_rows
    from runner.comparison.comparing import Half, compare
    from runner.comparison.scoring import score
    from runner.comparison.versions import (
        declared_at,
        find_data,
        find_version,
        find_working_tree,
        named_model,
    )
    from runner.environments import open_version_scorer

    names = {name for text in (old, new) if text and (name := named_model(text))}
    scorer = open_version_scorer(session.environment, session.env_manager, print_note)
    if not names and new and (named := declared_at(new, scorer.catalog)):
        names = {named}
    workspace = session.open()
    options = {
        "--endpoint": endpoint,
        "--deployment": deployment,
        "--data": data,
        "--tolerance": f"{tolerance:g}" if tolerance != TOLERANCE else None,
        "--env": session.environment if session.environment != LOCAL else None,
    }
    with interruptible(), ExitStack() as stack:
        folder = stack.enter_context(scorer.scratch())
        asked = scorer.resolve_request(endpoint, deployment, data, names)
        name = min(names, default=asked.model)
        before = find_version(workspace, old, name, scorer.catalog, _made(folder / "from-old"))
        after = (
            find_version(workspace, new, name, scorer.catalog, _made(folder / "from-new"))
            if new
            else find_working_tree(before.name or name, asked.deployment, scorer.catalog)
        )
        shown, chosen, notices = find_data(
            workspace, asked.data or "", scorer.catalog.data, _made(folder / "from-data")
        )
        trials = [
            scorer.prepare(subject, asked, chosen, folder / called)
            for subject, called in ((before, "old"), (after, "new"))
        ]
        halves: list[Half] = []
        for subject, trial in zip((before, after), trials, strict=True):
            print_note(f"scoring {subject.label}")
            with scorer.held(trial):
                scored, again = score(trial, twice=not halves)
            halves.append(Half(subject, trial.interpreter, scored, again))
        writer = stack.enter_context(changed_rows(rows))
        return compare(
            *halves,
            endpoint=asked.endpoint,
            deployment=asked.deployment.name if asked.deployment else None,
            data=shown,
            command=_command(old, new, options),
            notices=(*asked.notices, *notices),
            tolerance=tolerance,
            on_pair=writer.add if writer else None,
        )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _command(old: str, new: str | None, options: Mapping[str, str | None]) -> str:
    """Return the command that makes the comparison again."""
    from runner.comparison.quoting import quoted

    words = ["runner", "models", "compare", old, *([new] if new else [])]
    for option, value in options.items():
        if value is not None:
            words += [option, value]
    return quoted(words)


def print_comparison(comparison: Comparison) -> None:
    """Print a comparison for a person: what breaks first, then what changes and where."""
    from runner.cli.printing import printable, styled
    from runner.comparison.words import checks, packages_size_time, told_moves, verdict

    first = comparison.answers[0] if len(comparison.answers) == 1 else None
    told = told_moves(first.classes) if first and first.classes else ""
    print(
        styled(printable(verdict(comparison)), sys.stdout, bold=True)
        + (f": {printable(told)}" if told else "")
    )
    print(printable(f"{comparison.old.label} → {comparison.new.label}, {comparison.data}"))
    if comparison.breaks:
        _print_list("what breaks", [found.text for found in comparison.breaks])
    for answer in comparison.answers:
        _print_answer(answer, several=first is None)
    _print_list("chance and floor", list(checks(comparison)))
    _print_segments(comparison)
    _print_list("packages, size, time", list(packages_size_time(comparison)))
    if comparison.notices:
        _print_list("notices", comparison.notices)


def _print_list(title: str, lines: Sequence[str]) -> None:
    from runner.cli.printing import printable, styled

    if lines:
        print()
        print(styled(title, sys.stdout, bold=True))
        for line in lines:
            print(f"  {printable(line)}")


def _print_answer(answer: Answer, several: bool) -> None:
    from runner.cli.printing import print_table
    from runner.comparison.records import cut

    if several:
        _print_list(cut(answer.name, 60), [f"{answer.changed:,} of {answer.rows:,} rows change"])
    classes = answer.classes
    if not classes or not answer.differing or len(classes.names) > _MOST_CLASSES:
        return
    print()
    names = [cut(name, 30) for name in classes.names]
    print_table(
        ["old \\ new", *names],
        [[name, *line] for name, line in zip(names, classes.matrix, strict=True)],
    )


def _print_segments(comparison: Comparison) -> None:
    from runner.comparison.records import cut
    from runner.comparison.words import percent, told_p

    segments = comparison.segments
    if segments.untried:
        lines = [segments.untried]
    else:
        lines = [
            f"{cut(part.column, 60)} {cut(part.values, 60)}: {percent(part.share)} of"
            f" {part.rows:,} rows change ({told_p(part.p_value)})"
            for part in segments.found
        ] or ["nowhere more than elsewhere"]
        lines.append(f"{segments.tried:,} segments were tried, and p is corrected for that")
    _print_list("where changes gather", lines)
