"""Reads a node into a frozen dataclass by its type hints, collecting every problem.

A record's field names are the YAML keys. Types may be str, int, float, bool, Path, Literal,
tuple[T, ...], Mapping[str, T], Any, another record, `T | None` (the key may be absent, its value
may not be null) and Annotated with `Check` (a rule) or `Using` (a reading of its own); other
marks are for those who pass a value on. Modules
that define records must not postpone their annotations: the types are taken as they stand.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from runner.declarations.document import (
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    describe,
    shown,
)
from runner.declarations.problem import DeclarationError, Problem, refusal
from runner.nearest import nearest

T = TypeVar("T")

MAX_DIGITS = 15  # beyond this a number is a slip, and exact floats end


@dataclass(frozen=True)
class Check:
    """A rule for a value that already has its type; `allowed` ends the message."""

    holds: Callable[[Any], bool]
    allowed: str


@dataclass(frozen=True)
class Using:
    """A reading of its own: takes a node and its dotted key, returns the value or refuses."""

    read: Callable[[Node, str], Any]


@dataclass(frozen=True)
class Duration:
    """Marks a number as a length of time, which Azure takes in another form."""

    unit: Literal["s", "ms"]


SECONDS, MILLISECONDS = Duration("s"), Duration("ms")


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A record that knows its file, and the tree that it was read from."""

    file: Path = field(metadata={"given": True})
    source: MappingNode = field(repr=False, compare=False, metadata={"given": True})


# Keys that Azure writes into what it shows; `az` reads such files and ignores these, and so do we.
SERVED = frozenset(
    {
        "$schema",
        "id",
        "creation_context",
        "intellectual_property",
        "job_name",
        "kind",
        "latest_version",
        "log_files",
        "openapi_uri",
        "parameters",
        "provisioning_state",
        "scoring_uri",
        "status",
        "utc_time_created",
    }
)


def at_least(least: int) -> Check:
    return Check(lambda value: value >= least, f"{least} or more")


def between(least: float, most: float) -> Check:
    return Check(lambda value: least <= value <= most, f"{least} to {most}")


def one_line(text: str) -> bool:
    return bool(text.strip()) and text.isprintable()


def read_record(node: Node, record: type[T], key: str = "") -> T:
    """Read a mapping into a dataclass. Raises DeclarationError with all that is wrong in it."""
    entries = _mapping(node, key)
    hints: Mapping[str, _Hint] = _hints(record)  # type: ignore[arg-type]
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for name, value in entries.entries.items():
        place = entries.key_places[name]
        if name in hints:
            try:
                values[name] = read_value(value, hints[name].type, joined(key, name))
            except DeclarationError as error:
                problems.extend(error.problems)
        elif not (name in SERVED and issubclass(record, Declared)):
            text = "unknown key" + nearest(name, hints)
            problems.append(Problem(place, joined(key, name), text))
    for name, hint in hints.items():
        if hint.required and name not in entries.entries:
            problems.append(Problem(entries.place, joined(key, name), "missing, and required"))
    if problems:
        raise DeclarationError(problems)
    if issubclass(record, Declared):
        values |= {"file": entries.place.file, "source": entries}
    return record(**values)


def read_value(node: Node, hint: Any, key: str) -> Any:
    """Read a node as `hint` says. Raises DeclarationError."""
    origin = get_origin(hint)
    if origin is Annotated:
        base, *marks = get_args(hint)
        own = next((mark for mark in marks if isinstance(mark, Using)), None)
        value = own.read(node, key) if own else read_value(node, base, key)
        for mark in marks:
            if isinstance(mark, Check) and not mark.holds(value):
                raise refused(node, key, mark.allowed)
        return value
    if origin in (Union, UnionType):
        (only,) = (part for part in get_args(hint) if part is not NoneType)
        return read_value(node, only, key)
    if origin is Literal:
        return read_choice(node, get_args(hint), key)
    if origin is tuple:
        return read_list(node, get_args(hint)[0], key)
    if origin is Mapping:
        return read_mapping(node, get_args(hint)[1], key)
    if hint is Any:
        return plain(node)
    if is_dataclass(hint):
        return read_record(node, hint, key)  # type: ignore[arg-type]
    return _SCALARS[hint](node, key)


def read_list(node: Node, item: Any, key: str) -> tuple[Any, ...]:
    if not isinstance(node, ListNode):
        raise refused(node, key, "a list")
    return tuple(
        _collect((f"{key}[{i}]", entry, item) for i, entry in enumerate(node.items)).values()
    )


def read_mapping(node: Node, value: Any, key: str) -> dict[str, Any]:
    entries = _mapping(node, key).entries
    read = _collect((joined(key, name), entry, value) for name, entry in entries.items())
    return dict(zip(entries, read.values(), strict=True))


def read_choice(node: Node, choices: tuple[str, ...], key: str) -> str:
    """Read one of a few words, in any of the spellings append_row, AppendRow and APPEND-ROW."""
    if isinstance(node, ScalarNode):
        for choice in choices:
            if _squashed(choice) == _squashed(node.text):
                return choice
    raise refused(node, key, " or ".join(choices))


def read_str(node: Node, key: str) -> str:
    """Read text; a number, boolean or date has to be in quotes to be text, as for `az`."""
    if not isinstance(node, ScalarNode) or node.kind == "null":
        raise refused(node, key, "text")
    if node.kind != "text":
        raise refused(node, key, f'text, in quotes: "{node.text}"')
    return node.text


def read_text(node: Node, key: str) -> str:
    """Read any single value as it is written: 1.10 stays 1.10, yes stays yes, null is empty."""
    if isinstance(node, ScalarNode):
        return "" if node.kind == "null" else node.text
    raise refused(node, key, "a single value")


def read_int(node: Node, key: str) -> int:
    if isinstance(node, ScalarNode) and node.kind == "int":
        digits = node.text.lstrip("+-").replace("_", "")
        octal = len(digits) > 1 and digits.startswith("0")
        if digits.isdecimal() and digits.isascii() and not octal and len(digits) <= MAX_DIGITS:
            return -int(digits) if node.text.startswith("-") else int(digits)
        raise refused(node, key, f"a whole number in plain digits, at most {MAX_DIGITS}")
    raise refused(node, key, "a whole number")


def read_float(node: Node, key: str) -> float:
    if isinstance(node, ScalarNode) and node.kind == "int":
        return float(read_int(node, key))
    if isinstance(node, ScalarNode) and node.kind == "float":
        try:
            value = float(node.text)
        except ValueError:  # .inf, .nan and numbers of base 60
            raise refused(node, key, "a number in plain digits") from None
        if abs(value) < float("inf"):
            return value
    raise refused(node, key, "a number")


def read_bool(node: Node, key: str) -> bool:
    if isinstance(node, ScalarNode) and node.kind == "bool":
        return node.text.lower() in ("true", "yes", "on")
    raise refused(node, key, "true or false")


def read_path(node: Node, key: str) -> Path:
    """Read a local path, made absolute from the folder of the file it stands in."""
    text = read_str(node, key).removeprefix("file:")
    if text.startswith("//"):
        text = "/" + text.lstrip("/")
    if not one_line(text):
        raise refused(node, key, "a path")
    return Path(_normal(node.place.file.parent / text))


def plain(node: Node) -> Any:
    """Return a node as Python's own values, lists and dicts, for open mappings."""
    if isinstance(node, MappingNode):
        return {key: plain(value) for key, value in node.entries.items()}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    if node.kind == "null":
        return None
    readings = {"int": read_int, "float": read_float, "bool": read_bool}
    try:
        return readings.get(node.kind, read_str)(node, "")
    except DeclarationError:
        return node.text


def refused(node: Node, key: str, allowed: str) -> DeclarationError:
    """Return the error for a value that is not what is allowed there."""
    return refusal(node.place, key, f"found {describe(node)}, allowed: {allowed}")


def joined(key: str, *names: str) -> str:
    """Return a dotted key with names behind it, in quotes where one wouldn't do in a message."""
    for name in names:
        word = name if one_line(name) and len(name) <= 60 else shown(name)
        key = f"{key}.{word}" if key else word
    return key


@dataclass(frozen=True)
class _Hint:
    type: Any
    required: bool


@cache
def _hints(record: Any) -> Mapping[str, _Hint]:
    """Return the keys a record takes from a file."""
    return {
        declared.name: _Hint(
            declared.type, declared.default is MISSING and declared.default_factory is MISSING
        )
        for declared in fields(record)
        if not declared.metadata.get("given")
    }


def _mapping(node: Node, key: str) -> MappingNode:
    if isinstance(node, MappingNode):
        return node
    raise refused(node, key, "a mapping of keys to values")


def _collect(parts: Any) -> dict[str, Any]:
    """Read several values, and raise what is wrong with all of them at once."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, node, hint in parts:
        try:
            values[key] = read_value(node, hint, key)
        except DeclarationError as error:
            problems.extend(error.problems)
    if problems:
        raise DeclarationError(problems)
    return values


def _squashed(word: str) -> str:
    return word.replace("_", "").replace("-", "").lower()


def _normal(path: Path) -> str:
    import os.path

    return os.path.normpath(path)


_SCALARS: Mapping[Any, Callable[[Node, str], Any]] = {
    str: read_str,
    int: read_int,
    float: read_float,
    bool: read_bool,
    Path: read_path,
}

Text = Annotated[str, Using(read_text)]
Texts = Mapping[str, Text]
Open = Mapping[str, Any]
