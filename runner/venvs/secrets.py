"""Keys and passwords in the addresses of indexes, which nothing that is kept or shown may hold."""

from __future__ import annotations

import re

_USER = re.compile(r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]*://)[^/\s@'\"`]+@")
_QUERY = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://[^\s?#'\"`]+)\?[^\s#'\"`]+")


def without_keys(text: str) -> str:
    """A text whose addresses have neither user nor password, and no query."""
    return _QUERY.sub(r"\1?***", _USER.sub(r"\g<scheme>***@", text))
