"""The Python that a declaration asks for, as conda, MLflow and uv write it."""

from __future__ import annotations

import re
import sys
from typing import Final

# What the runner's code runs in elsewhere, the newest last.
KNOWN_MINORS: Final = tuple((3, minor) for minor in range(9, 15))

_VERSION = re.compile(r"\d+(?:\.\d+){0,2}")
_CONDITION = re.compile(r"(<=|>=|==|!=|~=|=|<|>)?\s*(\d+(?:\.\d+)*)(\.\*|\*)?")


def own_version() -> str:
    """The version of the Python that runs the runner, such as 3.11.7."""
    return ".".join(map(str, sys.version_info[:3]))


def minor_of(version: str) -> str:
    """3.10 of 3.10.13 and of 3.10; a version without a minor is given as it is."""
    return ".".join(version.split(".")[:2])


def same_minor(declared: str | None) -> bool:
    """Whether the runner's own Python is of the declared minor version, if there is one."""
    if declared is None:
        return True
    wanted = minor_of(declared).split(".")
    return wanted == own_version().split(".")[: len(wanted)]


def version_in(text: str) -> str | None:
    """The version that a condition such as `3.10`, `=3.10.*` or `>=3.10,<3.11` asks for.

    Where several minor versions are allowed it is the runner's own, else the newest known. None
    where it allows none of them, or is no condition.
    """
    text = text.strip()
    if _VERSION.fullmatch(text) and text.count("."):
        return text
    conditions = [part.strip() for part in text.split(",")]
    parts = [_CONDITION.fullmatch(condition) for condition in conditions]
    if not all(parts):
        return None
    exact = [part[2] for part in parts if part and part[1] in (None, "=", "==") and "." in part[2]]
    if exact:
        return max(exact, key=len)
    own = sys.version_info[:2]
    allowed = [
        minor
        for minor in (own, *reversed(KNOWN_MINORS))
        if all(_allows(part[1] or "=", part[2], minor) for part in parts if part)
    ]
    return ".".join(map(str, allowed[0])) if allowed else None


def _allows(operator: str, version: str, minor: tuple[int, ...]) -> bool:
    """Whether some Python of a minor version holds a condition."""
    wanted = tuple(map(int, version.split(".")))
    first = wanted[:2]
    if operator in ("=", "=="):
        return minor[: len(first)] == first
    if operator == ">=":
        return minor >= first
    if operator == ">":
        return minor >= first if len(wanted) > 2 else minor > first
    if operator == "<=":
        return minor <= first
    if operator == "<":
        return minor <= first if len(wanted) > 2 and wanted[2] > 0 else minor < first
    if operator == "~=":
        return minor >= first and (len(wanted) == 2 or minor == first)
    return len(wanted) > 2 or minor[: len(first)] != first
