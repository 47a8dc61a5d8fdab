"""Reads two scorings of the same input side by side, joined on file and row.

Neither is held as a whole: a piece's lines are read a few thousand at a time, in the order of the
input, which both have.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.comparison.arrays import csv_batches
from runner.comparison.scoring import Scored
from runner.predictions import COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

_NEVER = "\x01"  # what no line of a script's is expected to hold


@dataclass(frozen=True)
class Run:
    """Says where consecutive rows of a file lie, or all lines of a script, which names no rows."""

    file: str
    first_row: int
    rows: int
    piece: Path


@dataclass(frozen=True)
class Pair:
    """Holds the answers of both versions for consecutive rows of a file, a text for each."""

    file: str
    first_row: int
    old: pa.Array
    new: pa.Array
    in_file: bool  # the rows are those of the file; of a script only the lines are counted


@dataclass(frozen=True)
class Mismatch:
    """Names a file or a mini-batch for which the versions gave other numbers of answers."""

    name: str
    old: int
    new: int


def runs_of(scored: Scored) -> dict[str, list[Run]]:
    """Return the runs of a scoring by file, in the order of the input.

    A script's lines belong to a mini-batch, which is named by its file where it has one.
    """
    found: dict[str, list[Run]] = {}
    for attempt in scored.attempts:
        if attempt.outcome != "done":
            continue
        path = scored.pieces / f"{attempt.mini_batch:08d}-{attempt.part:06d}"
        if scored.plan.script is not None:
            only = len(attempt.files) == 1
            name = attempt.files[0].name if only else f"mini-batch {attempt.mini_batch}"
            found.setdefault(name, []).append(Run(name, 0, attempt.rows, path))
            continue
        for file in attempt.files:
            if file.rows:
                first = attempt.slice.first_row if attempt.slice else 0
                found.setdefault(file.name, []).append(Run(file.name, first, file.rows, path))
    return found


def mismatches(
    old: Mapping[str, Sequence[Run]], new: Mapping[str, Sequence[Run]]
) -> dict[str, Mismatch]:
    """Return what both scored with another number of answers, by name: none of it can be joined."""
    counts = {
        name: Mismatch(name, sum(run.rows for run in old[name]), sum(run.rows for run in new[name]))
        for name in old
        if name in new
    }
    return {name: found for name, found in counts.items() if found.old != found.new}


def pairs(old: Scored, new: Scored) -> Iterator[Pair]:
    """Yield the answers that both scorings have, in the order of the input."""
    before, after = runs_of(old), runs_of(new)
    uneven = mismatches(before, after)
    lines = old.plan.script is not None
    places = {file.name: place for place, file in enumerate(old.plan.files)}
    left, right = _Lines(lines), _Lines(lines)
    # In the order of the input, what only one has as well: others may follow it in a piece.
    for name in sorted({**before, **after}, key=lambda name: places.get(name, 0)):
        if name in before and name in after and name not in uneven:
            yield from _in_step(left, before[name], right, after[name], not lines)
        else:
            left.skip(before.get(name, ()))
            right.skip(after.get(name, ()))


def _in_step(
    left: _Lines, old: Sequence[Run], right: _Lines, new: Sequence[Run], in_file: bool
) -> Iterator[Pair]:
    """Yield a file's answers where both have them, whatever slices it was scored in."""
    lefts, rights = left.chunks(old), right.chunks(new)
    (row_before, before), (row_after, after) = next(lefts, (0, None)), next(rights, (0, None))
    while before is not None and after is not None:
        if row_before < row_after:
            gap = min(row_after - row_before, len(before))
            row_before, before = row_before + gap, before.slice(gap)
        elif row_after < row_before:
            gap = min(row_before - row_after, len(after))
            row_after, after = row_after + gap, after.slice(gap)
        else:
            count = min(len(before), len(after))
            if count:
                yield Pair(
                    old[0].file, row_before, before.slice(0, count), after.slice(0, count), in_file
                )
            row_before, before = row_before + count, before.slice(count)
            row_after, after = row_after + count, after.slice(count)
        if not len(before):
            row_before, before = next(lefts, (0, None))
        if after is not None and not len(after):
            row_after, after = next(rights, (0, None))


class _Lines:
    """Reads the cells of pieces one after the other; runs are asked for in their order."""

    def __init__(self, lines: bool) -> None:
        self._lines = lines
        self._piece: Path | None = None
        self._batches: Iterator[pa.Array] = iter(())
        self._rest: pa.Array | None = None

    def skip(self, runs: Sequence[Run]) -> None:
        """Pass over the cells of runs, which are read only where others of a piece come after."""
        for run in runs:
            for _ in self._take(run):
                pass

    def chunks(self, runs: Sequence[Run]) -> Iterator[tuple[int, pa.Array]]:
        """Yield the cells of runs in parts, each with the row that it begins at."""
        for run in runs:
            row = run.first_row
            for cells in self._take(run):
                yield row, cells
                row += len(cells)

    def _take(self, run: Run) -> Iterator[pa.Array]:
        if run.piece != self._piece:
            self._piece, self._rest = run.piece, None
            self._batches = _cells(run.piece, self._lines)
        left = run.rows
        while left:
            if self._rest is None or not len(self._rest):
                self._rest = next(self._batches)
            part = self._rest.slice(0, left)
            self._rest = self._rest.slice(len(part))
            left -= len(part)
            yield part


def _cells(piece: Path, lines: bool) -> Iterator[pa.Array]:
    """Yield the answers of a piece as texts: a column of an MLflow model's, a script's lines."""
    import pyarrow as pa
    from pyarrow import csv

    if not piece.stat().st_size:
        return
    column = "line" if lines else "prediction"
    quoted = not lines and _has_quotes(piece)
    batches = csv_batches(
        piece,
        csv.ConvertOptions(
            include_columns=[column], column_types={column: pa.string()}, check_utf8=False
        ),
        csv.ParseOptions(
            delimiter=_NEVER if lines else ",",
            quote_char=False if lines else '"',
            newlines_in_values=quoted,
            ignore_empty_lines=False,
        ),
        ["line"] if lines else list(COLUMNS),
        in_one_block=quoted,
    )
    for batch in batches:
        yield batch.column(0)


def _has_quotes(piece: Path) -> bool:
    with (
        piece.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return content.find(b'"') >= 0
