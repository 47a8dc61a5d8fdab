"""Marks the settings that one call may change, in the records that declare them."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Literal

Where = Literal["everywhere", "this machine"]
_MARK = "per_call"
# For `metadata` of a field. A setting without it belongs to the deployment alone.
EVERYWHERE = {_MARK: "everywhere"}
THIS_MACHINE = {_MARK: "this machine"}  # Azure's scoring interface takes it with no call


def per_call(record: Any, prefix: str = "") -> Iterator[tuple[str, Where]]:
    """Yield the dotted keys of a record that a call may change, with where it may."""
    for field in fields(record):
        key = f"{prefix}{field.name}"
        if _MARK in field.metadata:
            yield key, field.metadata[_MARK]
        elif is_dataclass(field.type):
            yield from per_call(field.type, f"{key}.")
