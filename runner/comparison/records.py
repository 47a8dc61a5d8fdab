"""Writes frozen dataclasses as JSON, and reads them from files that strangers may have written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

LONGEST = 200  # characters of a name
_LONGEST_TEXT = 4_000  # of a sentence that names things
_MOST_ITEMS = 1_000
_MOST_COUNT = 2**53  # of rows or bytes


class NoRecord(Exception):
    """Is raised for what no such record was written as; the text says why."""


def to_plain(value: Any) -> Any:
    """Return a record, or a part of it, as what JSON has."""
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no other word for it
    return value


def from_plain(kind: Any, document: Any) -> Any:
    """Return the record of a kind that `to_plain` made a document of, trusting nothing in it.

    Raises NoRecord: each value must be of its type; counts, texts and lists have bounds.
    """
    if not isinstance(document, Mapping):
        raise NoRecord(f"{kind.__name__} is no object")
    hints = get_type_hints(kind)
    if unknown := document.keys() - hints.keys():
        raise NoRecord(f"{kind.__name__} has no {cut(min(unknown), 40)!r}")
    if missing := [name for name in hints if name not in document]:
        raise NoRecord(f"{kind.__name__} lacks {missing[0]!r}")
    return kind(
        **{
            name: _value(hint, document[name], f"{kind.__name__}.{name}")
            for name, hint in hints.items()
        }
    )


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        others = [kind for kind in get_args(hint) if kind is not NoneType]
        return None if value is None else _value(others[0], value, where)
    if origin is Literal:
        if value in get_args(hint):
            return value
    elif origin is tuple:
        return _items(get_args(hint), value, where)
    elif is_dataclass(hint):
        return from_plain(hint, value)
    elif hint is float:
        if value is None:
            return math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif hint is int:
        if type(value) is int and 0 <= value <= _MOST_COUNT:
            return value
    elif type(value) is hint and (hint is not str or len(value) <= _LONGEST_TEXT):
        return value
    raise NoRecord(f"{where} is {cut(repr(value), 40)}")


def _items(kinds: Sequence[Any], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) > _MOST_ITEMS:
        raise NoRecord(f"{where} is no list of at most {_MOST_ITEMS:,}")
    if kinds[-1] is Ellipsis:
        return tuple(_value(kinds[0], item, where) for item in value)
    if len(value) != len(kinds):
        raise NoRecord(f"{where} has {len(value)} items in place of {len(kinds)}")
    return tuple(_value(kind, item, where) for kind, item in zip(kinds, value, strict=True))


def cut(text: str, longest: int = LONGEST) -> str:
    """Return the text in at most so many characters, its end replaced where it is longer."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
