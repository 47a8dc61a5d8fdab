"""Reads YAML that somebody else wrote, such as a model's `MLmodel`, within bounds.

It is built from YAML's events and not by PyYAML, which needs gigabytes for a kilobyte of aliases,
recurses as deep as lists are nested, and takes minutes for some numbers. For declarations, which
have lines to be told and rules to be kept, see `runner.declarations.document`.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

MAX_BYTES = 16 << 20  # the signature of a very wide table is one long text
MAX_VALUES = 100_000  # aliases counted as often as they are used
MAX_DEPTH = 50
_KINDS = ("str", "int", "float", "timestamp", "seq", "map")  # what a tag may say

Value = Union[str, bool, None, list[Any], dict[str, Any]]


class Unreadable(ValueError):
    """An error for what is no YAML within the bounds; its text says why, in one line."""


def read_yaml(path: Path) -> Value:
    """Read a file of one document: texts, booleans, nothing, lists, and mappings of texts.

    Numbers and dates are the text that is written. Raises Unreadable, and OSError.
    """
    if stat.S_ISFIFO(path.stat().st_mode):  # which would keep whoever opens it
        raise Unreadable("it is a pipe")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Unreadable(f"it is larger than {MAX_BYTES >> 20} MiB")
    return _build(content)


@dataclass
class _Node:
    """A value, and how many it comes to with all that it holds."""

    value: Value
    size: int = 1
    merges: bool = False  # it is << without quotation marks, which as a key merges mappings


@dataclass
class _Open:
    """A list or mapping whose end has not been reached."""

    is_mapping: bool
    anchor: str | None
    size: int = 1
    items: list[Value] = field(default_factory=list)
    entries: dict[str, Value] = field(default_factory=dict)
    merged: list[dict[str, Any]] = field(default_factory=list)
    key: str | None = None
    merging: bool = False  # the key merges what follows

    def take(self, node: _Node) -> None:
        """Add the next value, which in a mapping is a key and what it stands for by turns."""
        self.size += node.size
        if self.size > MAX_VALUES:
            raise Unreadable(f"it has more than {MAX_VALUES:,} values once aliases are expanded")
        if not self.is_mapping:
            self.items.append(node.value)
        elif self.key is None:
            if not isinstance(node.value, (str, bool)):
                raise Unreadable("a key of it is no text")
            self.key, self.merging = str(node.value), node.merges
        elif self.merging:
            self.key = None
            self._merge(node.value)
        else:
            self.entries[self.key] = node.value
            self.key = None

    def _merge(self, value: Value) -> None:
        for mapping in value if isinstance(value, list) else [value]:
            if not isinstance(mapping, dict):
                raise Unreadable("something other than a mapping is merged")
            self.merged.append(mapping)

    def close(self) -> _Node:
        if not self.is_mapping:
            return _Node(self.items, self.size)
        merged: dict[str, Value] = {}
        for mapping in reversed(self.merged):
            merged.update(mapping)
        return _Node({**merged, **self.entries}, self.size)


def _build(content: bytes) -> Value:
    import yaml

    top = _Node(None)
    stack: list[_Open] = []
    anchors: dict[str, _Node] = {}
    documents = 0

    def add(node: _Node, anchor: str | None) -> None:
        nonlocal top
        if anchor is not None:
            anchors[anchor] = node
        if stack:
            stack[-1].take(node)
        else:
            top = node

    for event in _events(content):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise Unreadable("it holds more than one document")
        elif isinstance(event, yaml.ScalarEvent):
            merges = event.value == "<<" and event.implicit[0]
            add(_Node(_scalar(event), merges=merges), event.anchor)
        elif isinstance(event, yaml.CollectionStartEvent):
            _check_tag(event)
            if len(stack) >= MAX_DEPTH:
                raise Unreadable(f"it is nested deeper than {MAX_DEPTH} levels")
            stack.append(_Open(isinstance(event, yaml.MappingStartEvent), event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            done = stack.pop()
            add(done.close(), done.anchor)
        elif isinstance(event, yaml.AliasEvent):
            # An anchor is known only once its value is complete, so that none holds itself.
            if event.anchor not in anchors:
                raise Unreadable(f"the alias *{event.anchor} names nothing that is complete")
            add(anchors[event.anchor], None)
    return top.value


def _events(content: bytes) -> Iterator[Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.parse(content, Loader=loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Unreadable(" ".join(str(error).split())) from None


def _scalar(event: Any) -> Value:
    """Return a scalar's value as every PyYAML loader does, but numbers and dates as text."""
    import yaml

    _check_tag(event)
    text: str = event.value
    if event.style or event.tag is not None:
        return text
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], []):
        if tag == "tag:yaml.org,2002:null" and pattern.match(text):
            return None
        if tag == "tag:yaml.org,2002:bool" and pattern.match(text):
            return bool(yaml.SafeLoader.bool_values[text.lower()])
    return text


def _check_tag(event: Any) -> None:
    """Raise Unreadable for what a tag makes anything of but text, a list or a mapping."""
    if event.tag not in (None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in _KINDS)):
        raise Unreadable(f"it has a value with the tag {event.tag[:60]!r}")
