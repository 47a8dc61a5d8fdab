"""A file that can't be read, and the words in which that is said."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST_SHOWN = 60  # characters of a cell in a message


class BadFile(Exception):
    """A file that can't be read as the model wants it; its text says why, without the name."""


def with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def listed(names: Sequence[str]) -> str:
    return ", ".join(map(shown, names))


def shown(text: str) -> str:
    """A cell as a message shows it: quoted, and its blanks and line breaks to be seen."""
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…")
