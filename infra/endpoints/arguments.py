"""A declared record as the arguments of Azure's resource, which names its properties alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from infra import duration
from runner.declarations.reader import Duration


def arguments(record: Any) -> dict[str, Any]:
    """Return the arguments by name: words and durations in Azure's form, records as mappings.

    Values that are absent or empty are None, so that Azure's own default holds.
    """
    given: dict[str, Any] = {}
    for field in fields(record):
        value, marks = getattr(record, field.name), _marks(field.type)
        unit = next((mark.unit for mark in marks if isinstance(mark, Duration)), None)
        # Azure's duration says its unit itself.
        name = field.name.removesuffix("_ms") if unit == "ms" else field.name
        given[name] = _argument(value, field.type, unit)
    return given


def _argument(value: Any, hint: Any, unit: str | None) -> Any:
    if value is None:
        return None
    if is_dataclass(value):
        return arguments(value)
    if unit is not None:
        return duration.seconds(value) if unit == "s" else duration.milliseconds(value)
    if get_origin(_required(hint)) is Literal:
        return "".join(word.capitalize() for word in value.split("_"))
    if isinstance(value, Mapping):
        return dict(value) or None
    return value


def _required(hint: Any) -> Any:
    """Return the type without `| None`."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (choice for choice in get_args(hint) if choice is not NoneType)
    return hint


def _marks(hint: Any) -> tuple[Any, ...]:
    hint = _required(hint)
    return hint.__metadata__ if get_origin(hint) is Annotated else ()
