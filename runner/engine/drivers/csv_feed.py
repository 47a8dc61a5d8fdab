"""Reading a CSV file as the rows that a model is given.

Azure reads the same files with pandas: what pandas makes of them is what is read here, and what
it refuses is refused. The few differences that are meant are in docs/concepts/batch-jobs.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.engine.drivers.bad_file import BadFile, not_text
from runner.engine.drivers.column_types import convert
from runner.engine.drivers.csv_table import NO_ROWS
from runner.engine.drivers.csv_text import read_header, read_row
from runner.engine.drivers.feed import Feed
from runner.engine.drivers.tensors import read_tensor
from runner.engine.mlmodel import SCALARS, Column, Signature
from runner.engine.text import one_line

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# The pandas type in which MLflow has a CSV file's column read; times are read as texts.
_PANDAS_TYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "object",
    "binary": "object",
    "datetime": "object",
}


def read_csv_feed(path: Path, signature: Signature) -> Feed:
    """Read the file for a model whose signature has no columns that are typed one by one.

    Raises BadFile, and OSError where the file can't be opened.
    """
    if signature.tensors:
        return Feed(read_tensor(path, signature.tensors[0]), None)
    if signature.loose_columns:
        frame = _loose_frame(path, signature)
        way_out = _way_out(frame, signature)
        return Feed(frame, len(frame), _shifted(path, frame), way_out)
    frame = _frame(path)
    return Feed(frame, len(frame), _shifted(path, frame))


def csv_as_frame(table: pa.Table) -> pd.DataFrame:
    """Return the typed columns of a CSV file as the DataFrame that pandas reads from it."""
    import pyarrow as pa

    frame: pd.DataFrame = table.to_pandas()
    for name in (field.name for field in table.schema if pa.types.is_string(field.type)):
        frame[name] = _objects(table.column(name))
    return frame


def _loose_frame(path: Path, signature: Signature) -> pd.DataFrame:
    import pyarrow as pa

    keys = [(column.name or place) for place, column in enumerate(signature.loose_columns)]
    types = dict(zip(keys, (column.type for column in signature.loose_columns)))
    frame = _frame(
        path, {key: _PANDAS_TYPES[kind] for key, kind in types.items() if kind in _PANDAS_TYPES}
    )
    for key in (key for key, kind in types.items() if kind == "datetime"):
        # A name that is a whole number is a position, as in pandas' own `dtype`.
        name = frame.columns[key] if isinstance(key, int) and key < len(frame.columns) else key
        if name in frame:
            texts = pa.chunked_array([pa.array(frame[name], pa.string(), from_pandas=True)])
            frame[name] = convert(texts, Column(str(name), "datetime"), 0).to_pandas()
    return frame


def _way_out(frame: pd.DataFrame, signature: Signature) -> str:
    """Say what a CSV file can't hold though a model's columns want it, and what to do about it."""
    if any(isinstance(column.name, int) for column in signature.loose_columns):
        return (
            "; the model's columns have whole numbers for names, and a CSV file's have text:"
            " give it Parquet files, or save it fitted on columns with names"
        )
    nested = [column for column in signature.loose_columns if column.type not in (*SCALARS, "any")]
    if any(column.name is None or column.name in frame for column in nested):
        return "; a cell of a CSV file holds no list or object: give it Parquet files"
    return ""


def _shifted(path: Path, frame: pd.DataFrame) -> tuple[str, ...]:
    """Return warnings about a frame that pandas read with its columns moved to the left.

    It does so where the first row has more cells than the header: right for the row names that R
    writes, wrong for a comma too many at the end of each line.
    """
    with path.open("rb") as file:
        header = read_header(file)
        file.seek(header.end)
        cells = len(read_row(file).cells)
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


def _objects(cells: pa.ChunkedArray) -> pd.Series[Any]:
    """Return texts as `pandas.read_csv` gives them for type object, NaN for an empty cell."""
    import numpy as np
    import pandas as pd

    objects = cells.to_numpy()
    if cells.null_count:
        objects[cells.is_null().to_numpy()] = np.nan
    return pd.Series(objects, dtype=object)


def _frame(path: Path, types: Mapping[str | int, Any] | None = None) -> pd.DataFrame:
    """Read the whole file with pandas, as on Azure.

    `types` are what cells are read as, by a column's name or position; what has none there is of
    the type that pandas guesses. Raises BadFile.
    """
    import pandas as pd

    try:
        frame = pd.read_csv(path, engine="c", dtype=types)
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
