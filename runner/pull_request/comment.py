"""Writes the comment on a pull request: what it changes of the answers, in up to 25 lines.

It needs no package. The reports come from where a stranger's code ran: they are read as data, and
all that identifies a comparison (versions, deployments, the command) is taken from git.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from runner.comparison.markdown import MOST, escaped, to_markdown
from runner.comparison.quoting import quoted
from runner.comparison.report import Comparison, from_json
from runner.comparison.words import verdict
from runner.counting import many
from runner.errors import WrongUsage
from runner.pull_request.changes import Change, Changes, Fetched, Versions, versions

MARKER = "<!-- what the models of this pull request change -->"
NOTHING = f"{MARKER}\n**No pin and no model's files change any more**\n"
_MOST_OTHERS = 7  # lines beside the comparison that is shown
_MOST_BYTES = 4_000_000  # of a report

Report = Comparison | str  # or why there is none


def read_report(reports: Path, place: int) -> Report:
    """Return the report of a pair of versions, or in a line why there is none."""
    file = reports / f"{place}.json"
    try:
        if file.exists():
            with file.open("rb") as stream:
                content = stream.read(_MOST_BYTES + 1)
            if len(content) > _MOST_BYTES:
                return "its report is too large"
            return from_json(content)
        with (reports / f"{place}.txt").open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - 4096))
            lines = stream.read().decode(errors="replace").strip().splitlines()
    except WrongUsage as error:
        return str(error)
    except OSError:
        return "the comparison did not end"
    return (lines or ["it failed and said nothing"])[-1].removeprefix("error: ")


def to_comment(
    changes: Changes, fetched: Sequence[Fetched], folder: Path, models: Path, reports: Path
) -> str:
    """Return the comment, its marker in the first line; empty where nothing has changed."""
    if not changes.changes and not changes.problems:
        return ""
    pairs = versions(changes, fetched, folder, models)
    found = [(pair, read_report(reports, place)) for place, pair in enumerate(pairs)]
    compared = sorted(
        [(pair, report) for pair, report in found if isinstance(report, Comparison)],
        key=lambda known: _rank(known[1]),
    )
    others = [
        *(
            f"{_named(changes, pair)}: **{escaped(verdict(report))}**"
            for pair, report in compared[1:]
        ),
        *(f"⚠️ {escaped(problem)}" for problem in changes.problems),
        *(
            f"{_named(changes, pair)} is not compared: {escaped(report)}"
            for pair, report in found
            if isinstance(report, str)
        ),
        *_uncompared(changes, fetched, pairs),
    ]
    if not compared:
        head = [f"**{escaped(_summary(changes, found, fetched))}**", ""]
        return _joined([MARKER, *head, *_cut(others, MOST - 3)])
    pair, report = compared[0]
    shown = _cut(others, _MOST_OTHERS)
    room = MOST - 1 - (len(shown) + 1 if shown else 0)
    lines = to_markdown(_described(changes, pair, report), room).splitlines()
    return _joined([MARKER, *lines, *(["", *shown] if shown else [])])


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def _cut(lines: list[str], most: int) -> list[str]:
    if len(lines) > most:
        lines = [*lines[: most - 1], f"and {len(lines) - most + 1:,} more"]
    return [f"- {line}" for line in lines]


def _rank(report: Comparison) -> tuple[bool, float]:
    """Return what sorts the comparison first that has most to tell."""
    return not any(found.kind == "refused" for found in report.breaks), -report.above_floor


def _summary(
    changes: Changes, found: Sequence[tuple[Versions, Report]], fetched: Sequence[Fetched]
) -> str:
    if not changes.changes:
        return "What changes can't be read"
    same = sum(1 for entry in fetched if _is_same(entry))
    if same == len(changes.changes):
        return "No prediction changes: the files of the models are the same"
    return f"{many(len(changes.changes), 'change')} of pins and models, none compared"


def _is_same(entry: Fetched) -> bool:
    return bool(entry.old and entry.new and entry.old.content_hash == entry.new.content_hash)


def _named(changes: Changes, pair: Versions) -> str:
    """Return which change it is, for a line of a list; escaped."""
    change = changes.changes[pair.places[0]]
    return escaped(f"{_short(change.old)} → {_short(change.new)}{_where(changes, pair.places)}")


def _where(changes: Changes, places: Sequence[int]) -> str:
    change = changes.changes[places[0]]
    as_ = f"{change.endpoint}/{change.deployment}" if change.endpoint else change.pinned
    names = [changes.changes[place].environment for place in places]
    known = list(dict.fromkeys(name for name in names if name))
    return f" ({as_}{' in ' if known else ''}{', '.join(known)})"


def _short(reference: str | None) -> str:
    return (reference or "nothing").removeprefix("azureml:")


def _uncompared(
    changes: Changes, fetched: Sequence[Fetched], pairs: Sequence[Versions]
) -> Iterator[str]:
    """Yield a line, escaped, for each change of which there is nothing to compare."""
    done = {place for pair in pairs for place in pair.places}
    entries: Mapping[int, Fetched] = {entry.change: entry for entry in fetched}
    for place, change in enumerate(changes.changes):
        if change.old and change.new and _short(change.old) != _short(change.new):
            moved = _model(change.old) != _model(change.new) and change.environment
            if moved:
                yield escaped(
                    f"{change.pinned} in {change.environment} goes to another model, from"
                    f" {_short(change.old)} to {_short(change.new)}"
                )
        if place not in done:
            yield escaped(_told(change, entries.get(place)))


def _model(reference: str) -> str:
    return _short(reference).partition("@")[0].partition(":")[0]


def _told(change: Change, entry: Fetched | None) -> str:
    if change.environment is None:
        if change.old is None:
            return f"model {change.model} has files for the first time"
        if change.new is None:
            return f"model {change.model} has no files any more"
        return f"the files of model {change.model} change, and no batch deployment has it"
    pin = f"{change.pinned} in {change.environment}"
    if change.old is None:
        return f"{pin} is pinned for the first time, to {_short(change.new)}"
    if change.new is None:
        return f"{pin} is not pinned any more; it was {_short(change.old)}"
    versions_ = f"{pin}, {_short(change.old)} → {_short(change.new)}"
    if entry is None:
        return f"{versions_}: not compared, as the workspace was not asked"
    if entry.error:
        return f"{versions_}: not compared: {entry.error}"
    if _is_same(entry):
        return f"{versions_}: the same files, by their content hash"
    return f"{versions_}: not compared, as no batch deployment has the model"


def _described(changes: Changes, pair: Versions, report: Comparison) -> Comparison:
    """Return a report that says of git, and not of the machine that made it, what it compares."""
    change = changes.changes[pair.places[0]]
    return replace(
        report,
        old=replace(report.old, label=_short(change.old)),
        new=replace(report.new, label=f"{_short(change.new)}{_where(changes, pair.places)}"),
        command=_command(changes, change),
    )


def _command(changes: Changes, change: Change) -> str:
    """Return what makes the comparison again in a checkout of the pull request."""
    old, new = _short(change.old), _short(change.new)
    if change.environment is None:
        tree = f"../before-{changes.base[:12]}"
        add = quoted(["git", "worktree", "add", tree, changes.base[:12]])
        return f"{add} && {quoted(_words(change, f'{tree}/{old}', f'./{new}'))}"
    return quoted([*_words(change, old, new), "--env", change.environment])


def _words(change: Change, old: str, new: str) -> list[str]:
    words = ["runner", "models", "compare", old, new]
    for option, value in (("--endpoint", change.endpoint), ("--deployment", change.deployment)):
        words += [option, value] if value else []
    return words
