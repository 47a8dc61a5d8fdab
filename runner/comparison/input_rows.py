"""Reads the rows of an input for segments: first a sample, then all in order, in batches.

Only what Arrow reads without doubt is read: a file of another kind, or one that it refuses, has no
segments, and nothing else comes of that.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.comparison.arrays import csv_batches

if TYPE_CHECKING:
    import pyarrow as pa

_PLACES = 8  # files that are sampled, and places of each
_WINDOW = 64 << 10  # bytes that are sampled at a place
_PARQUET = (".parquet", ".pq")
_MOST_COLUMNS = 200

# As the engine reads them, after pandas: what stands for a missing value.
_MISSING = ["", "NA", "N/A", "NULL", "NaN", "nan", "null", "None", "<NA>", "n/a", "#N/A"]


class Unreadable(Exception):
    """Is raised for a file whose rows can't be read here; the text says why."""


@dataclass(frozen=True)
class InputColumns:
    """Names the columns that segments are made of: numbers by quartiles, texts by their values."""

    numbers: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.numbers, *self.texts)


def sample_rows(folder: Path, names: Sequence[str]) -> pa.Table:
    """Return rows from everywhere in an input, to choose segments by.

    Raises Unreadable where no file can be read.
    """
    import pyarrow as pa

    step = max(1, len(names) // _PLACES)
    found: list[pa.Table] = []
    for name in names[::step][:_PLACES]:
        try:
            found.append(_sample(folder / name))
        except (pa.ArrowException, OSError, Unreadable):
            continue
    found = [table for table in found if table.num_rows]
    if not found:
        raise Unreadable("the data is no table that can be read by rows")
    common = [
        name
        for name in found[0].column_names
        if all(table.column_names.count(name) == 1 for table in found)
    ][:_MOST_COLUMNS]
    if not common:
        raise Unreadable("the files have no column in common")
    try:
        return pa.concat_tables(
            [table.select(common) for table in found], promote_options="permissive"
        )
    except pa.ArrowException:
        return found[0].select(common)


def choose_columns(sample: pa.Table) -> InputColumns:
    """Tell apart the columns of numbers and of texts; others make no segments."""
    import pyarrow as pa

    numbers, texts = [], []
    texts_are = (pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean)
    for field in sample.schema:
        if pa.types.is_floating(field.type) or pa.types.is_integer(field.type):
            numbers.append(field.name)
        elif any(is_text(field.type) for is_text in texts_are):
            texts.append(field.name)
    return InputColumns(tuple(numbers), tuple(texts))


def read_rows(path: Path, columns: InputColumns) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file with these columns in order.

    Raises Unreadable, at the latest after the last row.
    """
    import pyarrow as pa

    try:
        if path.suffix.lower() in _PARQUET:
            yield from _parquet_rows(path, columns)
        else:
            yield from _csv_rows(path, columns)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise Unreadable(str(error)) from None


def _parquet_rows(path: Path, columns: InputColumns) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import parquet

    types = _types(columns)
    with parquet.ParquetFile(path) as file:
        if missing := set(columns.names) - set(file.schema_arrow.names):
            raise Unreadable(f"{path.name} has no column {min(missing)!r}")
        for batch in file.iter_batches(columns=list(columns.names)):
            yield pa.record_batch(
                [batch.column(name).cast(types[name]) for name in columns.names],
                names=list(columns.names),
            )


def _csv_rows(path: Path, columns: InputColumns) -> Iterable[pa.RecordBatch]:
    from pyarrow import csv

    return csv_batches(
        path,
        csv.ConvertOptions(
            include_columns=list(columns.names),
            column_types=_types(columns),
            null_values=_MISSING,
            strings_can_be_null=True,
            check_utf8=False,
        ),
    )


def _types(columns: InputColumns) -> dict[str, pa.DataType]:
    import pyarrow as pa

    return dict.fromkeys(columns.numbers, pa.float64()) | dict.fromkeys(columns.texts, pa.string())


def _sample(path: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv, parquet

    if path.suffix.lower() in _PARQUET:
        with parquet.ParquetFile(path) as file:
            groups = range(0, file.num_row_groups, max(1, file.num_row_groups // _PLACES))
            return file.read_row_groups(list(groups)[:_PLACES])
    if path.suffix.lower() != ".csv":
        raise Unreadable(f"{path.name} is no CSV or Parquet file")
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.readline(1 << 20)
        windows = list(_windows(file, len(header), size))
    return csv.read_csv(
        pa.BufferReader(header + b"".join(windows)),
        parse_options=csv.ParseOptions(invalid_row_handler=lambda _: "skip"),
        convert_options=csv.ConvertOptions(
            null_values=_MISSING,
            strings_can_be_null=True,
            check_utf8=False,
            # Truth is read as it is written, in whatever case.
            true_values=[],
            false_values=[],
        ),
    )


def _windows(file: io.BufferedReader, start: int, size: int) -> Iterator[bytes]:
    """Yield whole lines from everywhere in a file; all of a small one."""
    if size - start <= _WINDOW * _PLACES:
        file.seek(start)
        yield file.read()
        return
    for place in range(_PLACES):
        at = start + (size - start - _WINDOW) * place // (_PLACES - 1)
        file.seek(at)
        if at > start:
            file.readline(_WINDOW)  # the end of a line that began before
        lines = file.read(_WINDOW)
        yield lines[: lines.rfind(b"\n") + 1]
