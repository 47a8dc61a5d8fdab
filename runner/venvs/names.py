"""Reads names and versions of Python packages, as indexes compare them."""

from __future__ import annotations

import re

from runner.package_names import normal

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?=$|[\[\s;@(<>=!~#,])")
_EXACT = re.compile(
    r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*==\s*([A-Za-z0-9][^\s;,#*]*)"
    r"\s*(?:$|--hash=|--hash )"
)


def name_of(requirement: str) -> str | None:
    """Return the package that a requirement names, normalized; None for a path or an address."""
    found = _NAME.match(requirement)
    return normal(found[1]) if found else None


def exact_pin(requirement: str) -> tuple[str, str] | None:
    """Return name and version of a requirement that is `name==version` and at most has hashes."""
    found = _EXACT.match(requirement)
    return (normal(found[1]), found[2]) if found else None


def version_of(text: str) -> tuple[int, ...]:
    """Return the numbers at the beginning of a version; 0 where there is none."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[^\d.]", text)[0] or "0"))


def same_version(declared: str, installed: str) -> bool:
    """Return whether `==declared` takes the installed version, both written in full.

    A local part (+cpu) counts only where it is declared, and zeros at the end never (PEP 440).
    """
    if "+" not in declared:
        installed = installed.partition("+")[0]
    return _without_zeros(declared) == _without_zeros(installed)


def _without_zeros(version: str) -> str:
    public, plus, local = version.lower().removeprefix("v").partition("+")
    return re.sub(r"(\.0)+(?=$|\.?[a-z])", "", public) + plus + local
