"""Takes answers apart: JSON by name or place, a script's line by place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from runner.tally import ONLY

if TYPE_CHECKING:
    import pyarrow as pa

MOST_PARTS = 20  # more than these are an embedding, which is compared as a whole
_FIRST = 100  # answers of which some holds something
_DELIMITERS = (",", "\t", " ")
_LINE = "line"  # what a script's line is called that can't be taken apart


class Ragged(Exception):
    """Is raised where answers can't be taken apart as those before them were."""


def parts_of(cells: pa.Array, script: bool) -> Mapping[str, pa.Array]:
    """Return the parts of answers as texts, by name; their only part where they have no others."""
    found = _fields(cells) if script else _json_parts(cells)
    return found if found else {_LINE if script else ONLY: cells}


def whole(cells: pa.Array, script: bool) -> Mapping[str, pa.Array]:
    """Return answers as their only part."""
    return {_LINE if script else ONLY: cells}


def _json_parts(cells: pa.Array) -> dict[str, pa.Array]:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import json as arrow_json

    first = next((cell for cell in cells.slice(0, _FIRST).to_pylist() if cell), "")
    if first[:1] not in ("{", "["):
        return {}
    listed = first[0] == "["
    opening, closing, nothing = (pa.scalar(text, pa.string()) for text in ('{"v":', "}", ""))
    if listed:
        cells = pc.binary_join_element_wise(opening, cells, closing, nothing)
    else:
        cells = pc.if_else(pc.equal(cells, nothing), pa.scalar("{}", pa.string()), cells)
    text = b"\n".join(cells.cast(pa.binary()).to_pylist())
    try:
        table = arrow_json.read_json(
            pa.BufferReader(text), read_options=arrow_json.ReadOptions(block_size=len(text) + 1)
        ).combine_chunks()
    except pa.ArrowInvalid:
        return {}
    if table.num_rows != len(cells):
        return {}
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    if listed:
        columns = _places(columns["v"])
    if not columns or len(columns) > MOST_PARTS:
        return {}
    try:
        return {
            name: pc.fill_null(values.cast(pa.string()), pa.scalar("", pa.string()))
            for name, values in columns.items()
        }
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # lists and objects inside
        return {}


def _places(lists: pa.Array) -> dict[str, pa.Array]:
    """Return the columns of lists that are all as long as the first, by their places."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_list(lists.type) or lists.null_count:
        return {}
    lengths = pc.unique(pc.list_value_length(lists)).to_pylist()
    if len(lengths) != 1 or not 0 < lengths[0] <= MOST_PARTS:
        return {}
    flat, width = lists.flatten(), lengths[0]
    return {
        str(place): flat.take(pa.array(range(place, len(flat), width))) for place in range(width)
    }


def _fields(lines: pa.Array) -> dict[str, pa.Array]:
    """Return the fields of lines: those of a DataFrame have spaces between them, texts that a
    script puts together itself often commas."""
    for delimiter in _DELIMITERS:
        if found := _fields_between(lines, delimiter):
            return found
    return {}


def _fields_between(lines: pa.Array, delimiter: str) -> dict[str, pa.Array]:
    import pyarrow as pa
    from pyarrow import csv

    text = b"\n".join(lines.cast(pa.binary()).to_pylist()) + b"\n"
    try:
        table = csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(
                autogenerate_column_names=True, use_threads=False, block_size=len(text) + 1
            ),
            parse_options=csv.ParseOptions(
                delimiter=delimiter, ignore_empty_lines=False, newlines_in_values=True
            ),
            # As they are written: a number that was read would be written otherwise.
            convert_options=csv.ConvertOptions(
                column_types={f"f{place}": pa.string() for place in range(MOST_PARTS)},
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        return {}
    if table.num_rows != len(lines) or not 1 < table.num_columns <= MOST_PARTS:
        return {}
    return {
        f"column {place}": column.combine_chunks() for place, column in enumerate(table.columns, 1)
    }
