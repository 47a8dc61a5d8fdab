"""Reading a table as the model's signature types it, and saying where a cell doesn't fit.

Azure reads the same files with pandas: what pandas makes of them is what is read here, and what
it refuses is refused. The few differences that are meant are in docs/batch-jobs.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.local.engine.drivers.bad_file import BadFile, not_text
from runner.local.engine.drivers.csv_table import NO_ROWS, read_csv
from runner.local.engine.drivers.csv_text import read_header
from runner.local.engine.drivers.parquet_table import SUFFIXES as PARQUET
from runner.local.engine.drivers.parquet_table import read_parquet, read_parquet_frame
from runner.local.engine.mlmodel import Column
from runner.local.engine.slices import Slice
from runner.local.engine.text import one_line

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SUFFIXES = PARQUET | {".csv"}


def read_table(
    path: Path, columns: Sequence[Column], part: Slice | None = None
) -> tuple[pa.Table, list[str]]:
    """Read a `.csv` or Parquet file, or a part of it, for a model whose signature has columns.

    The table has them in the signature's order and types, less the optional ones the file lacks.
    Beside it come sentences to warn of what the file has otherwise than it should.
    Raises BadFile naming the row (counted from 0, as `predictions.csv` counts it) and column.
    """
    try:
        if path.suffix.lower() in PARQUET:
            return read_parquet(path, columns, part)
        return read_csv(path, columns, part)
    except OSError as error:
        raise BadFile(f"can't be read: {error.strerror or error}") from None


def shifted(path: Path, frame: pd.DataFrame) -> tuple[str, ...]:
    """What to warn of a frame that pandas read from CSV with its columns moved to the left.

    It does so where the first row has more cells than the header: right for the row names that R
    writes, wrong for a comma too many at the end of each line.
    """
    if path.suffix.lower() in PARQUET:
        return ()
    with path.open("rb") as file:
        header = read_header(file)
        file.seek(header.end)
        cells = len(read_header(file).names)  # a row is taken apart as a header is
    labels = cells - len(header.names)
    if labels <= 0:
        return ()
    label = "cell labels" if labels == 1 else f"{labels} cells label"
    warning = (
        f"the first row has {cells} cells and the header {len(header.names)}: as on Azure, each"
        f" row's first {label} it, and the others move to the left"
    )
    if frame.iloc[:, -labels:].isna().all(axis=None):
        commas = "comma" if labels == 1 else "commas"
        warning += f"; take the {commas} off the lines' ends if that is wrong"
    return (warning,)


def read_frame(path: Path, types: Mapping[str | int, Any] | None = None) -> pd.DataFrame:
    """Read a `.csv` or Parquet file for a model whose columns only MLflow can match with a file's.

    The reader is pandas' own, as on Azure. `types` are what CSV cells are read as, by a column's
    name or position; what has none there is of the type that pandas guesses. Raises BadFile.
    """
    import pandas as pd

    try:
        if path.suffix.lower() in PARQUET:
            return read_parquet_frame(path, maps_as_dicts=types is not None)
        frame = pd.read_csv(path, engine="c", dtype=types)
    except OSError as error:
        raise BadFile(f"can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        with path.open("rb") as file:
            raise BadFile(not_text(file.readline()) or "is not UTF-8 text") from None
    except pd.errors.EmptyDataError:
        raise BadFile("is empty") from None
    except (ValueError, TypeError, OverflowError) as error:
        raise BadFile(f"is not a readable CSV file: {one_line(error)}") from None
    if not len(frame):
        raise BadFile(NO_ROWS)
    return frame
