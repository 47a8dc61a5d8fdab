"""Names and versions of Python packages, as indexes compare them."""

from __future__ import annotations

import re

from runner.package_names import normal

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?=$|[\[\s;@(<>=!~#,])")
_EXACT = re.compile(
    r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*==\s*([A-Za-z0-9][^\s;,#*]*)"
    r"\s*(?:$|--hash=|--hash )"
)


def name_of(requirement: str) -> str | None:
    """The package that a requirement names, in its normal form; None for a path or an address."""
    found = _NAME.match(requirement)
    return normal(found[1]) if found else None


def exact_pin(requirement: str) -> tuple[str, str] | None:
    """Name and version of a requirement that is `name==version` and nothing else but hashes."""
    found = _EXACT.match(requirement)
    return (normal(found[1]), found[2]) if found else None


def same_version(declared: str, installed: str) -> bool:
    """Whether `==declared` takes the installed version, of two that are written in full.

    A local part (+cpu) counts only where it is declared, and zeros at the end never (PEP 440).
    """
    if "+" not in declared:
        installed = installed.partition("+")[0]
    return _without_zeros(declared) == _without_zeros(installed)


def _without_zeros(version: str) -> str:
    public, plus, local = version.lower().removeprefix("v").partition("+")
    return re.sub(r"(\.0)+(?=$|\.?[a-z])", "", public) + plus + local
