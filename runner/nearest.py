"""Suggests the name that was probably meant, as the end of an error message."""

from __future__ import annotations

from collections.abc import Iterable

FEW = 6  # names that still fit on one line


def nearest(word: str, words: Iterable[str]) -> str:
    """End a message about an unknown `word` with the way out.

    Returns `; did you mean 'x'?`, or the whole list where nothing is near and the list is
    short, or `; there are none`, or nothing at all.
    """
    import difflib

    names = sorted(set(words))
    if not names:
        return "; there are none"
    by_lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {by_lower[close[0]]!r}?"
    if len(names) == 1:
        return f"; there is only {names[0]!r}"
    if len(names) <= FEW:
        return "; there are " + ", ".join(repr(name) for name in names)
    return ""
