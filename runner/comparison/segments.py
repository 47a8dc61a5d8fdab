"""Finds segments of the input in which more answers change than elsewhere.

Numbers are told apart by their quartiles, texts by their most frequent values. The quartiles are
those of a sample; what lies in a segment is counted exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from runner.chance import holm, hypergeometric_tail
from runner.comparison.arrays import numbers_of, truths_of, whole_numbers_of
from runner.comparison.input_rows import (
    InputColumns,
    Unreadable,
    choose_columns,
    read_rows,
    sample_rows,
)
from runner.comparison.records import cut
from runner.comparison.report import Segment, Segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_MOST_VALUES = 20  # of a column of texts
_LEVEL = 0.05  # of the corrected p-value
_MOST_FOUND = 10
_QUARTILES = (0.25, 0.5, 0.75)


@dataclass
class _Column:
    """Counts the rows, and of them the changed ones, of a column's segments.

    The last segment is of what is missing.
    """

    name: str
    labels: list[str]
    place: Callable[[pa.Array], NDArray[np.int64]]
    rows: NDArray[np.int64] = field(init=False)
    changed: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        import numpy as np

        self.rows = np.zeros(len(self.labels) + 1, np.int64)
        self.changed = np.zeros(len(self.labels) + 1, np.int64)


class SegmentCounter:
    """Counts where changes are, file by file: a file counts once its last row is known to fit."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self.untried: str | None = None
        self._columns: list[_Column] = []
        self._chosen = InputColumns((), ())
        self._rows = self._changed = 0
        self._file: str | None = None
        self._reader: Iterator[pa.RecordBatch] = iter(())
        self._rest: pa.RecordBatch | None = None
        self._draft: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._draft_rows = self._draft_changed = 0
        self._next_row = 0
        try:
            sample = sample_rows(folder, names)
        except Unreadable as error:
            self.untried = str(error)
            return
        self._chosen = choose_columns(sample)
        for name in self._chosen.numbers:
            self._columns.append(_of_numbers(name, sample.column(name)))
        for name in self._chosen.texts:
            self._columns.append(_of_texts(name, sample.column(name)))

    def begin_again(self) -> None:
        """Forget what was counted."""
        self._file, self._draft = None, []
        self._rows = self._changed = 0
        for column in self._columns:
            column.rows[:] = 0
            column.changed[:] = 0

    def add(self, file: str, first_row: int, changed: NDArray[np.bool_]) -> None:
        """Count rows of a file, which follow those of the last call for it."""
        if self.untried is not None or not self._columns:
            return
        if file != self._file:
            self.finish_file()
            self._begin(file)
        if self._file_is_lost:
            return
        try:
            self._pass_to(first_row)
            while len(changed):
                batch = self._take(len(changed))
                self._count(batch, changed[: batch.num_rows])
                changed = changed[batch.num_rows :]
        except Unreadable:
            self._lose()

    def finish_file(self) -> None:
        """Take in what was counted of a file, if all of its rows were answered."""
        if self._file is None or self._file_is_lost:
            return
        try:
            if self._rest is None or not self._rest.num_rows:
                self._rest = next(self._reader, None)
            whole = self._rest is None or not self._rest.num_rows
        except Unreadable:
            whole = False
        if not whole:
            self._lose()
            return
        for column, (rows, changed) in zip(self._columns, self._draft, strict=True):
            column.rows += rows
            column.changed += changed
        self._rows += self._draft_rows
        self._changed += self._draft_changed
        self._file = None

    def result(self) -> Segments:
        """Return the segments that stand out."""
        self.finish_file()
        if self.untried is not None:
            return Segments(0, (), self.untried)
        if not self._rows:
            return Segments(0, (), "the answers can't be told apart by the rows of the data")
        tried: list[tuple[_Column, int, float]] = []
        for column in self._columns:
            for place in range(len(column.rows)):
                rows, changed = int(column.rows[place]), int(column.changed[place])
                if 0 < rows < self._rows:
                    p_value = hypergeometric_tail(changed, rows, self._changed, self._rows)
                    tried.append((column, place, p_value))
        corrected = holm([p_value for _, _, p_value in tried])
        found = [
            Segment(
                column=cut(column.name),
                values=cut([*column.labels, "missing"][place]),
                rows=int(column.rows[place]),
                changed=int(column.changed[place]),
                p_value=p_value,
            )
            for (column, place, _), p_value in zip(tried, corrected, strict=True)
            if p_value < _LEVEL
        ]
        found.sort(key=lambda segment: (segment.p_value, -segment.share))
        return Segments(len(tried), tuple(found[:_MOST_FOUND]))

    @property
    def _file_is_lost(self) -> bool:
        return not self._draft

    def _begin(self, file: str) -> None:
        import numpy as np

        self._file, self._rest, self._next_row = file, None, 0
        self._reader = read_rows(self._folder / file, self._chosen)
        self._draft = [
            (np.zeros_like(column.rows), np.zeros_like(column.rows)) for column in self._columns
        ]
        self._draft_rows = self._draft_changed = 0

    def _lose(self) -> None:
        self._draft = []

    def _pass_to(self, row: int) -> None:
        while self._next_row < row:
            self._take(row - self._next_row)

    def _take(self, most: int) -> pa.RecordBatch:
        """Return the next rows, at most so many. Raises Unreadable where there are no more."""
        while self._rest is None or not self._rest.num_rows:
            self._rest = next(self._reader, None)
            if self._rest is None:
                raise Unreadable("it has fewer rows than answers")
        batch = self._rest.slice(0, most)
        self._rest = self._rest.slice(batch.num_rows)
        self._next_row += batch.num_rows
        return batch

    def _count(self, batch: pa.RecordBatch, changed: NDArray[np.bool_]) -> None:
        import numpy as np

        where = np.flatnonzero(changed)
        for column, (rows, moved) in zip(self._columns, self._draft, strict=True):
            places = column.place(batch.column(column.name))
            rows += np.bincount(places, minlength=len(rows))
            if len(where):
                moved += np.bincount(places[where], minlength=len(moved))
        self._draft_rows += len(changed)
        self._draft_changed += len(where)


def _of_numbers(name: str, sample: pa.ChunkedArray) -> _Column:
    import numpy as np
    import pyarrow as pa

    values = numbers_of(sample.cast(pa.float64()).combine_chunks())
    values = values[np.isfinite(values)]
    edges = np.unique(np.quantile(values, _QUARTILES, method="lower")) if len(values) else values
    if len(edges) and edges[-1] == values.max():
        edges = edges[:-1]  # nothing lies above it
    if len(edges):
        texts = [f"{edge:.6g}" for edge in edges]
        between = [f"{low} to {high}" for low, high in pairwise(texts)]
        above = [f"over {label}" for label in (*between, texts[-1])]
        labels = [f"up to {texts[0]}", *above]
    else:
        labels = ["a number"]

    def place(cells: pa.Array) -> NDArray[np.int64]:
        numbers = numbers_of(cells)
        found = np.zeros(len(numbers), np.int64)
        for edge in edges:
            found += numbers > edge
        missing = np.isnan(numbers)
        if missing.any():
            found[missing] = len(labels)
        return found

    return _Column(name, labels, place)


def _of_texts(name: str, sample: pa.ChunkedArray) -> _Column:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    counted = pc.value_counts(sample.cast(pa.string()).drop_null())
    counts = pa.RecordBatch.from_struct_array(counted)
    order = pc.sort_indices(counts, [("counts", "descending"), ("values", "ascending")])
    most = counts.take(order)[:_MOST_VALUES]
    # A value that is there only once tells nothing of others.
    frequent = sum(count > 1 for count in most.column("counts").to_pylist())
    known = most.column("values")[:frequent]
    values = known.to_pylist()
    labels = [f"= {value}" for value in values] + ["any other"]

    def place(cells: pa.Array) -> NDArray[np.int64]:
        places = whole_numbers_of(pc.index_in(cells, known), len(values))
        if cells.null_count:
            places = np.where(truths_of(cells.is_null()), len(labels), places)
        return places.astype(np.int64)

    return _Column(name, labels, place)
