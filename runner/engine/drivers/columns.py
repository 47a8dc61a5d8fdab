"""Choosing which of a file's columns a model is given."""

from __future__ import annotations

from collections.abc import Sequence

from runner.engine.drivers.bad_file import BadFile, listed, not_text, shown
from runner.engine.mlmodel import Column


def choose(
    header: Sequence[str], columns: Sequence[Column], index: Sequence[str] = ()
) -> tuple[list[Column], list[str]]:
    """Return the columns that a file has, in the signature's order, and warnings about the others.

    `index` names what pandas keeps of a table beside its columns, as a Parquet file may.
    Raises BadFile where the file lacks one that the model can't do without, or has none it knows.
    """
    there = set(header)
    missing = [column.name for column in columns if column.required and column.name not in there]
    if missing:
        if why := not_text(",".join(header).encode()):
            raise BadFile(why)
        found = listed(header)
        raise BadFile(
            f"has no column {listed(missing)}, which the model needs; it has {found}"
            f"{_other_separator(header)}{_in_index(missing, index)}"
        )
    wanted = [column for column in columns if column.name in there]
    if not wanted:
        raise BadFile(f"has no column that the model knows; it has {listed(header)}")
    names = {column.name for column in columns}
    extra = [name for name in header if name not in names]
    warnings = [f"columns the model doesn't know are ignored: {listed(extra)}"] if extra else []
    return wanted, warnings


def _in_index(missing: Sequence[str], index: Sequence[str]) -> str:
    """Say what to do about columns that pandas made the index before it wrote the file."""
    found = [name for name in missing if name in index]
    if not found:
        return ""
    return f"; {listed(found)} is its index in pandas: write it after `reset_index()`"


def _other_separator(header: Sequence[str]) -> str:
    """Say what to do about a header that is one name because no commas separate it."""
    separators = [mark for mark in ";\t|" if len(header) == 1 and mark in header[0]]
    if not separators:
        return ""
    return f"; its cells seem to be separated by {shown(separators[0])}: write it with commas"
