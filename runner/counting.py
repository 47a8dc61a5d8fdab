"""Numbers of things in words."""

from __future__ import annotations


def many(count: int, noun: str) -> str:
    """Return a count with its noun, as in `1 file` and `2,000 files`."""
    return f"{count:,} {noun if count == 1 else plural(noun)}"


def plural(noun: str) -> str:
    return noun + ("es" if noun.endswith(("s", "ch")) else "s")


def size(count: float) -> str:
    """Return bytes as people read them: `1.5 MB`."""
    units = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
    unit, name = next((found for found in units if count >= found[0]), (1, "B"))
    number = count / unit
    return f"{number:,.0f} {name}" if unit == 1 or number >= 999.5 else f"{number:.3g} {name}"
