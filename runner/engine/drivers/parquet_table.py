"""Reading a Parquet file as a model's signature types it.

On Azure `pandas.read_parquet` reads the file and MLflow's schema check lets pass or widens what
can't lose anything (`_enforce_mlflow_datatype` in mlflow/models/utils.py). The rules here are what
the two make of an Arrow type together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from runner.engine.drivers.bad_file import BadFile, listed, shown
from runner.engine.drivers.cells import is_other_text
from runner.engine.drivers.column_types import refuse_missing
from runner.engine.drivers.columns import choose
from runner.engine.drivers.feed import Feed
from runner.engine.drivers.packages import way_to_have
from runner.engine.mlmodel import Column, Signature
from runner.engine.slices import Slice
from runner.engine.text import one_line
from runner.errors import JobFailed

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_NO_ROWS = "has no rows"
_MAPS_AS_DICTS = 13  # the first version of Arrow that makes dicts of maps
_BITS = {"integer": 32, "long": 64, "float": 32, "double": 64}


class _Unsafe(Exception):
    """A column that MLflow doesn't convert; its text says why, or is empty."""


def read_parquet(
    path: Path, columns: Sequence[Column], slice_: Slice | None = None
) -> tuple[pa.Table, list[str]]:
    """Return the signature's columns of a Parquet file, or of some of its row groups, and warnings.
    Raises BadFile, which names the column that MLflow would not convert if there is one."""
    import pyarrow as pa

    with path.open("rb") as file:
        opened = _opened(file)
        metadata = opened.schema_arrow.pandas_metadata or {}
        index = [name for name in metadata.get("index_columns", []) if isinstance(name, str)]
        header = [name for name in opened.schema_arrow.names if name not in index]
        wanted, warnings = choose(header, columns, index)
        names = [column.name for column in wanted]
        if twice := [name for name in names if header.count(name) > 1]:
            raise BadFile(f"has column {listed(twice)} more than once")
        groups = range(opened.num_row_groups) if slice_ is None else range(slice_.start, slice_.end)
        if slice_ is not None and slice_.end > opened.num_row_groups:
            raise BadFile("has changed since the job began: it has fewer row groups")
        try:
            table = opened.read_row_groups(list(groups), columns=names, use_threads=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise _unreadable(error) from None
    if slice_ is not None and table.num_rows != slice_.rows:
        raise BadFile("has changed since the job began: its row groups have other rows")
    nullable = {field["field_name"] for field in metadata.get("columns", []) if _is_nullable(field)}
    first_row = 0 if slice_ is None else slice_.first_row
    converted = []
    for column in wanted:
        values = table.column(column.name)
        converted.append(_as_mlflow_converts(values, column, column.name in nullable))
        # MLflow lets pass what pandas writes from a plain column of booleans with gaps.
        if column.type != "boolean" or column.name in nullable:
            refuse_missing(values, column, first_row)
    return pa.table(converted, names=names), warnings


def read_parquet_feed(path: Path, signature: Signature) -> Feed:
    """Read a whole file as pandas does, for a model whose signature has no columns that are typed
    one by one.

    Raises BadFile, and OSError where the file can't be opened.
    """
    frame = _frame(path, maps_as_dicts=bool(signature.loose_columns))
    return Feed(frame, len(frame))


def parquet_as_frame(table: pa.Table) -> pd.DataFrame:
    """Return the typed columns of a file as the DataFrame that pandas reads from it."""
    frame: pd.DataFrame = table.to_pandas()
    return frame


def cut_parquet(file: IO[bytes], size: int, block: int) -> Iterator[Slice]:
    """Yield the slices of an open file: row groups that make up about `size` bytes, of at least
    `block` rows. Raises BadFile."""
    metadata = _opened(file).metadata
    start = rows = first_row = taken = 0
    for group in range(metadata.num_row_groups):
        bytes_of_group = metadata.row_group(group).total_byte_size
        left = metadata.num_rows - first_row - rows
        if taken + bytes_of_group > size and min(rows, left) >= block:
            yield Slice(first_row, rows, start, group)
            first_row += rows
            start, rows, taken = group, 0, 0
        rows += metadata.row_group(group).num_rows
        taken += bytes_of_group
    yield Slice(first_row, rows, start, metadata.num_row_groups)


def _frame(path: Path, *, maps_as_dicts: bool = False) -> pd.DataFrame:
    """Read the whole file with pandas. Raises BadFile where it can't, or finds no rows.

    Pandas makes a map a list of pairs; MLflow's check of a signature wants a dict.
    """
    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet

    frame: pd.DataFrame
    try:
        with path.open("rb") as file:
            if maps_as_dicts:
                table = parquet.read_table(file, use_threads=False, partitioning=None)
                frame = table.to_pandas(**_maps_as_dicts(table))
            else:
                frame = pd.read_parquet(file, engine="pyarrow", use_threads=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _unreadable(error) from None
    if not len(frame):
        raise BadFile(_NO_ROWS)
    return frame


def _maps_as_dicts(table: pa.Table) -> dict[str, str]:
    """Return the option that lets Arrow make dicts of maps. Raises JobFailed where there are maps
    and it can't."""
    import pyarrow as pa

    if int(pa.__version__.partition(".")[0]) >= _MAPS_AS_DICTS:
        return {"maps_as_pydicts": "strict"}
    if any("map<" in str(field.type) for field in table.schema):
        needed = f"pyarrow>={_MAPS_AS_DICTS}"
        raise JobFailed(f"columns of maps need {needed}: {way_to_have([needed])}")
    return {}


def _opened(file: IO[bytes]) -> Any:
    """Open a file as a pyarrow ParquetFile. Raises BadFile where it is none, or has no rows."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(file)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _unreadable(error) from None
    if opened.metadata.num_rows == 0:
        raise BadFile(_NO_ROWS)
    return opened


def _unreadable(error: Exception) -> BadFile:
    return BadFile(f"is not a readable Parquet file: {one_line(error)}")


def _is_nullable(field: dict[str, Any]) -> bool:
    """Tell whether pandas wrote a column from a type of its own with a missing value (Int64,
    boolean, int64[pyarrow], …), which it reads as such again."""
    kind = str(field.get("numpy_type", ""))
    return kind.startswith(("Int", "UInt", "Float", "boolean")) or kind.endswith("[pyarrow]")


def _as_mlflow_converts(values: pa.ChunkedArray, column: Column, nullable: bool) -> pa.ChunkedArray:
    import pyarrow as pa

    convert = {
        "string": _objects,
        "binary": _objects,
        "boolean": _booleans,
        "integer": _whole_numbers,
        "long": _whole_numbers,
        "float": _floats,
        "double": _floats,
        "datetime": _times,
    }[column.type]
    try:
        return convert(values, column, nullable)
    except (_Unsafe, pa.ArrowInvalid) as error:
        why = f" ({one_line(error)})" if str(error) else ""
        raise BadFile(
            f"column {shown(column.name)}: MLflow does not convert"
            f" {values.type} to {column.type}{why}"
        ) from None


def _objects(values: pa.ChunkedArray, _: Column, nullable: bool) -> pa.ChunkedArray:
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        raise _Unsafe("write pandas' categories after `.astype(str)`")
    if not _is_text(values) and not _is_object(values, nullable):
        raise _Unsafe
    return values


def _booleans(values: pa.ChunkedArray, _: Column, nullable: bool) -> pa.ChunkedArray:
    import pyarrow as pa

    if not pa.types.is_boolean(values.type) and not _is_object(values, nullable):
        raise _Unsafe
    return values


def _whole_numbers(values: pa.ChunkedArray, column: Column, _: bool) -> pa.ChunkedArray:
    import pyarrow as pa

    if not pa.types.is_integer(values.type):
        raise _Unsafe
    wider = pa.types.is_unsigned_integer(values.type)
    if values.type.bit_width + wider > _BITS[column.type]:
        raise _Unsafe
    return values.cast(pa.int32() if column.type == "integer" else pa.int64())


def _floats(values: pa.ChunkedArray, column: Column, nullable: bool) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    bits = _BITS[column.type]
    kind = values.type
    double = column.type == "double"
    fits = (
        (pa.types.is_floating(kind) and kind.bit_width <= bits)
        or (double and (pa.types.is_decimal(kind) or pa.types.is_null(kind)))
        or (double and pa.types.is_integer(kind) and kind.bit_width <= 32)
        or (double and pa.types.is_boolean(kind) and _is_object(values, nullable))
    )
    if not fits and pa.types.is_integer(kind) and not nullable:
        # pandas has doubles where whole numbers are missing, so there MLflow sees doubles; and
        # of long numbers it converts zeros and ones.
        if values.null_count:
            fits = double
        elif kind == pa.int64():
            fits = pc.all(pc.is_in(values, pa.array([0, 1]))).as_py()
        if not fits:
            raise _Unsafe("save the column as double")
    if not fits:
        raise _Unsafe
    return values.cast(pa.float64() if double else pa.float32(), safe=False)


def _times(values: pa.ChunkedArray, _: Column, __: bool) -> pa.ChunkedArray:
    import pyarrow as pa

    kind = values.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        raise _Unsafe("only times without a zone")
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_null(kind)):
        raise _Unsafe
    return values.cast(pa.timestamp("ns"))


def _is_text(values: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(values.type) or is_other_text(values.type))


def _is_object(values: pa.ChunkedArray, nullable: bool) -> bool:
    """Tell whether NumPy has no type for a column, so that pandas has objects. MLflow lets such
    columns pass unseen where it expects text, bytes or booleans."""
    import pyarrow as pa

    kind = values.type
    with_gaps = pa.types.is_boolean(kind) and values.null_count > 0 and not nullable
    return bool(
        with_gaps
        or pa.types.is_null(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_date(kind)
        or pa.types.is_time(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_nested(kind)
    )
