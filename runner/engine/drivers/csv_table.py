"""Reading a CSV file as a model's signature types it: with Arrow where it reads what pandas reads.

Arrow's reader is several times as fast as any other. Where its rules and pandas' differ on a
file, the cells are taken apart by pandas' rules and written again as CSV that leaves no doubt.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.counting import many
from runner.engine.drivers.bad_file import BadFile, shown
from runner.engine.drivers.column_types import (
    convert,
    direct_type,
    refuse_missing,
    settle,
)
from runner.engine.drivers.columns import choose
from runner.engine.drivers.csv_text import (
    Header,
    OpenQuote,
    Text,
    as_array,
    find_header,
    has_hexadecimals,
    has_quotes,
    is_plain,
    read_header,
    rows,
)
from runner.engine.mlmodel import Column
from runner.engine.slices import Slice

if TYPE_CHECKING:
    import pyarrow as pa

NO_ROWS = "has a header and no rows"

_EMPTY = [
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
]
_CONVERSION = re.compile(r"In CSV column #(\d+): ")
_BLOCK = 1 << 20  # bytes that Arrow parses at a time, its own default
_LARGEST_BLOCK = (1 << 31) - 1


class _NotPlain(Exception):
    """A text in which Arrow finds other cells than pandas, or rows of more or fewer than others."""


def read_csv(
    path: Path, columns: Sequence[Column], slice_: Slice | None = None
) -> tuple[pa.Table, list[str]]:
    """Return the signature's columns of a CSV file, or of a slice of it, and warnings.

    Raises BadFile naming the row, counted from the file's first, and the column.
    """
    first_row = 0 if slice_ is None else slice_.first_row
    with path.open("rb") as file:
        if slice_ is None:
            content = _read(file, 0, os.fstat(file.fileno()).st_size)
            header = find_header(memoryview(content))
            assert header is not None
            content = content.slice(header.end)
        else:
            header = read_header(file)
            content = _read(file, slice_.start, slice_.end - slice_.start)
    wanted, warnings = choose(header.names, columns)
    types = {column.name: column.type for column in columns}
    twice = sorted(
        {name for name in header.repeats.values() if name in types},
        key=list(types).index,
    )
    warnings += [
        f"column {shown(name)} is there more than once; the first is read" for name in twice
    ]
    # As in pandas, a repeated column must be of the first one's type, although nobody reads it.
    repeats = [
        Column(name, types[given])
        for name, given in header.repeats.items()
        if given in types and name not in types
    ]
    needed = [*wanted, *repeats]
    _refuse_other_encodings(memoryview(content), header, first_row)
    try:
        if not is_plain(memoryview(content), len(header.names)):
            raise _NotPlain
        table = _plain_table(content, header.names, needed, first_row)
    except _NotPlain:
        content, short = _rewritten(memoryview(content), header, needed, first_row)
        warnings += short
        table = _plain_table(content, [column.name for column in needed], needed, first_row)
    if table.num_rows == 0 and slice_ is None:
        raise BadFile(NO_ROWS)
    if slice_ is not None and table.num_rows != slice_.rows:
        raise BadFile(
            f"has {table.num_rows} rows from row {slice_.first_row} on where it had {slice_.rows}:"
            " it has changed since the job began"
        )
    return table.select([column.name for column in wanted]), warnings


def never_closed(row: int) -> BadFile:
    return BadFile(f"row {row}: has a quote that is never closed")


def _read(file: io.BufferedReader, start: int, size: int) -> pa.Buffer:
    """Read bytes of a file into memory that Arrow keeps for the next one: fresh pages cost more
    than reading does."""
    import pyarrow as pa

    file.seek(start)
    content = pa.allocate_buffer(size)
    return content.slice(0, file.readinto(memoryview(content)))


def _plain_table(
    content: pa.Buffer, names: Sequence[str], columns: Sequence[Column], first_row: int
) -> pa.Table:
    """Return a table of these columns of a text without a header that Arrow reads as pandas does.

    BadFile for a cell of another type, _NotPlain for another text.
    """
    import pyarrow as pa

    text = memoryview(content)
    places = {name: index for index, name in enumerate(names)}
    as_text = {column.name for column in columns if column.type == "boolean"}
    if has_hexadecimals(text):
        as_text |= {column.name for column in columns if column.type in ("integer", "long")}
    settled: dict[str, pa.ChunkedArray] = {}
    while len(settled) < len(columns):
        read = _parse(content, len(names), _types(columns, places, as_text))
        if isinstance(read, int):
            # Cells that Arrow reads otherwise in one column often stand in others of its type,
            # too, and each time costs another look at the file.
            refused = next(column for column in columns if places[column.name] == read)
            if refused.name in as_text:
                raise BadFile(f"column {shown(refused.name)}: can't be read as text")
            as_text |= {column.name for column in columns if column.type == refused.type}
            continue
        found = {
            column.name: values if column.name in as_text else settle(values, column)
            for column, values in zip(columns, read.columns)
        }
        settled = {name: values for name, values in found.items() if values is not None}
        as_text |= found.keys() - settled.keys()
    for column in columns:
        if column.name in as_text:
            settled[column.name] = convert(settled[column.name], column, first_row)
        refuse_missing(settled[column.name], column, first_row)
    return pa.table(settled)


def _types(
    columns: Sequence[Column], places: dict[str, int], as_text: Collection[str]
) -> dict[str, pa.DataType]:
    import pyarrow as pa

    return {
        str(places[column.name]): pa.string() if column.name in as_text else direct_type(column)
        for column in columns
    }


def _parse(content: pa.Buffer, width: int, types: dict[str, pa.DataType]) -> pa.Table | int:
    """Return the columns that have a type here, named by their places; or the place of one in which
    a cell is not of its type. Raises _NotPlain for a row of more or fewer cells than `width`."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    text = memoryview(content)
    quoted = has_quotes(text)
    # Where a block ends within quotes Arrow can lose the LF of a CRLF, or the place it was at.
    block = _LARGEST_BLOCK if quoted else _BLOCK
    if quoted and len(content) > _LARGEST_BLOCK:
        raise BadFile("has quotes and more than 2 GiB, too much to be read in one piece; split it")
    while True:
        block = max(1, min(block, len(content)))
        try:
            return arrow_csv.read_csv(
                pa.BufferReader(content),
                read_options=arrow_csv.ReadOptions(
                    # One thread: the workers are the parallelism.
                    use_threads=False,
                    block_size=block,
                    column_names=list(map(str, range(width))),
                ),
                # A quoted line break makes Arrow's reader slower; look before paying for it.
                parse_options=arrow_csv.ParseOptions(newlines_in_values=quoted),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=_EMPTY,
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid as error:
            message = str(error)
        if place := _CONVERSION.search(message):
            return int(place[1])
        if "Empty CSV file" in message:
            raise BadFile(NO_ROWS)
        if "straddl" not in message or block >= min(len(content), _LARGEST_BLOCK):
            raise _NotPlain
        block = _LARGEST_BLOCK  # a row is longer than a block


def _rewritten(
    text: Text, header: Header, columns: Sequence[Column], first_row: int
) -> tuple[pa.Buffer, list[str]]:
    """Return the columns' cells as pandas finds them, every one in quotes, and warnings.

    Missing cells at a row's end are empty. Raises BadFile for a cell too many, as pandas does;
    in the file's first row too, where pandas takes it that the first column has no name.
    """
    import pyarrow as pa

    places = [header.names.index(column.name) for column in columns]
    width = len(header.names)
    out = pa.BufferOutputStream()
    warnings: list[str] = []
    lines: list[bytes] = []
    count = 0
    try:
        for count, row in enumerate(rows(text), 1):
            cells = row.cells
            if len(cells) != width:
                where = f"row {first_row + count - 1}"
                if len(cells) > width:
                    raise BadFile(
                        f"{where}: has {many(len(cells), 'cell')} and the header {width}"
                        f"{_why_too_many(cells[width:])}"
                    )
                if not warnings:
                    warnings.append(
                        f"{where} has {many(len(cells), 'cell')} and the header {width};"
                        " cells that a row lacks are empty"
                    )
                cells += [b""] * (width - len(cells))
            lines.append(
                b'"' + b'","'.join([cells[at].replace(b'"', b'""') for at in places]) + b'"\n'
            )
            if len(lines) == 4096:
                out.write(b"".join(lines))
                lines.clear()
    except OpenQuote as error:
        raise never_closed(first_row + error.rows) from None
    out.write(b"".join(lines))
    return out.getvalue(), warnings


def _why_too_many(cells: Sequence[bytes]) -> str:
    """Say what to do about the cells that a row has beyond the header's."""
    if any(cells):
        return ""
    return ": take the comma off its end" if len(cells) == 1 else ": take the commas off its end"


def _refuse_other_encodings(text: Text, header: Header, first_row: int) -> None:
    """Refuse a file with a cell that is not UTF-8, even in a column that nobody asked for: pandas
    decodes every cell."""
    content = as_array(text)
    if not len(content) or content.max() < 0x80 or _is_utf8(text):
        return
    try:
        for index, row in enumerate(rows(text)):
            for place, cell in enumerate(row.cells):
                if not _is_utf8(cell):
                    name = header.names[place] if place < len(header.names) else f"#{place}"
                    raise BadFile(
                        f"row {first_row + index}, column {shown(name)}: is not UTF-8 text"
                    )
    except OpenQuote:
        pass
    raise BadFile("is not UTF-8 text")


def _is_utf8(text: Text) -> bool:
    """Tell whether a text is UTF-8. Arrow does it ten times as fast as decoding, without a copy."""
    import numpy as np
    import pyarrow as pa

    # Making an Arrow array of a list would import pandas where it is installed.
    offsets = pa.py_buffer(np.array([0, len(text)], dtype=np.int64))
    cell = pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(text)])
    try:
        cell.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
