"""Hides keys and passwords in the addresses of indexes, which nothing kept or shown may hold."""

from __future__ import annotations

import re

_USER = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)([^/\s\"`]+)@")
_QUERY = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://[^\s?#'\"`]+)\?[^\s#'\"`]+")
# A key that is given by the name of a variable is not in clear.
_BY_VARIABLE = re.compile(r"(?:[\w.-]+:)?\$\{[A-Z0-9_]+\}(?::\$\{[A-Z0-9_]+\})?")


def without_keys(text: str) -> str:
    """Return a text whose addresses have neither a key or password in clear, nor a query."""
    return _QUERY.sub(r"\1?***", _USER.sub(_without_key, text))


def _without_key(found: re.Match[str]) -> str:
    return found[0] if _BY_VARIABLE.fullmatch(found[2]) else f"{found[1]}***@"
