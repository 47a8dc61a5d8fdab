"""Two scorings of the same input, in step: answers side by side, joined on file and row.

Neither is held as a whole: a piece's lines are read a few thousand at a time, in the order of the
input, which both have.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.comparison.scoring import Scored
from runner.predictions import COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

_SMALL = 4 << 20  # bytes of a piece that is read at once
_BLOCK = 1 << 20  # bytes of a larger one that are read at a time
_NEVER = "\x01"  # what no line of a script's is expected to hold


@dataclass(frozen=True)
class Run:
    """Consecutive rows of a file in a piece; of a script, which names no rows, all its lines."""

    file: str
    first_row: int
    rows: int
    piece: Path


@dataclass(frozen=True)
class Pair:
    """Answers of both versions for consecutive rows of a file; a text for each."""

    file: str
    first_row: int
    old: pa.Array
    new: pa.Array
    in_file: bool  # the rows are those of the file; of a script only the lines are counted


@dataclass(frozen=True)
class Odd:
    """A file, or a script's mini-batch, for which both versions gave other numbers of answers."""

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


def odd_ones(old: Mapping[str, Sequence[Run]], new: Mapping[str, Sequence[Run]]) -> dict[str, Odd]:
    """Return what both scored with another number of answers, by name: none of it can be joined."""
    counts = {
        name: Odd(name, sum(run.rows for run in old[name]), sum(run.rows for run in new[name]))
        for name in old
        if name in new
    }
    return {name: odd for name, odd in counts.items() if odd.old != odd.new}


def pairs(old: Scored, new: Scored, only: frozenset[str] | None = None) -> Iterator[Pair]:
    """Yield the answers that both scorings have, in the order of the input.

    `only` are the names of files to look at; by default all are looked at.
    """
    before, after = runs_of(old), runs_of(new)
    odd = odd_ones(before, after)
    lines = old.plan.script is not None
    left, right = _Lines(lines), _Lines(lines)
    for name, runs in before.items():
        if name not in after or name in odd or (only is not None and name not in only):
            left.skip(runs)
            right.skip(after.get(name, ()))
            continue
        yield from _in_step(left, runs, right, after[name], not lines)
    # What only the newer scored needs no reading: nothing comes after it.


def _in_step(
    left: _Lines, old: Sequence[Run], right: _Lines, new: Sequence[Run], in_file: bool
) -> Iterator[Pair]:
    """Yield a file's answers where both have them, whatever slices it was scored in."""
    a, b = left.chunks(old), right.chunks(new)
    (row_a, one), (row_b, other) = next(a, (0, None)), next(b, (0, None))
    while one is not None and other is not None:
        if row_a < row_b:
            gap = min(row_b - row_a, len(one))
            row_a, one = row_a + gap, one.slice(gap)
        elif row_b < row_a:
            gap = min(row_a - row_b, len(other))
            row_b, other = row_b + gap, other.slice(gap)
        else:
            count = min(len(one), len(other))
            if count:
                yield Pair(old[0].file, row_a, one.slice(0, count), other.slice(0, count), in_file)
            row_a, one = row_a + count, one.slice(count)
            row_b, other = row_b + count, other.slice(count)
        if not len(one):
            row_a, one = next(a, (0, None))
        if other is not None and not len(other):
            row_b, other = next(b, (0, None))


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

    names = ["line"] if lines else list(COLUMNS)
    column = "line" if lines else "prediction"
    size = piece.stat().st_size
    if not size:
        return
    quoted = not lines and _has_quotes(piece)
    small = size <= _SMALL
    options: dict[str, Any] = {
        "read_options": csv.ReadOptions(
            column_names=names,
            block_size=size + 1 if small or quoted else _BLOCK,
            use_threads=not small,
        ),
        "parse_options": csv.ParseOptions(
            delimiter=_NEVER if lines else ",",
            quote_char=False if lines else '"',
            newlines_in_values=quoted,
            ignore_empty_lines=False,
        ),
        "convert_options": csv.ConvertOptions(
            include_columns=[column], column_types={column: pa.string()}, check_utf8=False
        ),
    }
    # A thread that reads ahead costs more than it saves where there is little to read.
    batches = (
        csv.read_csv(piece, **options).to_batches() if small else csv.open_csv(piece, **options)
    )
    for batch in batches:
        yield batch.column(0)


def _has_quotes(piece: Path) -> bool:
    with (
        piece.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return content.find(b'"') >= 0
