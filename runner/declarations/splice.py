"""Changing one value in the text of a YAML file, and no other byte.

A value is spliced in at the place where the YAML parser found the old one, or what lies around it,
so comments, order, quotes, styles and line ends stay as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from runner.declarations.problem import Place, refusal

_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_INDENT = 2  # where the file shows none of its own

Keys = tuple[str, ...]


def splice(file: Path, text: str, keys: Keys, value: str) -> str:
    """The text with `value` at `keys`, in the smallest change that says so.

    `file` is named in messages. Whether the new text says what it should is the caller's to check:
    YAML has more ways to write a mapping than are looked for here. Raises DeclarationError where
    the place holds something else, or is shared through an anchor or an alias.
    """
    top = _parse(text)
    if top is None or top.empty:
        start = text if not text or _LINE_END.search(text[-1]) else text + _line_end(text, 0)
        return start + _block(keys, value, 0, _INDENT, _line_end(text, 0)) + _line_end(text, 0)
    part, parents = top, [top]
    for depth, key in enumerate(keys):
        _check_alone(file, part, keys[:depth])
        if part.null:
            return _filled(text, parents, keys[depth:], value)
        if part.kind != "mapping":
            raise _occupied(file, part, keys[:depth], "a mapping")
        found = next((pair for pair in part.entries if pair[0].text == key), None)
        if found is None:
            return _added(file, text, part, top, keys, depth, value)
        part = found[1]
        parents.append(part)
    _check_alone(file, part, keys)
    if part.kind != "scalar" or part.style in ("|", ">"):
        raise _occupied(file, part, keys, "a value on one line")
    if part.empty:
        return _after_colon(text, parents, f'"{value}"')
    quote = part.style or ('"' if part.null else "")
    return f"{text[: part.start]}{quote}{value}{quote}{text[part.end :]}"


@dataclass
class _Part:
    """A node of the file's text: where it begins and ends, in characters, and how it is written."""

    kind: Literal["scalar", "list", "mapping", "alias"]
    start: int
    end: int
    line: int
    anchored: bool = False
    flow: bool = False
    text: str = ""
    style: str | None = None  # of a scalar: ' or " or | or > or none
    entries: list[tuple[_Part, _Part]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether nothing at all is written there."""
        return self.kind == "scalar" and not self.style and self.start == self.end

    @property
    def null(self) -> bool:
        return self.kind == "scalar" and not self.style and self.text in _NULLS


_NULLS = ("", "~", "null", "Null", "NULL")


def _filled(text: str, parents: list[_Part], keys: Keys, value: str) -> str:
    """Give a key that has nothing, or null, behind it a mapping."""
    part = parents[-1]
    if len(parents) > 1 and part.empty and not parents[-2].flow:
        column = _column(text, parents[-2].entries[0][0].start)
        step = _step(text, parents[0])
        end = _line_end(text, part.end)
        block = _block(keys, value, column + step, step, end)
        at = _end_of_line(text, part.end)
        return f"{text[:at]}{end}{block}{text[at:]}"
    if part.empty:
        return _after_colon(text, parents, _flow(keys, value))
    return f"{text[: part.start]}{_flow(keys, value)}{text[part.end :]}"


def _added(
    file: Path, text: str, part: _Part, top: _Part, keys: Keys, depth: int, value: str
) -> str:
    """Add an entry to a mapping, after its last."""
    missing = keys[depth:]
    if part.flow:
        entry = _flow(missing, value)[1:-1]
        if not part.entries:
            at = part.start + 1
            return f"{text[:at]}{entry}{text[at:]}"
        at = _end(text, part)
        colon = at > 0 and text[at - 1] == ":"  # a comma must not touch it
        return f"{text[:at]}{' ' * colon}, {entry}{text[at:]}"
    first, (_, last) = part.entries[0][0], part.entries[-1]
    column = _column(text, first.start)
    if text[first.start - column : first.start].strip(" "):
        raise _occupied(file, first, keys[:depth], "keys at the beginning of their lines")
    at = _end(text, part)
    begun = at > 0 and _LINE_END.match(text[at - 1]) is not None
    at = at if begun else _end_of_line(text, at)
    end = _line_end(text, at)
    if last.kind == "mapping" and last.flow and len(missing) > 1:
        entry = f"{' ' * column}{_key(missing[0])}: {_flow(missing[1:], value)}"
    else:
        entry = _block(missing, value, column, _step(text, top), end)
    return f"{text[:at]}{entry}{end}{text[at:]}" if begun else f"{text[:at]}{end}{entry}{text[at:]}"


def _after_colon(text: str, parents: list[_Part], written: str) -> str:
    """Write a value behind a key that has none; in a flow mapping its colon may be missing, too."""
    part = parents[-1]
    key = next(one for one, value in parents[-2].entries if value is part)
    if ":" in text[key.end : part.end]:
        return f"{text[: part.end]} {written}{text[part.end :]}"
    return f"{text[: key.end]}: {written}{text[key.end :]}"


def _block(keys: Keys, value: str, column: int, step: int, end: str) -> str:
    """Nested keys, each on a line of its own; without the last line's end."""
    lines = [f"{' ' * (column + step * i)}{_key(key)}:" for i, key in enumerate(keys)]
    return f'{end.join(lines)} "{value}"'


def _flow(keys: Keys, value: str) -> str:
    """Nested keys on one line, in braces."""
    written = f'"{value}"'
    for key in reversed(keys):
        written = f"{{{_key(key)}: {written}}}"
    return written


def _key(key: str) -> str:
    """A key as it is written; in quotes where YAML would take it for something else, as `null`."""
    import yaml

    node = yaml.compose(key, Loader=yaml.SafeLoader)
    return key if node and node.tag == "tag:yaml.org,2002:str" else f'"{key}"'


def _end(text: str, part: _Part) -> int:
    """Where a node's own text ends: a block has no end mark that comments don't move."""
    if part.kind != "mapping" or not part.entries:
        return part.end
    key, last = part.entries[-1]
    if not part.flow:
        return max(key.end, _end(text, last))
    if last.empty and ":" not in text[key.end : last.end]:
        return key.end
    return last.end


def _step(text: str, top: _Part) -> int:
    """How far the file indents: as its first block inside a block does."""
    for _, value in top.entries:
        if value.kind == "mapping" and not value.flow and value.entries and not top.flow:
            inner = _column(text, value.entries[0][0].start)
            return inner - _column(text, top.entries[0][0].start)
    return _INDENT


def _column(text: str, at: int) -> int:
    """How many characters stand before this one on its line."""
    start = 0
    for end in _LINE_END.finditer(text, 0, at):
        start = end.end()
    return at - start


def _end_of_line(text: str, at: int) -> int:
    found = _LINE_END.search(text, at)
    return found.start() if found else len(text)


def _line_end(text: str, at: int) -> str:
    """How the line ends that this character is on; as the first one does where that is the last."""
    found = _LINE_END.search(text, at) or _LINE_END.search(text)
    return found.group() if found else "\n"


def _check_alone(file: Path, part: _Part, keys: Keys) -> None:
    """Refuse what other places of the file share."""
    if part.anchored or part.kind == "alias":
        kind = "an alias" if part.kind == "alias" else "an anchor"
        raise refusal(
            Place(file, part.line),
            ".".join(keys),
            f"found {kind}, which other places may share: write it out to pin a version",
        )


def _occupied(file: Path, part: _Part, keys: Keys, allowed: str) -> Exception:
    found = {"list": "a list", "mapping": "a mapping"}.get(part.kind, repr(part.text[:60]))
    return refusal(
        Place(file, part.line), ".".join(keys), f"found {found}, allowed for a pin: {allowed}"
    )


def _parse(text: str) -> _Part | None:
    """The tree of a text that `read_document` has taken, with the places of everything."""
    import yaml

    top: _Part | None = None
    stack: list[tuple[_Part, list[_Part]]] = []
    # The parser in Python counts characters the same on every system; the one in C does not.
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            part, children = stack.pop()
            part.end = _part_end(event)
            if part.kind == "mapping":
                part.entries = list(zip(children[::2], children[1::2], strict=True))
            elif children and not part.flow:
                part.end = max(_end(text, one) for one in children)
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        part = _part(event)
        if stack:
            stack[-1][1].append(part)
        else:
            top = part
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append((part, []))
    return top


def _part_end(event: Any) -> int:
    return int(event.end_mark.index)


def _part(event: Any) -> _Part:
    import yaml

    start = event.start_mark
    part = _Part("alias", start.index, _part_end(event), start.line + 1)
    if isinstance(event, yaml.AliasEvent):
        return part
    part.anchored = event.anchor is not None
    if isinstance(event, yaml.ScalarEvent):
        part.kind, part.text, part.style = "scalar", event.value, event.style
    else:
        part.kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "list"
        part.flow = bool(event.flow_style)
    return part
