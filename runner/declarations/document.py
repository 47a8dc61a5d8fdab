"""Reads a YAML file as a tree that knows the line of every key and value.

Reading goes through YAML's events, never through Python objects: no tag can build anything,
and limits on size, depth and expanded aliases hold before the tree exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from runner.declarations.problem import DeclarationError, Place, Problem, refusal

_LONGEST_SHOWN = 60  # characters of a value in a message
MAX_BYTES = 1 << 20
MAX_NODES = 10_000  # aliases counted as often as they are used
MAX_DEPTH = 50

# Nothing here has a use for them, and they break paths, processes and terminals.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

ScalarKind = Literal["text", "int", "float", "bool", "null", "date"]


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """One value as it was written, and what YAML 1.1 takes it for."""

    place: Place
    text: str
    kind: ScalarKind
    size: int = 1


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list."""

    place: Place
    items: tuple[Node, ...]
    size: int


@dataclass(frozen=True, slots=True)
class MappingNode:
    """`entries` keeps the order of the file; `key_places` has the line of each key."""

    place: Place
    entries: Mapping[str, Node]
    key_places: Mapping[str, Place]
    size: int

    def without(self, *keys: str) -> MappingNode:
        kept = {key: node for key, node in self.entries.items() if key not in keys}
        return mapping(self.place, kept, self.key_places)


Node = ScalarNode | ListNode | MappingNode


def mapping(
    place: Place, entries: Mapping[str, Node], key_places: Mapping[str, Place]
) -> MappingNode:
    """Make a mapping node; `key_places` may have more keys than `entries`."""
    places = {key: key_places[key] for key in entries}
    return MappingNode(place, entries, places, 1 + sum(node.size for node in entries.values()))


def read_document(file: Path, *, may_be_empty: bool = False) -> MappingNode:
    """Read a file that holds one YAML document, a mapping.

    `may_be_empty` takes an empty file for an empty mapping. Raises DeclarationError for a file
    that can't be read, is not UTF-8, is too big, too deep or too much once its aliases are
    expanded, for YAML that is wrong, for duplicate keys and for custom tags.
    """
    file = file.absolute()
    text = _read_text(file)
    builder = _Builder(file)
    top = builder.build(text)
    if builder.problems:
        raise DeclarationError(builder.problems)
    if top is None or (isinstance(top, ScalarNode) and top.kind == "null"):
        if may_be_empty:
            return mapping(Place(file, 1), {}, {})
        raise refusal(Place(file, 0), "", "the file is empty")
    if not isinstance(top, MappingNode):
        raise refusal(top.place, "", f"found {describe(top)}, allowed: a mapping of keys to values")
    return top


def describe(node: Node) -> str:
    """Describe a node, short enough for one line."""
    if isinstance(node, MappingNode):
        inside = _shown_inside(node)
        return f"the mapping {inside}" if inside else "a mapping"
    if isinstance(node, ListNode):
        return "a list"
    if node.kind == "null":
        return "nothing"
    names = {"text": "the text", "date": "the date", "bool": "the boolean"}
    return f"{names.get(node.kind, 'the number')} {shown(node.text)}"


def _shown_inside(node: MappingNode) -> str:
    """Return a small mapping of numbers on a line; empty for any other: it may hold a secret."""
    entries = [(key, value) for key, value in node.entries.items() if isinstance(value, ScalarNode)]
    if (
        not entries
        or len(entries) < len(node.entries)
        or {value.kind for _, value in entries} != {"int"}
    ):
        return ""
    text = "{" + ", ".join(f"{key}: {value.text}" for key, value in entries) + "}"
    return text if len(text) <= _LONGEST_SHOWN and text.isprintable() else ""


def shown(text: str) -> str:
    """Return a text in quotes, on one line and not too long."""
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "...")


def _read_text(file: Path) -> str:
    place = Place(file, 0)
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise refusal(place, "", "there is no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise refusal(place, "", f"the file can't be read: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise refusal(place, "", "the file is bigger than 1 MiB, the most a declaration may be")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise refusal(
            Place(file, line), "", "found bytes that are not UTF-8, allowed: UTF-8 text"
        ) from None


@dataclass
class _Open:
    """A list or mapping whose end has not been reached."""

    place: Place
    is_mapping: bool
    anchor: str | None
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Node] = field(default_factory=dict)
    key_places: dict[str, Place] = field(default_factory=dict)
    merged: list[MappingNode] = field(default_factory=list)
    key: ScalarNode | None = None
    size: int = 1


class _Builder:
    """Builds the tree from events, with a stack of its own so that depth is under control."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._top: Node | None = None

    def build(self, text: str) -> Node | None:
        import yaml

        documents = 0
        for event in self._events(text):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise refusal(
                        self._place(event), "", "found a second document, allowed: one a file"
                    )
            elif isinstance(event, yaml.ScalarEvent):
                self._check_tag(event)
                if _CONTROL.search(event.value):
                    text = f"found {shown(event.value)}, allowed: text without control characters"
                    raise refusal(self._place(event), "", text)
                node = ScalarNode(self._place(event), event.value, _kind(event))
                self._add(node, event.anchor)
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                self._check_tag(event)
                if len(self._stack) >= MAX_DEPTH:
                    raise refusal(
                        self._place(event), "", f"nested deeper than {MAX_DEPTH} levels, the most"
                    )
                is_mapping = isinstance(event, yaml.MappingStartEvent)
                self._stack.append(_Open(self._place(event), is_mapping, event.anchor))
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._close(self._stack.pop())
            elif isinstance(event, yaml.AliasEvent):
                self._add(self._alias(event), None)
        return self._top

    def _events(self, text: str) -> Iterator[Any]:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            yield from yaml.parse(text, Loader=loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(self.file, mark.line + 1 if mark else 0)
            what = " ".join(f"{error.problem or ''} {error.context or ''}".split())
            raise refusal(place, "", f"not valid YAML: {what}") from None
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            what = " ".join(str(getattr(error, "reason", None) or error).split())
            raise refusal(Place(self.file, 0), "", f"not valid YAML: {what}") from None

    def _place(self, event: Any) -> Place:
        return Place(self.file, event.start_mark.line + 1)

    def _check_tag(self, event: Any) -> None:
        if event.tag in (
            None,
            "!",
            *("tag:yaml.org,2002:" + kind for kind in ("str", "map", "seq")),
        ):
            return
        raise refusal(
            self._place(event),
            "",
            f"found the tag {shown(event.tag)}, allowed: values without a tag",
        )

    def _alias(self, event: Any) -> Node:
        # An anchor is known only once its node is complete, so no node can hold itself.
        node = self._anchors.get(event.anchor)
        if node is None:
            raise refusal(
                self._place(event),
                "",
                f"the alias *{event.anchor} names no anchor that is complete before it",
            )
        return node

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._stack:
            self._top = node
            return
        parent = self._stack[-1]
        parent.size += node.size
        if parent.size > MAX_NODES:
            raise refusal(
                node.place, "", f"more than {MAX_NODES} values once its aliases are expanded"
            )
        if not parent.is_mapping:
            parent.items.append(node)
        elif parent.key is None:
            parent.key = self._as_key(node)
        else:
            key, parent.key = parent.key, None
            self._put(parent, key, node)

    def _as_key(self, node: Node) -> ScalarNode:
        if isinstance(node, ScalarNode) and node.kind != "null":
            return node
        raise refusal(node.place, "", f"found {describe(node)} as a key, allowed: text")

    def _put(self, parent: _Open, key: ScalarNode, node: Node) -> None:
        if key.text == "<<" and key.kind == "text":
            parent.merged.extend(self._mergeable(node))
        elif key.text in parent.entries:
            first = parent.key_places[key.text].line
            self.problems.append(
                Problem(key.place, key.text, f"found twice, first on line {first}, allowed: once")
            )
        else:
            parent.entries[key.text] = node
            parent.key_places[key.text] = key.place

    def _mergeable(self, node: Node) -> list[MappingNode]:
        nodes = node.items if isinstance(node, ListNode) else (node,)
        found = [merged for merged in nodes if isinstance(merged, MappingNode)]
        if len(found) < len(nodes):
            raise refusal(node.place, "<<", f"found {describe(node)}, allowed: mappings to merge")
        return found

    def _close(self, done: _Open) -> None:
        if not done.is_mapping:
            self._add(ListNode(done.place, tuple(done.items), done.size), done.anchor)
            return
        for merged in done.merged:
            for key, node in merged.entries.items():
                if key not in done.entries:
                    done.entries[key] = node
                    done.key_places[key] = merged.key_places[key]
        self._add(MappingNode(done.place, done.entries, done.key_places, done.size), done.anchor)


def _kind(event: Any) -> ScalarKind:
    """Return the kind that YAML 1.1 gives a scalar, by the same table as every PyYAML loader."""
    import yaml

    if event.style or event.tag is not None:
        return "text"
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    for tag, pattern in resolvers.get(event.value[:1], []):
        if pattern.match(event.value):
            return _KINDS.get(tag, "text")
    return "text"


_KINDS: Mapping[str, ScalarKind] = {
    "tag:yaml.org,2002:int": "int",
    "tag:yaml.org,2002:float": "float",
    "tag:yaml.org,2002:bool": "bool",
    "tag:yaml.org,2002:null": "null",
    "tag:yaml.org,2002:timestamp": "date",
}
