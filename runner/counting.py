"""Numbers of things in words."""

from __future__ import annotations


def many(count: int, noun: str) -> str:
    """Return a count with its noun, as in `1 file` and `2,000 files`."""
    return f"{count:,} {noun if count == 1 else plural(noun)}"


def plural(noun: str) -> str:
    return noun + ("es" if noun.endswith(("s", "ch")) else "s")
