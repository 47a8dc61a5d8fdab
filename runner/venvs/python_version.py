"""Reads the Python version that a declaration asks for, as conda, MLflow and uv write it."""

from __future__ import annotations

import re
import sys
from typing import Final

# The versions in which the runner's code runs in a venv, the newest last.
KNOWN_MINORS: Final = tuple((3, minor) for minor in range(9, 15))

_PATCHES = 50  # more than any minor version of Python has had

_VERSION = re.compile(r"\d+(?:\.\d+){0,2}")
_CONDITION = re.compile(r"(<=|>=|==|!=|~=|=|<|>)?\s*(\d+(?:\.\d+)*)(\.\*|\*)?")


def own_version() -> str:
    """Return the version of the Python that runs the runner, such as 3.11.7."""
    return ".".join(map(str, sys.version_info[:3]))


def minor_of(version: str) -> str:
    """Return 3.10 of 3.10.13 and of 3.10, and a version without a minor as it is."""
    return ".".join(version.split(".")[:2])


def same_minor(declared: str | None) -> bool:
    """Return whether the runner's own Python is of the declared minor version, if there is one."""
    if declared is None:
        return True
    wanted = minor_of(declared).split(".")
    return wanted == own_version().split(".")[: len(wanted)]


def version_in(text: str) -> str | None:
    """Return the version that a condition such as `3.10`, `=3.10.*` or `>=3.10,<3.11` asks for.

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
    from packaging.specifiers import SpecifierSet

    wanted = SpecifierSet(",".join(_specifier(part[1], part[2]) for part in parts if part))
    for major, minor in (sys.version_info[:2], *reversed(KNOWN_MINORS)):
        if any(wanted.contains(f"{major}.{minor}.{patch}") for patch in range(_PATCHES)):
            return f"{major}.{minor}"
    return None


def _specifier(operator: str | None, version: str) -> str:
    """Return a condition as PEP 440 has it."""
    if operator in (None, "=", "=="):
        return f"=={version}.*"
    if operator == "!=" and version.count(".") < 2:
        return f"!={version}.*"
    return f">={version}" if operator == "~=" and "." not in version else f"{operator}{version}"
