"""Reading a table as the model's signature types it, and saying where a cell doesn't fit.

Azure reads the same files with pandas; so the cells that count as empty here are those that
`pandas.read_csv` takes for missing (its documented `na_values`).
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.local.engine.mlmodel import Column
from runner.local.engine.text import one_line

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PARQUET = frozenset({".parquet", ".pqt"})
SUFFIXES = PARQUET | {".csv"}
_EMPTY = [
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
]
_NULLABLE = ("double", "float", "string", "datetime", "binary")  # types with a missing value
# The whole numbers of a type that no double but their own stands for.
_EXACT = {"integer": (-(2**31), 2**31 - 1), "long": (1 - 2**53, 2**53 - 1)}
_CONVERSION = re.compile(
    r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to [^:]+: (.*)", re.DOTALL
)
_RAGGED = re.compile(r"CSV parse error: (?:Row #(\d+): )?Expected (\d+) columns?, got (\d+)")
_INVALID = re.compile(r"invalid value '(.*)'", re.DOTALL)
_QUOTE = re.compile(rb'"')
_NO_ROWS = "has a header and no rows"
_LONGEST_SHOWN = 60  # characters of a cell in a message


class BadFile(Exception):
    """A file that can't be read as the model wants it; its text says why, without the name."""


def read_table(path: Path, columns: Sequence[Column]) -> tuple[pa.Table, list[str]]:
    """Read a CSV or Parquet file for a model whose signature has these columns.

    The table has them in the signature's order and types, less the optional ones the file lacks;
    the second value names the columns that were left aside.
    Raises BadFile naming the row (counted from 0, as `predictions.csv` counts it) and column.
    """
    try:
        if path.suffix.lower() in PARQUET:
            return _read_parquet(path, columns)
        return _read_csv(path, columns)
    except OSError as error:
        raise BadFile(f"can't be read: {error.strerror or error}") from None


def read_frame(path: Path, types: Mapping[str | int, Any] | None = None) -> pd.DataFrame:
    """Read a CSV or Parquet file for a model whose columns only MLflow can match with a file's.

    The reader is pandas' own, as on Azure. `types` are what CSV cells are read as, by a column's
    name or position; what has none there is of the type that pandas guesses. Raises BadFile.
    """
    import pandas as pd

    try:
        if path.suffix.lower() in PARQUET:
            # As `pandas.read_parquet` does, but MLflow takes a map for no list of pairs.
            maps = "strict" if types is not None else None
            frame: pd.DataFrame = _parquet(path).to_pandas(maps_as_pydicts=maps)
            return frame
        with path.open("rb") as file:
            _header(file)
        frame = pd.read_csv(path, engine="c", dtype=types)
    except OSError as error:
        raise BadFile(f"can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadFile("is not UTF-8 text") from None
    except (ValueError, TypeError, OverflowError) as error:  # pandas' errors of parsing among them
        raise BadFile(f"is not a readable CSV file: {one_line(error)}") from None
    if frame.empty:
        raise BadFile(_NO_ROWS)
    return frame


def _read_csv(path: Path, columns: Sequence[Column]) -> tuple[pa.Table, list[str]]:
    import pyarrow as pa

    content = _read_whole(path)
    header = _header(pa.BufferReader(content))
    wanted, extra = _choose(header, columns)
    # A cell of bytes stays text, as on Azure: models decode it themselves.
    types = {one.name: pa.string() if one.type == "binary" else _arrow_type(one) for one in wanted}
    # Arrow takes 1.0, +5 and 1e3 for no whole numbers and pandas does; so a column it refuses is
    # read again as doubles.
    doubles: list[Column] = []
    while True:
        try:
            table = _parse(content, types)
            break
        except pa.ArrowInvalid as error:
            refused = _refused_column(str(error), header, wanted)
            if refused is None or refused.type not in _EXACT or refused in doubles:
                raise BadFile(_explain(str(error), header, columns)) from None
            doubles.append(refused)
            types[refused.name] = pa.float64()
    if table.num_rows == 0:
        raise BadFile(_NO_ROWS)
    for one in doubles:
        index = table.column_names.index(one.name)
        table = table.set_column(index, one.name, _whole_numbers(table.column(index), one))
    _refuse_missing_cells(table, wanted)
    return table, extra


def _read_whole(path: Path) -> pa.Buffer:
    """A file's bytes, in memory that Arrow keeps for the next file: fresh pages cost more than
    reading does."""
    import pyarrow as pa

    with path.open("rb") as file:
        content = pa.allocate_buffer(os.fstat(file.fileno()).st_size)
        size = file.readinto(memoryview(content))
    return content.slice(0, size)


def _parse(content: pa.Buffer, types: Mapping[str, pa.DataType]) -> pa.Table:
    """The columns of a CSV file that have a type here. ArrowInvalid for what doesn't fit."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    return arrow_csv.read_csv(
        pa.BufferReader(content),
        # One thread: the workers are the parallelism, and rows in errors are numbered.
        read_options=arrow_csv.ReadOptions(use_threads=False),
        # A quoted line break makes Arrow's reader slower; look before paying for it.
        parse_options=arrow_csv.ParseOptions(newlines_in_values=_QUOTE.search(content) is not None),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            null_values=_EMPTY,
            strings_can_be_null=True,
        ),
    )


def _whole_numbers(cells: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """Doubles as the whole numbers they are. BadFile for one that is none, or is not exact."""
    import pyarrow.compute as pc

    low, high = _EXACT[column.type]
    whole = pc.and_(
        pc.equal(pc.floor(cells), cells),
        pc.and_(pc.greater_equal(cells, low), pc.less_equal(cells, high)),
    )
    row = pc.index(whole, False).as_py()
    if row >= 0:
        raise BadFile(
            f"row {row}, column {_shown(column.name)}: '{cells[row].as_py()!r}'"
            f" is not {_a(column.type)}"
        )
    return cells.cast(_arrow_type(column))


def _parquet(path: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with path.open("rb") as file:
            table = parquet.read_table(file, use_threads=False, partitioning=None)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadFile(f"is not a readable Parquet file: {one_line(error)}") from None
    if table.num_rows == 0:
        raise BadFile("has no rows")
    return table


def _read_parquet(path: Path, columns: Sequence[Column]) -> tuple[pa.Table, list[str]]:
    import pyarrow as pa

    table = _parquet(path)
    wanted, extra = _choose(table.column_names, columns)
    cast = []
    for one in wanted:
        cells = table.column(one.name)
        # MLflow takes text for bytes as it is.
        is_text = pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)
        kind = pa.string() if one.type == "binary" and is_text else _arrow_type(one)
        try:
            cast.append(cells.cast(kind))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise BadFile(f"column {_shown(one.name)}: {one_line(error)}") from None
    table = pa.table(cast, names=[one.name for one in wanted])
    _refuse_missing_cells(table, wanted)
    return table, extra


def _header(file: Any) -> list[str]:
    """The names in a CSV file's first line that isn't blank; `file` is read as far as that."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        header = next((line for line in csv.reader(text) if line), [])
    except csv.Error as error:
        raise BadFile(f"has a header that can't be read: {error}") from None
    names = "".join(header)
    if not names.strip():
        raise BadFile("has no header" if len(header) > 1 or text.read().strip() else "is empty")
    if "\0" in names:
        raise BadFile("is not a text file: its first line holds zero bytes")
    try:
        names.encode()
    except UnicodeEncodeError:
        raise BadFile("is not UTF-8 text (its first line shows)") from None
    return header


def _choose(header: Sequence[str], columns: Sequence[Column]) -> tuple[list[Column], list[str]]:
    names = {one.name for one in columns}
    missing = [one.name for one in columns if one.required and one.name not in header]
    if missing:
        found = _listed(header[:20])
        raise BadFile(f"has no column {_listed(missing)}, which the model needs; it has {found}")
    doubled = [name for name in sorted(names) if header.count(name) > 1]
    if doubled:
        raise BadFile(f"has column {_listed(doubled)} more than once")
    wanted = [one for one in columns if one.name in header]
    return wanted, [name for name in header if name not in names]


def _arrow_type(column: Column) -> pa.DataType:
    import pyarrow as pa

    types = {
        "boolean": pa.bool_(),
        "integer": pa.int32(),
        "long": pa.int64(),
        "float": pa.float32(),
        "double": pa.float64(),
        "string": pa.string(),
        "binary": pa.binary(),
        "datetime": pa.timestamp("ns"),
    }
    return types[column.type]


def _refuse_missing_cells(table: pa.Table, columns: Sequence[Column]) -> None:
    """NumPy has no missing whole number or boolean, so MLflow refuses them too."""
    import pyarrow.compute as pc

    for one in columns:
        cells = table.column(one.name)
        if cells.null_count and one.type not in _NULLABLE:
            row = pc.index(cells.is_null(), True).as_py()
            raise BadFile(
                f"row {row}, column {_shown(one.name)}: an empty cell is not {_a(one.type)}"
            )


def _refused_column(
    message: str, header: Sequence[str], columns: Sequence[Column]
) -> Column | None:
    """The column in which Arrow found a cell that is not of its type."""
    conversion = _CONVERSION.search(message)
    if conversion is None or not _INVALID.search(conversion[3]):
        return None
    name = header[int(conversion[1])]
    return next(one for one in columns if one.name == name)


def _explain(message: str, header: Sequence[str], columns: Sequence[Column]) -> str:
    """Turn Arrow's error, which counts the header as row 1, into a row and a column's name."""
    if ragged := _RAGGED.search(message):
        row, expected, found = ragged.groups()
        where = f"row {int(row) - 2}: " if row else ""
        return f"{where}has {found} cells and the header {expected}"
    if conversion := _CONVERSION.search(message):
        index, row, detail = conversion.groups()
        name = header[int(index)] if int(index) < len(header) else f"#{index}"
        where = f"row {int(row) - 2}, " * bool(row) + f"column {_shown(name)}"
        if value := _INVALID.search(detail):
            kind = next((one.type for one in columns if one.name == name), "value of its type")
            return f"{where}: {_shown(value[1])} is not {_a(kind)}"
        if "UTF8" in detail:
            return f"{where}: is not UTF-8 text"
        return f"{where}: {one_line(detail)}"
    if "Empty CSV file" in message:
        return _NO_ROWS
    return f"is not a readable CSV file: {one_line(message)}"


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(_shown, names))


def _shown(text: str) -> str:
    """A cell as a message shows it: quoted, and its blanks and line breaks to be seen."""
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…")
