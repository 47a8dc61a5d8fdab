"""What a model's `predict` is given for a file: by the kinds of file and signature, as on Azure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.local.engine.drivers import images, tables
from runner.local.engine.drivers.bad_file import BadFile
from runner.local.engine.drivers.column_types import convert
from runner.local.engine.drivers.images import read_image, read_image_as
from runner.local.engine.drivers.parquet_table import SUFFIXES as PARQUET
from runner.local.engine.drivers.tables import read_frame, read_table, shifted
from runner.local.engine.drivers.tensors import read_tensor
from runner.local.engine.mlmodel import SCALARS, Column, Signature
from runner.local.engine.slices import Slice

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SUFFIXES = tables.SUFFIXES | images.SUFFIXES
# What pandas reads a CSV file's column of a type as, as MLflow has it; of times, the texts.
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


@dataclass(frozen=True)
class Feed:
    """A file as it is handed to a model."""

    data: Any  # an array or a DataFrame; an Arrow table where all its columns are numbers
    rows: int | None  # None where only the answer tells how many there are
    notes: tuple[str, ...] = ()  # sentences to warn of what the file has otherwise than it should
    way_out: str = ""  # what to do where MLflow refuses the data


def read_feed(path: Path, signature: Signature, part: Slice | None = None) -> Feed:
    """Read a file, or a part of it where the signature has columns, for a model with this
    signature. Raises BadFile."""
    if path.suffix.lower() in images.SUFFIXES:
        return Feed(_image(path, signature), None)
    if signature.columns:
        table, notes = read_table(path, signature.columns, part)
        return Feed(_frame_unless_numbers(table, path), table.num_rows, tuple(notes))
    if signature.tensors and path.suffix.lower() not in PARQUET:
        return Feed(read_tensor(path, signature.tensors[0]), None)
    if signature.loose_columns:
        frame = _loose_frame(path, signature)
        way_out = _way_out(path, frame, signature)
        return Feed(frame, len(frame), shifted(path, frame), way_out)
    frame = read_frame(path)
    return Feed(frame, len(frame), shifted(path, frame))


def _image(path: Path, signature: Signature) -> Any:
    columns = signature.columns or signature.loose_columns
    if len(columns) == 1 and columns[0].type == "binary":
        import pandas as pd

        content = _bytes(path)
        read_image(path)  # which refuses a picture that Pillow can't read, as Azure's driver does
        return pd.DataFrame({columns[0].name or 0: [content]})
    if columns:
        raise BadFile(
            "is an image, and the model takes columns: an image goes to a model without a"
            " signature, with one tensor or with one column of type binary"
        )
    if signature.tensors:
        return read_image_as(path, signature.tensors[0])
    return read_image(path)


def _bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadFile(f"can't be read: {error.strerror or error}") from None
    if not content:
        raise BadFile("is empty")
    return content


def _loose_frame(path: Path, signature: Signature) -> pd.DataFrame:
    import pyarrow as pa

    keys = [(column.name or place) for place, column in enumerate(signature.loose_columns)]
    types = dict(zip(keys, (column.type for column in signature.loose_columns), strict=True))
    frame = read_frame(
        path, {key: _PANDAS_TYPES[kind] for key, kind in types.items() if kind in _PANDAS_TYPES}
    )
    if path.suffix.lower() in PARQUET:
        return frame
    for key in (key for key, kind in types.items() if kind == "datetime"):
        # A name that is a whole number is a position, as in pandas' own `dtype`.
        name = frame.columns[key] if isinstance(key, int) and key < len(frame.columns) else key
        if name in frame:
            texts = pa.chunked_array([pa.array(frame[name], pa.string(), from_pandas=True)])
            frame[name] = convert(texts, Column(str(name), "datetime"), 0).to_pandas()
    return frame


def _way_out(path: Path, frame: pd.DataFrame, signature: Signature) -> str:
    """What a CSV file can't hold though a model's columns want it, and what to do about it."""
    if path.suffix.lower() in PARQUET:
        return ""
    if any(isinstance(column.name, int) for column in signature.loose_columns):
        return (
            "; the model's columns have whole numbers for names, and a CSV file's have text:"
            " give it Parquet files, or save it fitted on columns with names"
        )
    nested = [column for column in signature.loose_columns if column.type not in (*SCALARS, "any")]
    if any(column.name is None or column.name in frame for column in nested):
        return "; a cell of a CSV file holds no list or object: give it Parquet files"
    return ""


def _frame_unless_numbers(table: pa.Table, path: Path) -> Any:
    """A table of numbers as it is, any other as the DataFrame that pandas reads from the file."""
    import pyarrow as pa

    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in table.schema.types):
        return table
    frame = table.to_pandas()
    if path.suffix.lower() not in PARQUET:
        for name in (field.name for field in table.schema if pa.types.is_string(field.type)):
            frame[name] = _objects(table.column(name))
    return frame


def _objects(cells: pa.ChunkedArray) -> pd.Series[Any]:
    """Text as `pandas.read_csv` gives it for type object: strings, NaN for an empty cell."""
    import numpy as np
    import pandas as pd

    objects = cells.to_numpy(zero_copy_only=False)
    if cells.null_count:
        objects[cells.is_null().to_numpy()] = np.nan
    return pd.Series(objects, dtype=object)
