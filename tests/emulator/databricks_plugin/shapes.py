"""The two shapes of a resource: a program's `camelCase`, and Databricks' `snake_case`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Properties whose keys are somebody's own words.
_VERBATIM = frozenset(
    {"customTags", "environmentVars", "properties", "sparkConf", "sparkEnvVars", "tags"}
)
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_LINE = re.compile(r"_([a-z0-9])")


def sent(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a program's properties as Databricks takes them."""
    return {
        _CAPITAL.sub(r"_\1", name).lower(): _in(name, value) for name, value in properties.items()
    }


def shown(answered: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer of Databricks as a program sees it."""
    found = {}
    for name, value in answered.items():
        camel = _LINE.sub(lambda match: match[1].upper(), name)
        found[camel] = _out(camel, value)
    return found


def _in(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value) if name in _VERBATIM else sent(value)
    if isinstance(value, list):
        return [sent(item) if isinstance(item, Mapping) else item for item in value]
    return value


def _out(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value) if name in _VERBATIM else shown(value)
    if isinstance(value, list):
        return [shown(item) if isinstance(item, Mapping) else item for item in value]
    return value
