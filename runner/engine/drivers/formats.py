"""The formats that an MLflow deployment reads, by the ending of a file's name.

A further format is a file of functions like those of `csv_feed` or `images`, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from runner.engine.drivers.bad_file import BadFile
from runner.engine.drivers.csv_feed import csv_as_frame, read_csv_feed
from runner.engine.drivers.csv_table import read_csv
from runner.engine.drivers.cutting import BLOCK, cut_csv
from runner.engine.drivers.feed import Feed
from runner.engine.drivers.images import read_image_feed
from runner.engine.drivers.parquet_table import (
    cut_parquet,
    parquet_as_frame,
    read_parquet,
    read_parquet_feed,
)
from runner.engine.mlmodel import Column, Signature
from runner.engine.slices import Slice

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Table(NamedTuple):
    """The functions that read a file's rows for a signature whose columns are typed one by one."""

    # A file, or a slice of it, as those columns, and sentences to warn of.
    read: Callable[[Path, Sequence[Column], Slice | None], tuple[pa.Table, list[str]]]
    # The frame that goes to the model where not all the columns are numbers.
    as_frame: Callable[[pa.Table], pd.DataFrame]
    # The slices of an open file, of about so many bytes and at least so many rows each; None
    # where a file can't be cut, and a model is given it whole.
    cut: Callable[[IO[bytes], int, int], Iterator[Slice]] | None = None


class Format(NamedTuple):
    """The functions that read a file. They raise BadFile, and OSError where they can't open it."""

    feed: Callable[[Path, Signature], Feed]  # for any signature that `table` isn't for
    table: Table | None = None  # None where `feed` is for every signature


_CSV = Format(read_csv_feed, Table(read_csv, csv_as_frame, cut_csv))
_PARQUET = Format(read_parquet_feed, Table(read_parquet, parquet_as_frame, cut_parquet))
_IMAGE = Format(read_image_feed)

FORMATS = {
    ".csv": _CSV,
    ".parquet": _PARQUET,
    ".pqt": _PARQUET,
    ".bmp": _IMAGE,
    ".gif": _IMAGE,
    ".jpeg": _IMAGE,
    ".jpg": _IMAGE,
    ".png": _IMAGE,
    ".tiff": _IMAGE,
}


def is_read(name: str) -> bool:
    """Tell whether a file of this name is read; a name that is nothing but an ending has none."""
    return Path(name).suffix.lower() in FORMATS


def read_feed(path: Path, signature: Signature, slice_: Slice | None = None) -> Feed:
    """Read a file, or a slice of it where the signature has columns, for a model with this
    signature. Raises BadFile."""
    format_ = FORMATS[path.suffix.lower()]
    if signature.columns and format_.table is not None:
        table, notes = read_table(path, signature.columns, slice_)
        data = table if _is_all_numbers(table) else format_.table.as_frame(table)
        return Feed(data, table.num_rows, tuple(notes), table=table)
    try:
        return format_.feed(path, signature)
    except OSError as error:
        raise _cant_be_read(error) from None


def read_table(
    path: Path, columns: Sequence[Column], slice_: Slice | None = None
) -> tuple[pa.Table, list[str]]:
    """Read a file of rows, or a slice of it, for a model whose signature has columns.

    The table has them in the signature's order and types, less the optional ones the file lacks.
    Beside it come sentences to warn of what the file has otherwise than it should.
    Raises BadFile naming the row (counted from 0, as `predictions.csv` counts it) and column.
    """
    table = FORMATS[path.suffix.lower()].table
    assert table is not None
    try:
        return table.read(path, columns, slice_)
    except OSError as error:
        raise _cant_be_read(error) from None


def cut(path: Path, size: int, block: int = BLOCK) -> Iterator[Slice]:
    """Yield the slices of a file, each of about `size` bytes of it, in their order.

    They hold at least `block` rows. There are none of a file that can't be cut. Needs memory for
    a few megabytes, however large the file is. Raises BadFile, at the latest after the last slice,
    for a file that can't be read.
    """
    table = FORMATS[path.suffix.lower()].table
    if table is None or table.cut is None:
        return
    try:
        with path.open("rb") as file:
            yield from table.cut(file, size, block)
    except OSError as error:
        raise _cant_be_read(error) from None


def _cant_be_read(error: OSError) -> BadFile:
    return BadFile(f"can't be read: {error.strerror or error}")


def _is_all_numbers(table: pa.Table) -> bool:
    import pyarrow as pa

    return all(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in table.schema.types
    )
