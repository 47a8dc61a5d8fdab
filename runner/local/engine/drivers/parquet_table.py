"""Reading a Parquet file as a model's signature types it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.local.engine.drivers.bad_file import BadFile, shown
from runner.local.engine.drivers.cells import arrow_type, refuse_missing
from runner.local.engine.drivers.columns import choose
from runner.local.engine.mlmodel import Column
from runner.local.engine.slices import Slice
from runner.local.engine.text import one_line

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SUFFIXES = frozenset({".parquet", ".pqt"})


def read_parquet(
    path: Path, columns: Sequence[Column], part: Slice | None = None
) -> tuple[pa.Table, list[str]]:
    import pyarrow as pa

    with path.open("rb") as file:
        opened = open_parquet(file)
        wanted, warnings = choose(opened.schema_arrow.names, columns)
        groups = range(opened.num_row_groups) if part is None else range(part.start, part.end)
        try:
            table = opened.read_row_groups(
                list(groups), columns=[c.name for c in wanted], use_threads=False
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise BadFile(f"is not a readable Parquet file: {one_line(error)}") from None
    first_row = 0 if part is None else part.first_row
    cast = []
    for column in wanted:
        try:
            values = table.column(column.name).cast(arrow_type(column))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise BadFile(f"column {shown(column.name)}: {one_line(error)}") from None
        refuse_missing(values, column, first_row)
        cast.append(values)
    return pa.table(cast, names=[column.name for column in wanted]), warnings


def whole_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with path.open("rb") as file:
            table = parquet.read_table(file, use_threads=False, partitioning=None)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadFile(f"is not a readable Parquet file: {one_line(error)}") from None
    if table.num_rows == 0:
        raise BadFile("has no rows")
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    return frame


def open_parquet(file: Any) -> Any:
    """An open file as Parquet. BadFile where it is none, or has no rows."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(file)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadFile(f"is not a readable Parquet file: {one_line(error)}") from None
    if opened.metadata.num_rows == 0:
        raise BadFile("has no rows")
    return opened
