"""Sets one value in the text of a YAML file and leaves every other byte as it is.

PyYAML's marks say where a node is written, so comments, order, quotes, styles and line ends stay.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.declarations.problem import Place, refusal

_INDENT = 2  # where the file shows none of its own
_NULL = "tag:yaml.org,2002:null"

Keys = tuple[str, ...]


def set_value(file: Path, text: str, keys: Keys, value: str) -> str:
    """Return the text with `value` at `keys`, in the smallest change that says so.

    `file` is named in messages. The caller checks that the new text says what it should: YAML has
    more ways to write a mapping than are looked for here. Raises DeclarationError where the place
    holds something else, or is shared through an anchor or an alias.
    """
    import yaml

    # The parser in Python counts characters the same on every system; the one in C does not.
    top = yaml.compose(text, Loader=yaml.SafeLoader)
    if top is None or _is_empty(top):
        start = text if not text or text.endswith("\n") else text + _line_end(text)
        return start + _block(keys, value, 0, _INDENT, _line_end(text)) + _line_end(text)
    parent, node = top, top
    for depth, key in enumerate(keys):
        _check_alone(file, text, node, keys[:depth])
        if node.tag == _NULL:
            return _fill(text, top, parent, node, keys[depth:], value)
        if not isinstance(node, yaml.MappingNode):
            raise _occupied(file, node, keys[:depth], "a mapping")
        found = next((below for name, below in node.value if name.value == key), None)
        if found is None:
            return _add(text, top, node, keys[depth:], value)
        parent, node = node, found
    _check_alone(file, text, node, keys)
    if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">"):
        raise _occupied(file, node, keys, "a value on one line")
    quote = '"' if node.tag == _NULL else node.style or ""
    return _replace(text, node, f"{quote}{value}{quote}")


def _replace(text: str, node: Any, written: str) -> str:
    """Write a value in place of a node, or behind the colon where nothing is written yet."""
    blank = " " if _is_empty(node) else ""
    return f"{text[: node.start_mark.index]}{blank}{written}{text[node.end_mark.index :]}"


def _fill(text: str, top: Any, parent: Any, node: Any, keys: Keys, value: str) -> str:
    """Give a key that has nothing, or null, behind it a mapping."""
    if parent.flow_style or not _is_empty(node):
        return _replace(text, node, _flow(keys, value))
    step = _step(top)
    block = _block(keys, value, _column(parent) + step, step, _line_end(text))
    return _insert_after(text, node.end_mark.index, block)


def _add(text: str, top: Any, mapping: Any, keys: Keys, value: str) -> str:
    """Add an entry to a mapping: after the last of a block, and as the first in braces."""
    if mapping.flow_style:
        at = mapping.start_mark.index + 1
        comma = ", " if mapping.value else ""
        return f"{text[:at]}{_flow(keys, value)[1:-1]}{comma}{text[at:]}"
    column, (_, last) = _column(mapping), mapping.value[-1]
    if len(keys) > 1 and getattr(last, "flow_style", False):
        entry = f"{' ' * column}{_key(keys[0])}: {_flow(keys[1:], value)}"
    else:
        entry = _block(keys, value, column, _step(top), _line_end(text))
    return _insert_after(text, _end(mapping), entry)


def _insert_after(text: str, at: int, lines: str) -> str:
    """Insert lines after the line that ends at or behind a place."""
    # Behind a text of several lines the place is the beginning of the next line.
    end = text.find("\n", at - 1)
    if end < 0:
        return f"{text}{_line_end(text)}{lines}"
    return f"{text[: end + 1]}{lines}{_line_end(text)}{text[end + 1 :]}"


def _block(keys: Keys, value: str, column: int, step: int, end: str) -> str:
    """Return nested keys, each on a line of its own, without the last line's end."""
    lines = [f"{' ' * (column + step * i)}{_key(key)}:" for i, key in enumerate(keys)]
    return f'{end.join(lines)} "{value}"'


def _flow(keys: Keys, value: str) -> str:
    """Return nested keys on one line, in braces."""
    written = f'"{value}"'
    for key in reversed(keys):
        written = f"{{{_key(key)}: {written}}}"
    return written


def _key(key: str) -> str:
    """Return a key as it is written: in quotes where YAML would take it for `null` and the like."""
    import yaml

    node = yaml.compose(key, Loader=yaml.SafeLoader)
    return key if node and node.tag == "tag:yaml.org,2002:str" else f'"{key}"'


def _end(node: Any) -> int:
    """Return the end of a node's own text: the end mark of a block lies behind its comments."""
    end: int = node.end_mark.index
    if not node.value or getattr(node, "flow_style", True):
        return end
    last = node.value[-1]
    if not isinstance(last, tuple):
        return _end(last)
    key, value = last
    return max(_end(key), _end(value))  # the value of an alias is written further up


def _step(top: Any) -> int:
    """Return the file's indentation: that of its first block inside a block."""
    inner = (_column(node) for _, node in top.value if _is_block_mapping(node))
    return next(inner, _INDENT + _column(top)) - _column(top)


def _is_block_mapping(node: Any) -> bool:
    return bool(node.id == "mapping" and not node.flow_style)


def _column(mapping: Any) -> int:
    """Return the column at which the keys of a mapping begin."""
    return int(mapping.value[0][0].start_mark.column) if mapping.value else 0


def _is_empty(node: Any) -> bool:
    """Return whether nothing at all is written where a node is."""
    return bool(node.start_mark.index == node.end_mark.index)


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _check_alone(file: Path, text: str, node: Any, keys: Keys) -> None:
    """Refuse what other places of the file share; an alias has the place of its anchor."""
    if text.startswith("&", node.start_mark.index):
        found = (
            "found an anchor or alias, which other places may share: write it out to pin a version"
        )
        raise refusal(Place(file, node.start_mark.line + 1), ".".join(keys), found)


def _occupied(file: Path, node: Any, keys: Keys, allowed: str) -> Exception:
    found = {"sequence": "a list", "mapping": "a mapping"}.get(node.id) or repr(node.value[:60])
    place = Place(file, node.start_mark.line + 1)
    return refusal(place, ".".join(keys), f"found {found}, allowed for a pin: {allowed}")
