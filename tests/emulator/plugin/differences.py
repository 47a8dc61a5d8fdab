"""Differences between two sets of inputs, property by property."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any


class Change(Enum):
    """The change of a property."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Change]]:
    """Give the paths (`a.b[0]`) of what differs, the deepest there are."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() | new.keys()):
            inside = _member(path, name)
            if name not in new:
                yield inside, Change.DELETE
            elif name not in old:
                yield inside, Change.ADD
            else:
                yield from differences(old[name], new[name], inside)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _in_sequence(old, new, path)
    elif old != new:
        yield path, Change.UPDATE


def is_within(path: str, *properties: str) -> bool:
    """Return whether a path is one of some properties', or leads into one."""
    return any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in properties)


def carried(
    given: Mapping[str, Any],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    but: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Carry into what was given what changed from then to now, leaving out the names in `but`."""
    return dict(_carried(given, old, new, but))


def _carried(given: Any, old: Any, new: Any, but: frozenset[str]) -> Any:
    if not (isinstance(given, Mapping) and isinstance(old, Mapping) and isinstance(new, Mapping)):
        return new
    result = dict(given)
    for name in (old.keys() | new.keys()) - but:
        if old.get(name) == new.get(name):
            continue
        if name in new:
            result[name] = _carried(given.get(name), old.get(name), new[name], but)
        else:
            result.pop(name, None)
    return result


def _in_sequence(old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[tuple[str, Change]]:
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        yield from differences(before, after, f"{path}[{index}]")
    for index in range(len(new), len(old)):
        yield f"{path}[{index}]", Change.DELETE
    for index in range(len(old), len(new)):
        yield f"{path}[{index}]", Change.ADD


def _member(path: str, name: str) -> str:
    if not name.isidentifier():
        return f'{path}["{name}"]'
    return f"{path}.{name}" if path else name
