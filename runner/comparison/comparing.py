"""Compares what two versions answered for the same input."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.comparison.answers import AnswerCounter, Kind, kind_of
from runner.comparison.arrays import truths_of
from runner.comparison.breaks import class_breaks, mlmodel_of, scoring_breaks, signature_breaks
from runner.comparison.packages import differing_packages
from runner.comparison.pairing import Pair, pairs
from runner.comparison.parts import Ragged, parts_of, whole
from runner.comparison.records import cut
from runner.comparison.report import Answer, Break, Comparison, Floor, Segments, Side, SideName
from runner.comparison.scoring import Scored, Subject
from runner.comparison.segments import SegmentCounter
from runner.errors import JobFailed
from runner.tally import Tally, merge
from runner.venvs.interpreter import Interpreter

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE = 10_000  # answers by which a part is taken for classes or for numbers
_LONGEST = 1_000  # characters of a sentence

# Told of changed rows: their file, the first row, answers of both, and which of them changed.
OnPair = Callable[[Pair, Any], object]


@dataclass(frozen=True)
class Half:
    """Holds one of the two versions: what it is, what ran it, and what it answered."""

    subject: Subject
    interpreter: Interpreter
    scored: Scored
    again: Scored | None = None  # a sample, scored before


@dataclass(frozen=True)
class _Counted:
    rows: int
    changed: int
    differing: int
    counters: Sequence[AnswerCounter]
    only: Mapping[SideName, Set[str]]  # the parts of the answers that one version alone gives


def compare(
    old: Half,
    new: Half,
    *,
    endpoint: str | None,
    deployment: str | None,
    data: str,
    command: str,
    tolerance: float,
    notices: Sequence[str] = (),
    on_pair: OnPair | None = None,
) -> Comparison:
    """Compare what two versions answered for the same input.

    Numbers that differ by no more than `tolerance`, a share of the larger, have not changed.
    `on_pair` is told of rows side by side, with a mask of those that changed; it may be told of
    all of them once more, from the beginning, after a pair that is None. Raises JobFailed where
    neither version scored anything.
    """
    if old.scored.error is not None and new.scored.error is not None:
        raise JobFailed(
            f"neither version scores the data; the old one: {old.scored.error}; the new one:"
            f" {new.scored.error}"
        )
    models = mlmodel_of(old.subject), mlmodel_of(new.subject)
    breaks = [*signature_breaks(*models), *scoring_breaks(old.scored, new.scored)]
    plan = old.scored.plan
    segments = SegmentCounter(Path(plan.input), [file.name for file in plan.files])
    counted = _count(old.scored, new.scored, tolerance, segments, on_pair)
    breaks += [
        Break("signature", side, f"answers have {cut(part, 80)!r} with the {side} version alone")
        for side, parts in counted.only.items()
        for part in sorted(parts)
    ]
    more: list[str] = [*notices]
    answers = []
    changed = counted.changed
    for counter in counted.counters:
        answer = counter.answer()
        come, gone = counter.new_and_gone()
        breaks += class_breaks(counter.name, come, gone)
        breaks += _renamed(answer)
        more += _told(counter)
        if answer.classes and answer.classes.renamed and len(counted.counters) == 1:
            changed = 0
        answers.append(answer)
    found = segments.result()
    if changed == 0 and counted.changed:
        found = Segments(0, (), "no answer changed its meaning")
    return Comparison(
        old=_side(old),
        new=_side(new),
        endpoint=_cut(endpoint),
        deployment=_cut(deployment),
        data=cut(data, _LONGEST),
        rows=counted.rows,
        changed=changed,
        differing=counted.differing,
        breaks=tuple(breaks),
        answers=tuple(_worth_telling(answers)),
        segments=found,
        floor=_floor(old, tolerance),
        packages=differing_packages((old.interpreter, models[0]), (new.interpreter, models[1])),
        notices=tuple(cut(notice, _LONGEST) for notice in more),
        command=cut(command, _LONGEST),
    )


def _count(
    old: Scored,
    new: Scored,
    tolerance: float,
    segments: SegmentCounter | None = None,
    on_pair: OnPair | None = None,
) -> _Counted:
    """Count the answers of both side by side; as wholes where they can't be taken apart."""
    try:
        return _count_by(parts_of, old, new, tolerance, segments, on_pair)
    except Ragged:
        if segments is not None:
            segments.begin_again()
        if on_pair is not None:
            on_pair(None, None)  # type: ignore[arg-type]
        return _count_by(whole, old, new, tolerance, segments, on_pair)


def _count_by(
    take_apart: Callable[[pa.Array, bool], Any],
    old: Scored,
    new: Scored,
    tolerance: float,
    segments: SegmentCounter | None,
    on_pair: OnPair | None,
) -> _Counted:
    import numpy as np
    import pyarrow.compute as pc

    script = old.plan.script is not None
    tallies = _tallies(old, new)
    counters: dict[str, AnswerCounter] = {}
    rows = changed = differing = 0
    only: dict[SideName, Set[str]] = {}
    if old.error is not None or new.error is not None:
        return _Counted(0, 0, 0, (), {})
    for pair in pairs(old, new):
        before, after = take_apart(pair.old, script), take_apart(pair.new, script)
        if not counters:
            names = [name for name in before if name in after]
            if not names:
                raise Ragged
            only = {"old": before.keys() - after.keys(), "new": after.keys() - before.keys()}
            counters = {
                name: AnswerCounter(name, _kind(name, tallies, before, after), tolerance)
                for name in names
            }
        if counters.keys() != before.keys() & after.keys():
            raise Ragged
        moved = np.zeros(len(pair.old), bool)
        for name, counter in counters.items():
            moved |= counter.add(before[name], after[name])[0]
        apart = truths_of(pc.not_equal(pair.old, pair.new))
        rows += len(moved)
        changed += int(moved.sum())
        differing += int(apart.sum())
        if segments is not None and pair.in_file:
            segments.add(pair.file, pair.first_row, moved)
        if on_pair is not None and moved.any():
            on_pair(pair, moved)
    return _Counted(rows, changed, differing, list(counters.values()), only)


def _tallies(*sides: Scored) -> dict[str, list[Tally]]:
    """Return what the engine counted of each part of the answers, by its name."""
    found: dict[str, list[Tally]] = {}
    for scored in sides:
        if scored.plan.script is not None:
            continue
        counted = merge(attempt.tally for attempt in scored.attempts)
        for name, tally in counted.by_column().items():
            found.setdefault(name, []).append(tally)
    return found


def _kind(name: str, tallies: dict[str, list[Tally]], before: Any, after: Any) -> Kind:
    samples = [
        [text or "" for text in side[name].slice(0, _SAMPLE).to_pylist()]
        for side in (before, after)
    ]
    known = tallies.get(name, [])
    return kind_of(samples, [(bool(tally.buckets), tally.classes) for tally in known])


def _worth_telling(answers: Sequence[Answer]) -> list[Answer]:
    """Leave out texts that are all alike, such as the names of files, where there are others."""
    told = [answer for answer in answers if answer.classes or answer.numbers or answer.differing]
    return told or list(answers[:1])


def _renamed(answer: Answer) -> list[Break]:
    if not answer.classes or not answer.classes.renamed:
        return []
    moves = ", ".join(f"{cut(a, 60)} is {cut(b, 60)} now" for a, b in answer.classes.renamed[:5])
    told = f"{cut(answer.name, 80)}: classes are only called otherwise: {moves}"
    return [Break("classes", "new", told)]


def _told(counter: AnswerCounter) -> list[str]:
    found = []
    if respelled := counter.respelled():
        spelled = ", ".join(f"{cut(a, 60)} as {cut(b, 60)}" for a, b in respelled[:5])
        found.append(f"{counter.name} is written otherwise and means the same: {spelled}")
    if permuted := counter.permuted():
        moves = ", ".join(f"every {cut(a, 60)} is {cut(b, 60)} now" for a, b in permuted[:5])
        found.append(f"{counter.name}: {moves}, without exception: are the labels mixed up?")
    return found


def _floor(half: Half, tolerance: float) -> Floor | None:
    if half.again is None:
        return None
    keys = {attempt.key for attempt in half.again.attempts}
    same = [attempt for attempt in half.scored.attempts if attempt.key in keys]
    scored = Scored(half.scored.plan, tuple(same), half.scored.pieces)
    counted = _count(half.again, scored, tolerance)
    return Floor(counted.rows, counted.changed)


def _side(half: Half) -> Side:
    subject, scored = half.subject, half.scored
    version = half.interpreter.version or _own_version()
    where = f"venv {half.interpreter.venv}" if half.interpreter.venv else "the runner's own"
    return Side(
        label=cut(subject.label),
        content_hash=subject.content_hash,
        size=subject.size,
        python=cut(f"Python {version}, {where}"),
        seconds=round(scored.seconds, 3),
        rows=scored.rows,
        failed_files=scored.failed_files,
        error=None if scored.error is None else cut(scored.error, _LONGEST),
    )


def _own_version() -> str:
    import platform

    return platform.python_version()


def _cut(text: str | None) -> str | None:
    return None if text is None else cut(text)
